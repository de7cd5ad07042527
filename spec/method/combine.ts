/**
 * From the statistics of all experts to Q_i, the projector that the update of expert i goes through.
 *
 * The abstract of the paper (arXiv 2310.09762) has each expert move orthogonally to the subspace spanned by the other
 * experts, guided by *averaged projector matrices*. `mean` is that averaging. `span` and `hard` take "the subspace spanned
 * by the others" at its word. All three are here, because they differ.
 */
import { fromFunction, precondition, type Real, zeros } from '../array.ts';
import { cols, identity, minus, plus, product, rows, scaled, svd, transpose, unitRoundoff } from './linear-algebra.ts';
import { type AlphaMode, isEmptyOrZero, type ProjectorForm, ridge, ridgeProjector, stacked } from './projector.ts';
import type { Sketch } from './sketch.ts';

export type Combine = 'mean' | 'span' | 'hard';
/** Whose columns build Q_i. `others` is the method; `own` and `shared` are controls. */
export type Columns = 'others' | 'own' | 'shared';

export interface CombineOptions {
  readonly combine: Combine;
  readonly columns: Columns;
  readonly alpha: number;
  readonly alphaMode: AlphaMode;
  /** `hard`: the share of ‖A‖²_F to remove, in (0, 1]. */
  readonly energy: number;
  readonly form: ProjectorForm;
}

/** The experts whose statistics build Q_i: j ≠ i, i itself, or all. */
export function sources(i: number, experts: number, columns: Columns): number[] {
  precondition(Number.isInteger(i) && i >= 0 && i < experts, `there is no expert ${i} among ${experts}`);
  const all = Array.from({ length: experts }, (_, j) => j);
  if (columns === 'own') return [i];
  return columns === 'shared' ? all : all.filter((j) => j !== i);
}

/** Σ ‖A_j‖²_F of the true columns. */
const totalSquaredNorm = (parts: readonly Sketch[]): number => parts.reduce((sum, part) => sum + part.squaredNorm, 0);

/**
 * mean:  Q = (1/m) Σ_j P_j over the m sources, each P_j with its own ridge α_j.
 *
 * The source's averaging. Not a projector: a direction that one other expert saw and the rest did not is merely damped to
 * (E − 2)/(E − 1).
 */
export function meanProjector(parts: readonly Sketch[], size: number, options: CombineOptions): Real {
  if (parts.length === 0) return identity(size);
  let sum = zeros([size, size]);
  for (const part of parts) {
    const alpha = ridge(options.alpha, options.alphaMode, part.squaredNorm, size);
    sum = plus(sum, isEmptyOrZero(part.columns) ? identity(size) : ridgeProjector(part.columns, alpha, options.form));
  }
  return scaled(sum, 1 / parts.length);
}

/** span:  Q = α(αI + Σ_j A_jA_jᵀ)⁻¹, the ridge projector of all sources' columns together. */
export function spanProjector(parts: readonly Sketch[], size: number, options: CombineOptions): Real {
  const a = stacked(
    parts.map((part) => part.columns),
    size,
  );
  if (isEmptyOrZero(a)) return identity(size);
  return ridgeProjector(a, ridge(options.alpha, options.alphaMode, totalSquaredNorm(parts), size), options.form);
}

/**
 * How many leading singular vectors `hard` removes.
 *
 *   energy < 1:  the smallest r with Σ_{k ≤ r} σ_k² ≥ energy · ‖A‖²_F, at most the numerical rank
 *   energy = 1:  the numerical rank, the number of σ_k > max(rows, cols) · u · σ₁
 *
 * The cumulative test is of no use at energy 1: rounding decides it. ‖A‖²_F is that of the true columns, so a sketch that
 * lost more than 1 − energy of it gives all that it has.
 */
export function hardRank(sigma: readonly number[], squaredNorm: number, energy: number, larger: number): number {
  precondition(energy > 0 && energy <= 1, `energy is above 0 and at most 1, not ${energy}`);
  const rank = sigma.filter((value) => value > larger * unitRoundoff * sigma[0]).length;
  let sum = 0;
  for (let r = 0; r < rank; r++) {
    if (energy < 1 && sum >= energy * squaredNorm) return r;
    sum += sigma[r] ** 2;
  }
  return rank;
}

/**
 * hard:  Q = I − UUᵀ, U the leading left singular vectors of the sources' columns, as many as `hardRank` says.
 * An orthogonal projector: Q² = Q = Qᵀ. Where r reaches all of the space, Q = 0 and nothing is learnt any more.
 */
export function hardProjector(parts: readonly Sketch[], size: number, options: CombineOptions): Real {
  const a = stacked(
    parts.map((part) => part.columns),
    size,
  );
  if (isEmptyOrZero(a)) return identity(size);
  const { u, sigma } = svd(a);
  const r = hardRank(sigma, totalSquaredNorm(parts), options.energy, Math.max(rows(a), cols(a)));
  const leading = fromFunction([size, r], ([i, k]) => u.get(i, k));
  return minus(identity(size), product(leading, transpose(leading)));
}

/**
 * Q_i. With E = 1 there are no others and Q = I; with E = 2, `mean` and `span` are the same.
 *
 * @param statistics one for each expert
 * @param size rows of every A_j
 */
export function combinedProjector(
  statistics: readonly Sketch[],
  i: number,
  size: number,
  options: CombineOptions,
): Real {
  const parts = sources(i, statistics.length, options.columns).map((j) => statistics[j]);
  if (options.combine === 'mean') return meanProjector(parts, size, options);
  return options.combine === 'span' ? spanProjector(parts, size, options) : hardProjector(parts, size, options);
}

/** Control `rotated`:  R Q Rᵀ with a random rotation R. The same spectrum, in directions that mean nothing. */
export const rotated = (q: Real, rotation: Real): Real => product(product(rotation, q), transpose(rotation));
