/**
 * The model of working-precision arithmetic, and what follows from it in one line
 * (N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., §2.2 and §3.1).
 */
import { at, fromFunction, precondition, type Real } from '../array.ts';
import { add } from '../ops/elementwise.ts';

/** Unit roundoff: half the distance from 1 to the next number. */
export const UNIT_ROUNDOFF = { float32: 2 ** -24, float64: 2 ** -53 } as const;

/** The smallest normal number of the precision with unit roundoff u. */
export function smallestNormal(u: number): number {
  precondition(u === UNIT_ROUNDOFF.float32 || u === UNIT_ROUNDOFF.float64, `${u} is no unit roundoff we know`);
  return u === UNIT_ROUNDOFF.float32 ? 2 ** -126 : 2 ** -1022;
}

/**
 * Error of the elementary functions of a backend in its working precision, in units in the last place of the result.
 * One unit is at most 2u of the value, so a function with k units returns f(x)(1 + δ), |δ| ≤ 2ku.
 */
export interface Ulps {
  readonly exp: number;
  readonly log: number;
  readonly tanh: number;
  readonly erf: number;
  readonly power: number;
  /** ½ where division and roots are rounded correctly. */
  readonly divide: number;
  readonly sqrt: number;
}

/**
 * What we grant the reference: the `Math` of the host and our own `erf` (derived beside it), in Float64. Of 60,000 random
 * arguments each, in V8, they were off by at most 0.58 (exp), 0.69 (log), 1.36 (tanh), 1.5 (erf) and 0.65 (power) units of 2u.
 * tanh has three, as in fdlibm it passes an expm1 and a quotient.
 */
export const REFERENCE_ULPS: Ulps = { exp: 1, log: 1, tanh: 3, erf: 4, power: 1, divide: 0.5, sqrt: 0.5 };

/**
 * γ_n = n·u / (1 − n·u): n factors (1 + δ)^{±1} with |δ| ≤ u multiply to 1 + θ with |θ| ≤ γ_n.
 * Throws `SpecError` where n·u ≥ 1: nothing can be said there.
 * @param u that of Float64 where it is left out
 */
export function gamma(n: number, u: number = UNIT_ROUNDOFF.float64): number {
  precondition(n >= 0 && n * u < 1, `γ of ${n} roundings needs n·u < 1`);
  return (n * u) / (1 - n * u);
}

/** (1 + a)(1 + b)⋯ − 1, without forming the sums with 1: relative errors one after the other. */
export const compound = (...errors: readonly number[]): number => errors.reduce((a, b) => a + b + a * b, 0);

/** A bound as the files beside this one give it, once the inputs are filled in. */
export type Bound = (u: number, ulps: Ulps) => Real;

/**
 * What a computed result may differ from the definition's, since the definition is itself computed, in Float64:
 * bound(u) + bound(2⁻⁵³).
 */
export const tolerance = (bound: Bound, u: number, ulps: Ulps): Real =>
  add(bound(u, ulps), bound(UNIT_ROUNDOFF.float64, REFERENCE_ULPS));

/** `bound` where the exact value is finite. An infinity or NaN has to be met exactly: bound 0. */
export const whereFinite = (exact: Real, bound: (index: number[], value: number) => number): Real =>
  fromFunction(exact.shape, (index) => {
    const value = at(exact, index);
    return Number.isFinite(value) ? bound(index, value) : 0;
  });
