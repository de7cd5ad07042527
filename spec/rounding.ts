/**
 * How far a correct computation may be from its definition.
 *
 * Inputs are exact: whoever compares rounds them to the working precision first. u is the unit roundoff of that precision,
 * and every operation returns (x ∘ y)(1 + δ) + η with |δ| ≤ u and |η| ≤ λ, the smallest normal number, which also covers
 * hardware that flushes small results to zero. Overflow is outside the model.
 * A bound is a function (inputs…, u, ulps) -> array of absolute bounds, one for each element of the result; it is derived,
 * never tuned, and holds for any order of summation. Where the exact value is infinite or NaN it is 0: to be met exactly.
 */
export * from './rounding/attention.ts';
export * from './rounding/contractions.ts';
export * from './rounding/functions.ts';
export * from './rounding/gradients.ts';
export * from './rounding/model.ts';
export * from './rounding/normalisations.ts';
export * from './rounding/orthogonal-update.ts';
export * from './rounding/routing.ts';
