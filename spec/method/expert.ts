/**
 * An expert: the feed-forward network of a transformer block.
 */
import type { Real } from '../array.ts';
import { gelu } from '../ops/elementwise.ts';
import { linear } from '../ops/matmul.ts';

/** y = xW + b. */
export interface Linear {
  /** W, [in, out] */
  readonly weight: Real;
  /** b, [out] */
  readonly bias: Real;
}

export interface Expert {
  /** width -> hidden */
  readonly fc1: Linear;
  /** hidden -> width */
  readonly fc2: Linear;
}

/** A function of one number, applied to each entry of the hidden layer: `gelu` (default), `relu`, … of `../ops`. */
export type Activation = (x: Real) => Real;

/** y = xW + b: [token, in] · [in, out] + [out] -> [token, out]. */
export const applyLinear = (x: Real, { weight, bias }: Linear): Real => linear(x, weight, bias);

/** Everything that passes through an expert: what its two linears read and write. */
export interface Passage {
  /** x, [token, width]: the input of fc1 */
  readonly input: Real;
  /** xW1 + b1, [token, hidden]: the output of fc1 */
  readonly preactivation: Real;
  /** act(xW1 + b1), [token, hidden]: the input of fc2, the expert's own activations */
  readonly hidden: Real;
  /** FFN(x), [token, width]: the output of fc2, the expert's representation of the tokens */
  readonly output: Real;
}

/** FFN(x) = act(xW1 + b1) W2 + b2, with all that is seen on the way. */
export function passThrough(x: Real, expert: Expert, activation: Activation = gelu): Passage {
  const preactivation = applyLinear(x, expert.fc1);
  const hidden = activation(preactivation);
  return { input: x, preactivation, hidden, output: applyLinear(hidden, expert.fc2) };
}

/** FFN(x), [token, width] -> [token, width]. */
export const feedForward = (x: Real, expert: Expert, activation: Activation = gelu): Real =>
  passThrough(x, expert, activation).output;
