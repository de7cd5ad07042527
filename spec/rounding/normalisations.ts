/**
 * Bounds of softmax, its logarithm, logSumExp, the gate, cross entropy and layer norm. ε_f = 2·ulps(f)·u as in functions.ts,
 * δ that of a division, ρ that of a root; λ is the smallest normal number.
 */
import { at, fromFunction, type Int, lane, mapLanes, type Real } from '../array.ts';
import { crossEntropy } from '../ops/cross-entropy.ts';
import { layerNorm } from '../ops/layer-norm.ts';
import { logSumExp, mean, reduceWith, variance } from '../ops/reduce.ts';
import { slotGates } from '../ops/routing.ts';
import { logSoftmax, softmax } from '../ops/softmax.ts';
import { meanBound, varianceBound } from './contractions.ts';
import { compound, gamma, smallestNormal, type Ulps, whereFinite } from './model.ts';

/** What happens to Σⱼ e^{xⱼ − m} on the way, m the largest x (0 where that is infinite). */
interface ShiftedSum {
  readonly shift: number;
  /** The exact sum S. */
  readonly sum: number;
  /** Its relative error, all of it. */
  readonly error: number;
}

/**
 * e^{x − m} computed: the difference is rounded, (x − m)(1 + δ), which multiplies the exponential by e^{(x−m)δ} ≤ e^{u|x−m|};
 * then ε_exp. Relative error ρ = e^{u|x−m|}(1 + ε_exp) − 1. (x = −∞ gives 0 exactly.)
 */
const exponentialError = (x: number, m: number, u: number, ulps: Ulps): number =>
  x === -Infinity ? 0 : compound(Math.expm1(u * Math.abs(x - m)), 2 * ulps.exp * u);

/**
 * The terms are positive, so the sum's relative error is their mean ρ̄ = Σ eⱼρⱼ / S, then γ_{n−1} for adding; n terms may
 * have lost λ each: (1 + ρ̄)(1 + γ_{n−1}) − 1 + nλ/S.
 */
function shiftedSum(lane: readonly number[], u: number, ulps: Ulps): ShiftedSum {
  const highest = lane.reduce((m, x) => Math.max(m, x), -Infinity);
  const shift = Number.isFinite(highest) ? highest : 0;
  let [sum, weighted] = [0, 0];
  for (const x of lane) {
    const e = Math.exp(x - shift);
    sum += e;
    if (e > 0) weighted += e * exponentialError(x, shift, u, ulps);
  }
  const roundings = gamma(Math.max(lane.length - 1, 0), u);
  const error = compound(weighted / sum, roundings) + (lane.length * smallestNormal(u)) / sum;
  return { shift, sum, error };
}

/**
 * yᵢ = eᵢ/S: the error ρᵢ above the line, R that of S below it, the division δ, and one rounding more by the reciprocal:
 * yᵢ((1 + ρᵢ)(1 + γ₁)(1 + δ)/(1 − R) − 1) + 2λ. (S ≥ 1, so a lost eᵢ stays below λ.)
 */
export function softmaxBound(x: Real, axis: number, u: number, ulps: Ulps): Real {
  const bounds = mapLanes(x, axis, (lane) => {
    const { shift, sum, error } = shiftedSum(lane, u, ulps);
    return lane.map((value) => {
      const y = Math.exp(value - shift) / sum;
      const rounded = compound(gamma(1, u), 2 * ulps.divide * u);
      const relative = compound(exponentialError(value, shift, u, ulps), rounded, error / (1 - error));
      return (y === 0 ? 0 : y * relative) + 2 * smallestNormal(u);
    });
  });
  return whereFinite(softmax(x, axis), (index) => at(bounds, index));
}

/** ln Ŝ: the error R of S moves it by at most −ln(1 − R) =: L, then ε_log of the value: L + ε_log(ln S + L). */
function logOfSumError({ sum, error }: ShiftedSum, u: number, ulps: Ulps): number {
  const L = -Math.log1p(-error);
  return L + 2 * ulps.log * u * (Math.abs(Math.log(sum)) + L);
}

/** m + ln S: the error B of ln S, then one rounding: B + u(|m + ln S| + B) + λ */
export function logSumExpBound(
  x: Real,
  axes: number | readonly number[] | undefined,
  u: number,
  ulps: Ulps,
  options: { readonly keepDims?: boolean } = {},
): Real {
  const bounds = reduceWith(x, axes, options, (elements) => {
    const parts = shiftedSum(elements, u, ulps);
    const B = logOfSumError(parts, u, ulps);
    return B + u * (Math.abs(parts.shift + Math.log(parts.sum)) + B) + smallestNormal(u);
  });
  return whereFinite(logSumExp(x, axes, options), (index) => at(bounds, index));
}

/**
 * Either (xᵢ − m) − ln S or xᵢ − (m + ln S): the error B of ln S; one rounding of the inner sum, of size |xᵢ − m| or
 * |m + ln S|; one of the outer difference y. With C = B + u(max(|xᵢ − m|, |m + ln S|) + B): C + u(|y| + C) + λ.
 */
export function logSoftmaxBound(x: Real, axis: number, u: number, ulps: Ulps): Real {
  const bounds = mapLanes(x, axis, (lane) => {
    const parts = shiftedSum(lane, u, ulps);
    const B = logOfSumError(parts, u, ulps);
    const logSum = Math.log(parts.sum);
    return lane.map((value) => {
      const inner = Math.max(Math.abs(value - parts.shift), Math.abs(parts.shift + logSum));
      const C = B + u * (inner + B);
      return C + u * (Math.abs(value - parts.shift - logSum) + C) + smallestNormal(u);
    });
  });
  return whereFinite(logSoftmax(x, axis), (index) => at(bounds, index));
}

/** That of logSoftmax at the label. */
export function crossEntropyBound(logits: Real, labels: Int, u: number, ulps: Ulps): Real {
  const bounds = logSoftmaxBound(logits, 1, u, ulps);
  return whereFinite(crossEntropy(logits, labels), ([r]) => at(bounds, [r, at(labels, [r])]));
}

/** One element of n = (x − x̄)/σ, σ² = v + ε, as it may be computed. */
export interface Normalised {
  readonly n: number;
  /** How far n may be off. */
  readonly error: number;
  readonly sigma: number;
  /** How far a division by the computed σ may be off, relatively, whatever is divided. */
  readonly divided: number;
}

/**
 * Two passes, as in varianceBound. d = x − x̄ is off by the mean's error M and one rounding. v + ε =: σ² is off by
 * W = V + uε + u(σ² + V + uε), from the variance's error V, the rounding of ε and of the sum; it is never below ε(1 − u)
 * computed, so σ̂² ≥ max(σ² − W, ε(1 − u)) =: low. The root is off by ρ, below the line; the division by δ, and one rounding
 * where it is a product with the reciprocal: t = (1 + γ₁)(1 + δ)/(1 − ρ) − 1. So a division by σ is off by the factor
 * (1 + t) σ/√low, and n = d/σ by N = ((|d| + M)(1 + u)(1 + t) σ/√low − |d|)/σ. Infinite where ε = 0 and the lane is constant
 * up to rounding: nothing can be said.
 */
export function normalisedBound(
  x: Real,
  epsilon: number,
  u: number,
  ulps: Ulps,
): (index: readonly number[]) => Normalised {
  const last = x.shape.length - 1;
  const keep = { keepDims: true };
  const M = meanBound(x, last, u, ulps, keep);
  const V = varianceBound(x, last, u, ulps, keep);
  const root = 2 * ulps.sqrt * u;
  const t = compound(gamma(1, u), 2 * ulps.divide * u, root / (1 - root));
  const [means, variances] = [mean(x, last, keep), variance(x, last, keep)];
  return (index) => {
    const row = [...index.slice(0, -1), 0];
    const d = at(x, index) - at(means, row);
    const square = at(variances, row) + epsilon;
    const sigma = Math.sqrt(square);
    const varianceError = at(V, row) + u * epsilon;
    const W = varianceError + u * (square + varianceError);
    // σ²/low − 1, from either part of low
    const byVariance = square > W ? W / (square - W) : Infinity;
    const byEpsilon = epsilon > 0 ? (at(variances, row) + u * epsilon) / (epsilon * (1 - u)) : Infinity;
    const excess = Math.min(byVariance, byEpsilon);
    if (excess === Infinity) return { n: d / sigma, error: Infinity, sigma, divided: Infinity };
    const divided = compound(t, excess / (Math.sqrt(1 + excess) + 1)); // σ/√low = √(1 + excess)
    const grown = compound(u, divided);
    const error = (Math.abs(d) * grown + at(M, row) * (1 + grown)) / sigma;
    return { n: d / sigma, error, sigma, divided };
  };
}

/** y = n·w + b, n off by N: N|w| + γ₂((|n| + N)|w| + |b|) + λ(1 + |w|) */
export function layerNormBound(x: Real, weight: Real, bias: Real, epsilon: number, u: number, ulps: Ulps): Real {
  const last = x.shape.length - 1;
  const normalised = normalisedBound(x, epsilon, u, ulps);
  return whereFinite(layerNorm(x, weight, bias, epsilon), (index) => {
    const { n, error: N } = normalised(index);
    if (N === Infinity) return Infinity;
    const [w, b] = [Math.abs(at(weight, [index[last]])), Math.abs(at(bias, [index[last]]))];
    return N * w + gamma(2, u) * ((Math.abs(n) + N) * w + b) + smallestNormal(u) * (1 + w);
  });
}

/**
 * The gates of `slotGates`, the larger way of each.
 * Renormalised: softmax over the kept logits; or p/S, S = Σ_kept p, from the softmax over all: p off by A above the line; S by
 * b, which is ΣA/S and γ_{k−1} of adding; the division by d, which is δ and one rounding as in softmaxBound:
 * ((p + A)(1 + d)/(1 − b) − p)/S = (A/S·(1 + d) + γ(d + b))/(1 − b).
 * Otherwise the softmax over all; or e^{z − L}, L = logSumExp(z) off by B: the difference by B + u(|z − L| + B), which the
 * exponential passes on as a factor, then ε_exp.
 */
export function slotGatesBound(logits: Real, k: number, renormalize: boolean, u: number, ulps: Ulps): Real {
  const { gates, chosen } = slotGates(logits, k, renormalize);
  const lambda = smallestNormal(u);
  const [p, ofAll] = [softmax(logits, 1), softmaxBound(logits, 1, u, ulps)];
  const kept = fromFunction(chosen.shape, ([t, s]) => at(logits, [t, at(chosen, [t, s])]));
  const ofKept = softmaxBound(kept, 1, u, ulps);
  const [L, B] = [logSumExp(logits, 1), logSumExpBound(logits, 1, u, ulps)];
  return whereFinite(gates, ([t, s], gate) => {
    const e = at(chosen, [t, s]);
    if (!renormalize) {
      const D = at(B, [t]) + u * (Math.abs(at(logits, [t, e]) - at(L, [t])) + at(B, [t]));
      // Of a logit −∞ the difference is off by ∞, and its exponential is 0 all the same.
      const relative = gate === 0 ? 0 : compound(Math.expm1(D), 2 * ulps.exp * u);
      return Math.max(at(ofAll, [t, e]), gate * relative + lambda);
    }
    const share = lane(chosen, 1, [t, 0]).reduce((sum, f) => sum + at(p, [t, f]), 0);
    const lost = lane(chosen, 1, [t, 0]).reduce((sum, f) => sum + at(ofAll, [t, f]), 0) / share;
    const below = compound(lost, gamma(Math.max(k - 1, 0), u));
    const above = at(ofAll, [t, e]) / share; // absolute: p may have vanished
    const divided = compound(gamma(1, u), 2 * ulps.divide * u);
    const byAll = (above * (1 + divided) + gate * (divided + below)) / (1 - below);
    return Math.max(at(ofKept, [t, s]), byAll + 2 * lambda);
  });
}
