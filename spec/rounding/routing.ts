/**
 * Bounds of what flows back through the gate and the two moves of rows. λ is the smallest normal number.
 */
import { at, type Int, type Real } from '../array.ts';
import { abs } from '../ops/elementwise.ts';
import { moeCombineGradient, moeDispatchGradient, slotGatesGradient } from '../ops/routing.ts';
import { softmax } from '../ops/softmax.ts';
import { gamma, smallestNormal, type Ulps, whereFinite } from './model.ts';
import { softmaxBound } from './normalisations.ts';

/** Σ over the k rows of a token's slots: γ_{k−1} Σ|g| + kλ */
export function moeDispatchGradientBound(g: Real, rowOfSlot: Int, u: number): Real {
  const k = rowOfSlot.shape[1];
  const magnitude = moeDispatchGradient(abs(g), rowOfSlot);
  return whereFinite(magnitude, (_, m) => gamma(Math.max(k - 1, 0), u) * m + k * smallestNormal(u));
}

/** Of rows one product, u|y| + λ; of gates a product of two rows, γ_width Σ|g||row| + width·λ */
export function moeCombineGradientBound(
  rows: Real,
  gates: Real,
  g: Real,
  rowOfSlot: Int,
  offsets: Int,
  u: number,
): { rows: Real; gates: Real } {
  const width = rows.shape[1];
  const magnitude = moeCombineGradient(abs(rows), abs(gates), abs(g), rowOfSlot, offsets);
  return {
    rows: whereFinite(magnitude.rows, (_, m) => u * m + smallestNormal(u)),
    gates: whereFinite(magnitude.gates, (_, m) => gamma(width, u) * m + width * smallestNormal(u)),
  };
}

/**
 * With k slots, W = Σ|w| over those of the token, and s → e those that chose e:
 *   total, k products and k − 1 sums: T = γ_k W + 2kλ.
 *   renormalised: w_s passes its product, the difference and k − 1 sums; γ_s · total the k of total, its product, the difference
 *     and k − 1 sums: γ_{2k+1} Σ_{s → e}(|w_s| + |γ_s| W). λ is lost by four operations for each slot and 2k times |γ_s| in total.
 *   else: Σ_{s → e} w_s passes k roundings and the difference, γ_{k+1}; p · total, with p off by P, is off by
 *     D = P(W + T) + pT, its product and the difference are two roundings more: D + γ₂(pW + D); λ is lost k + 3 times and k times.
 */
export function slotGatesGradientBound(
  logits: Real,
  gates: Real,
  chosen: Int,
  g: Real,
  renormalize: boolean,
  u: number,
  ulps: Ulps,
): Real {
  const exact = slotGatesGradient(logits, gates, chosen, g, renormalize);
  const [p, P] = [softmax(logits, 1), softmaxBound(logits, 1, u, ulps)];
  const k = gates.shape[1];
  const lambda = smallestNormal(u);
  return whereFinite(exact, ([t, e]) => {
    const slots = [...Array(k).keys()].map((s) => ({
      expert: at(chosen, [t, s]),
      gate: Math.abs(at(gates, [t, s])),
      w: Math.abs(at(g, [t, s]) * at(gates, [t, s])),
    }));
    const W = slots.reduce((sum, { w }) => sum + w, 0);
    const choosing = slots.filter(({ expert }) => expert === e);
    if (renormalize)
      return choosing.reduce(
        (sum, { gate, w }) => sum + gamma(2 * k + 1, u) * (w + gate * W) + (4 + 2 * k * gate) * lambda,
        0,
      );
    const T = gamma(k, u) * W + 2 * k * lambda;
    const D = at(P, [t, e]) * (W + T) + at(p, [t, e]) * T;
    const own = choosing.reduce((sum, { w }) => sum + w, 0);
    return gamma(k + 1, u) * own + D + gamma(2, u) * (at(p, [t, e]) * W + D) + (2 * k + 3) * lambda;
  });
}
