/**
 * Frequent Directions (Liberty 2013, arXiv 1206.0594): at most ℓ columns that stand for many.
 *
 * In the form used here, whenever there are more than ℓ columns, all squared singular values give up the (ℓ+1)-th:
 *
 *   B = U diag(σ) Vᵀ   ->   B = U_ℓ diag(√(σ_k² − σ²_{ℓ+1})),  k ≤ ℓ
 */
import { fromFunction, precondition, type Real } from '../array.ts';
import { cols, rows, scaled, svd } from './linear-algebra.ts';
import { squaredNorm } from './projector.ts';
import { accumulate, noStatistics } from './statistics.ts';

export interface Sketch {
  /** B, [row, at most ℓ columns]; with ℓ = 0, all true columns. */
  readonly columns: Real;
  /** δ = Σ of all σ²_{ℓ+1} given up:  0 ≼ AAᵀ − BBᵀ ≼ δ I. It is measured, and reported. */
  readonly delta: number;
  /** ‖A‖²_F of the true columns (with forgetting: scaled), which the sketch no longer holds. */
  readonly squaredNorm: number;
}

export const emptySketch = (size: number): Sketch => ({ columns: noStatistics(size), delta: 0, squaredNorm: 0 });

/**
 * Adds the columns of one step and shrinks to ℓ columns if there are more (ℓ = 0 keeps all).
 * Forgetting scales what was kept by √λ, hence δ and ‖A‖²_F by λ.
 *
 * Each shrink takes σ²_{ℓ+1} from at least ℓ + 1 squared singular values, and their sum is at most ‖A‖²_F. So
 * δ ≤ ‖A‖²_F / (ℓ + 1). It is 0 while rows ≤ ℓ, since then there is no (ℓ+1)-th singular value.
 */
export function addToSketch(sketch: Sketch, added: Real, cap: number, forgetting = 1): Sketch {
  precondition(Number.isInteger(cap) && cap >= 0, `the sketch cap ℓ is a whole number, 0 for none; not ${cap}`);
  if (cols(added) === 0) return sketch;
  const all = accumulate(sketch.columns, added, forgetting);
  const delta = forgetting * sketch.delta;
  const total = forgetting * sketch.squaredNorm + squaredNorm(added);
  if (cap === 0 || cols(all) <= cap) return { columns: all, delta, squaredNorm: total };
  const { u, sigma } = svd(all);
  const given = (sigma[cap] ?? 0) ** 2;
  const kept = Math.min(cap, sigma.length);
  const columns = fromFunction(
    [rows(all), kept],
    ([i, k]) => u.get(i, k) * Math.sqrt(Math.max(0, sigma[k] ** 2 - given)),
  );
  return { columns, delta: delta + given, squaredNorm: total };
}

/** The sketch of columns given all at once, one step for each column. */
export function sketchOf(a: Real, cap: number, forgetting = 1): Sketch {
  let sketch = emptySketch(rows(a));
  for (let j = 0; j < cols(a); j++) {
    const one = fromFunction([rows(a), 1], ([i]) => a.get(i, j));
    sketch = addToSketch(sketch, one, cap, forgetting);
  }
  return sketch;
}

/** A sketch that is the columns themselves: nothing was compressed. */
export const exactSketch = (a: Real): Sketch => ({ columns: scaled(a, 1), delta: 0, squaredNorm: squaredNorm(a) });
