/**
 * The subspaces that experts' outputs occupy, and how many directions they use.
 */
import { fromFunction, precondition, type Real } from '../../array.ts';
import { cols, product, rows, svd, transpose, unitRoundoff } from '../linear-algebra.ts';

/**
 * An orthonormal basis of the subspace that holds the share `energy` of the outputs: the leading right singular vectors
 * of Y, the fewest with Σσ² ≥ energy · ‖Y‖²_F; at energy 1 as many as the numerical rank.
 *
 * Outputs are taken as they are, not centred: it is their span that the output side of the method projects away.
 *
 * @param y [token, width]
 * @returns [width, rank]
 */
export function outputSubspace(y: Real, energy: number): Real {
  precondition(energy > 0 && energy <= 1, `energy is above 0 and at most 1, not ${energy}`);
  const { sigma, v } = svd(y);
  const rank = sigma.filter((s) => s > Math.max(rows(y), cols(y)) * unitRoundoff * sigma[0]).length;
  const total = sigma.reduce((sum, s) => sum + s * s, 0);
  let kept = 0;
  for (let sum = 0; kept < rank && (energy === 1 || sum < energy * total); kept++) sum += sigma[kept] ** 2;
  return fromFunction([y.shape[1], kept], ([i, k]) => v.get(i, k));
}

/**
 * Principal angles θ₁ ≤ θ₂ ≤ … between two subspaces (Björck & Golub 1973):  cos θ_k = σ_k(UᵀV), min(dim U, dim V) of them.
 *
 * @param u, v orthonormal bases, [width, rank]
 * @returns cosines, descending, in [0, 1]
 */
export const principalCosines = (u: Real, v: Real): number[] =>
  svd(product(transpose(u), v)).sigma.map((cosine) => Math.min(1, cosine));

/** overlap = mean cos²θ: 1 when one subspace lies in the other, 0 when they are orthogonal. NaN if one is empty. */
export function overlap(u: Real, v: Real): number {
  const cosines = principalCosines(u, v);
  return cosines.reduce((sum, cosine) => sum + cosine * cosine, 0) / cosines.length;
}

/**
 * Effective rank (Roy & Vetterli 2007):  exp(H(p)), p_k = σ_k / Σσ, H(p) = −Σ p ln p.
 * 1 for a matrix of rank one, n when n singular values are equal. NaN for a zero matrix, which uses no direction.
 */
export function effectiveRank(y: Real): number {
  const { sigma } = svd(y);
  const total = sigma.reduce((sum, s) => sum + s, 0);
  if (total === 0) return Number.NaN;
  const p = sigma.map((s) => s / total).filter((share) => share > 0);
  return Math.exp(p.reduce((sum, share) => sum - share * Math.log(share), 0));
}
