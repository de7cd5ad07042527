import { compound, gamma, smallestNormal, type Ulps, UNIT_ROUNDOFF } from '../spec/rounding/model.ts';
import type { Engine, Tensor } from '../src/index.ts';
import type { Bare, BareWork } from './bare.ts';

/** A number, or sizes that belong together, as in `1024x128x8`. */
export type Size = number | string;

/** What is timed. Each case is drawn, run, held to a bound, and where somebody would write it so, said again in bare gpu.js. */
export interface Case<Inputs = unknown> {
  readonly name: string;
  readonly kind: 'kernel' | 'step';
  readonly sizes: readonly Size[];
  /** One that takes no time, to see that the case works. */
  readonly quick: Size;
  title(size: Size): string;
  /** Multiplications and additions of one call; undefined where they are not what takes the time. */
  flops?(size: Size): number;
  /** Tokens that one call trains on; undefined where nothing is trained. */
  tokens?(size: Size): number;
  /** Drawn once, in Float32 on the CPU; every device and the Float64 reference get these numbers. */
  inputs(t: Engine, size: Size): Inputs;
  /** Issues the work. The clock stops when all of it is done. */
  run(inputs: Inputs): readonly Tensor[] | Promise<readonly Tensor[]>;
  /** Reads the first output before the clock stops, as a training loop does with its loss. */
  readonly reads?: boolean;
  /** The outputs in Float64, where less than the whole work tells them; `bounds` says how near they must be. Default: `run`. */
  exact?(inputs: Inputs): readonly Tensor[];
  /** How far each output may be from `exact`, by element; null: not at all. The inputs are Float64 ones. */
  bounds(inputs: Inputs, ulps: Ulps): readonly (Tensor | null)[];
  /** The same operation, or the products it consists of, as kernels that anybody would write in gpu.js. */
  bare?(gpu: Bare, inputs: Inputs, data: (x: Tensor) => Float32Array): BareWork;
  /** Other work of ours on the same inputs and device, to be timed beside it: what the case is a multiple of. */
  readonly baseline?: { readonly name: string; run(inputs: Inputs): readonly Tensor[] | Promise<readonly Tensor[]> };
}

/** The unit roundoff of what is timed. */
export const u = UNIT_ROUNDOFF.float32;

/** `64x128` as numbers. */
export const dimensions = (size: Size): number[] => String(size).split('x').map(Number);

/** γ_inner |A||B| and what flushing small products to zero loses (spec/rounding/contractions.ts). */
export const productBound = (a: Tensor, b: Tensor): Tensor => {
  const inner = a.shape.at(-1)!;
  return a
    .abs()
    .matmul(b.abs())
    .multiply(gamma(inner, u))
    .add(inner * smallestNormal(u));
};

/**
 * The relative error of a weight e^{z−m} / Σ e^{z−m} of `terms` terms: the difference is off by u|z − m|, exp by its ulps, both
 * again in the sum, then a division. Absolute error of an exponent is relative error of its exponential, and eˣ − 1 ≤ 2x for the
 * x at hand, which are below 1e-2.
 * @param exponent how far each logit may be off already, and |z − m|·u: broadcast to the weights
 */
export const softmaxError = (exponent: Tensor, terms: number, ulps: Ulps): Tensor =>
  exponent
    .multiply(4)
    .add(compound(2 * ulps.exp * u, 2 * ulps.exp * u, gamma(Math.max(1, terms - 1), u), 2 * ulps.divide * u, 8 * u));

/** u times the width of each row's logits: what the difference to the largest may be off by. […, n] -> […, 1] */
export const rangeError = (z: Tensor): Tensor =>
  z
    .max([-1], { keepDims: true })
    .subtract(z.min([-1], { keepDims: true }))
    .multiply(u);

/** What gelu(z) may be off by where |z| ≤ Z and z is off by relative·Z: its slope is at most 1.13; erf, two products and a sum. */
export const geluError = (relative: number, ulps: Ulps): number =>
  1.13 * relative + (2 * ulps.erf + 2 * ulps.divide + 4) * u;
