import { composites } from '../ops/index.ts';
import type { Activation, LinearAttrs } from '../ops/linear.ts';
import type { Tensor } from '../tensor.ts';
import { requireActivation } from './arguments.ts';
import type { Dispatch } from './dispatch.ts';

export type { Activation } from '../ops/linear.ts';

/** One linear map for each expert, stacked. */
export interface ExpertLinear {
  /** [expert, in, out] */
  readonly weight: Tensor;
  /** [expert, out] */
  readonly bias: Tensor;
}

/** E feed-forward networks, FFN_i(x) = act(x W1_i + b1_i) W2_i + b2_i. */
export interface Experts {
  readonly fc1: ExpertLinear;
  readonly fc2: ExpertLinear;
}

/** What passes through the experts' linears; their statistics are what OMoE records. */
export interface ExpertFlow {
  readonly fc1: { readonly input: Tensor; readonly output: Tensor };
  readonly fc2: { readonly input: Tensor; readonly output: Tensor };
}

/** Each row by its own expert's matrix and bias, [row, in] · [expert, in, out] -> [row, out]: [z], or [act(z), z]. */
const expertLinear = (
  x: Tensor,
  { weight, bias }: ExpertLinear,
  { offsets }: Dispatch,
  activation: LinearAttrs['activation'],
): readonly Tensor[] => x.engine.run(composites.groupedLinear, [x, weight, bias, offsets], { activation });

/** The sorted rows through their experts. */
export function runExperts(rows: Tensor, { fc1, fc2 }: Experts, plan: Dispatch, activation: Activation): ExpertFlow {
  requireActivation('runExperts', activation);
  const [active, hidden] = expertLinear(rows, fc1, plan, activation); // [row, in] -> [row, hidden]
  const [output] = expertLinear(active, fc2, plan, 'none'); // [row, hidden] -> [row, out]
  return { fc1: { input: rows, output: hidden }, fc2: { input: active, output } };
}

/** Every expert on every token, for the measures: [token, in] -> [expert, token, out]. */
export function everyExpert(x: Tensor, { fc1, fc2 }: Experts, activation: Activation): Tensor {
  requireActivation('everyExpert', activation);
  const hidden = x.expandDims(0).matmul(fc1.weight).add(fc1.bias.expandDims(1)); // [1, token, in] · [expert, in, hidden]
  return hidden[activation]().matmul(fc2.weight).add(fc2.bias.expandDims(1)); // [expert, token, hidden] · [expert, hidden, out]
}
