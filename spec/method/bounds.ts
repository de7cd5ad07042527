/**
 * What the projectors promise, in exact arithmetic. Laws add c·u·‖A‖ for rounding.
 *
 * Throughout, a is a column that an expert j ≠ i has accumulated, hence a column of A: a = Ae = Uσv with ‖v‖ ≤ 1.
 */
import { precondition } from '../array.ts';

/**
 * span:  ‖Q a‖ ≤ √α / 2, however long a is.
 * Along a singular vector Q multiplies σv by α/(σ² + α), and σα/(σ² + α) is largest at σ = √α.
 */
export const spanBound = (alpha: number): number => Math.sqrt(alpha) / 2;

/** span:  aᵀQa ≤ α, since σ²α/(σ² + α) < α. */
export const spanQuadraticBound = (alpha: number): number => alpha;

/**
 * mean, a of expert j:  ‖Q_i a‖ ≤ ((E − 2)‖a‖ + √α_j / 2) / (E − 1).
 * P_j obeys the bound of `span`; the other E − 2 projectors need not shorten a at all.
 */
export function meanBound(experts: number, alphaJ: number, length: number): number {
  precondition(experts >= 2, 'with one expert there are no others');
  return ((experts - 2) * length + spanBound(alphaJ)) / (experts - 1);
}

/** hard:  ‖Q a‖ ≤ σ_{r+1}, the largest singular value left in; 0 when r is the rank. */
export const hardBound = (sigma: readonly number[], r: number): number => sigma[r] ?? 0;

/** Frequent Directions with cap ℓ:  δ ≤ ‖A‖²_F / (ℓ + 1). The measured δ is usually far smaller. */
export const sketchLossBound = (squaredNorm: number, cap: number): number => squaredNorm / (cap + 1);

/**
 * span, at equal α:  ‖Q_B − Q_A‖ ≤ δ / (α + δ), δ = Σ_{j≠i} δ_j.
 * For α(αI + BBᵀ)⁻¹ − α((α + δ)I + BBᵀ)⁻¹ has eigenvalues αδ / ((α + μ)(α + δ + μ)), largest at μ = 0.
 */
export const sketchedSpanDistance = (alpha: number, delta: number): number => delta / (alpha + delta);

/** mean, at equal α_j:  ‖Q_B − Q_A‖ ≤ 1/(E − 1) · Σ_{j≠i} δ_j / (α_j + δ_j). For `hard` there is no such bound. */
export const sketchedMeanDistance = (alphas: readonly number[], deltas: readonly number[]): number =>
  alphas.reduce((sum, alpha, j) => sum + sketchedSpanDistance(alpha, deltas[j]), 0) / alphas.length;

/**
 * span with a sketch:  ‖Q_B a‖ ≤ α / (2√(α − δ)) if δ ≤ α/2, else √δ.
 * aaᵀ ≼ BBᵀ + δI, so ‖Q_B a‖² is at most the largest α²(μ + δ)/(α + μ)² over the eigenvalues μ ≥ 0 of BBᵀ: at
 * μ = α − 2δ, or at 0 where that is negative.
 */
export const sketchedSpanBound = (alpha: number, delta: number): number =>
  delta <= alpha / 2 ? alpha / (2 * Math.sqrt(alpha - delta)) : Math.sqrt(delta);

/** span with a sketch:  aᵀQ_B a ≤ max(α, δ), from α(μ + δ)/(α + μ), which runs monotonically from δ to α. */
export const sketchedSpanQuadraticBound = (alpha: number, delta: number): number => Math.max(alpha, delta);
