/**
 * Upcycling (Komatsuzaki et al. 2022, arXiv 2212.05055): a dense feed-forward network becomes every expert.
 */
import { fromFunction, precondition, type Real } from '../array.ts';
import { type Expert, feedForward, type Linear } from './expert.ts';
import { realTokens } from './gate.ts';
import { gamma } from './linear-algebra.ts';
import { type MoeOptions, moeLayer } from './moe-layer.ts';

/** Adds to one entry of one expert's copy; by default nothing, so that copies are exact. */
export type Noise = (expert: number, layer: 'fc1' | 'fc2', part: 'weight' | 'bias', index: readonly number[]) => number;

/** E copies of the dense network, each with its own storage. Throws `SpecError` unless E is a whole number above 0. */
export function upcycle(dense: Expert, experts: number, noise: Noise = () => 0): Expert[] {
  precondition(Number.isInteger(experts) && experts >= 1, `the number of experts is 1 or more, not ${experts}`);
  const copy = (a: Real, e: number, layer: 'fc1' | 'fc2', part: 'weight' | 'bias'): Real =>
    fromFunction(a.shape, (index) => a.get(...index) + noise(e, layer, part, index));
  const copyLinear = (e: number, layer: 'fc1' | 'fc2'): Linear => ({
    weight: copy(dense[layer].weight, e, layer, 'weight'),
    bias: copy(dense[layer].bias, e, layer, 'bias'),
  });
  return Array.from({ length: experts }, (_, e) => ({ fc1: copyLinear(e, 'fc1'), fc2: copyLinear(e, 'fc2') }));
}

/** How far a mixture is from the dense function, and how far rounding alone may carry it. */
export interface Receipt {
  /** max |MoE(x) − FFN(x)| over features and the tokens that are not padding */
  readonly error: number;
  /** γ_{2k} · max |FFN(x)| */
  readonly bound: number;
}

/**
 * The receipt of an exact upcycle. With renormalised gates and no dropped slot the mixture of equal experts is the expert:
 * Σ g_e · FFN(x) = FFN(x) · Σ g_e = FFN(x).
 *
 * The rounding: g_e = p_e / Σp takes k roundings (k − 1 additions, one division), so Σ g_e is within γ_k of 1. Each product
 * and the sum of k terms take k more. Together |error| ≤ γ_{2k} |FFN(x)|, whatever the router does.
 *
 * A backend that declares its division at d units in the last place, 2du at most, has that in place of the division's u:
 * k − 1 additions before it and k roundings after it, (1 + γ_{2k−1})(1 + 2du) − 1. With d = ½ it is no more than γ_{2k}.
 */
export function upcycleReceipt(x: Real, router: Real, dense: Expert, experts: number, options: MoeOptions): Receipt {
  const mixture = moeLayer(x, { router, experts: upcycle(dense, experts) }, options).output;
  const truth = feedForward(x, dense, options.activation);
  let error = 0;
  let size = 0;
  for (const t of realTokens(x.shape[0], options.mask)) {
    for (let j = 0; j < truth.shape[1]; j++) {
      error = Math.max(error, Math.abs(mixture.get(t, j) - truth.get(t, j)));
      size = Math.max(size, Math.abs(truth.get(t, j)));
    }
  }
  return { error, bound: gamma(2 * options.k) * size };
}
