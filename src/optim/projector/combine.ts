import { UsageError } from '../../errors.ts';
import type { Matrix } from '../../linalg/matrix.ts';
import {
  concatColumns,
  leadingColumns,
  matrix,
  maxAbs,
  multiply,
  multiplyRightTransposed,
  scale,
  unitRoundoff,
} from '../../linalg/matrix.ts';
import { qr } from '../../linalg/qr.ts';
import { leftSingular } from '../../linalg/svd.ts';
import type { Key } from '../../random.ts';
import { normal } from '../../random.ts';
import type { OmoeOptions } from '../options.ts';
import { denseProjector, factoredProjector, identityProjector, type Projector, toDense } from './projector.ts';
import { ridge, ridgeProjector } from './ridge.ts';

/** The columns of one expert as a phase finds them, and what a sketch of them can no longer tell. */
export interface Recorded {
  /** A_j, or B_j under a cap: [rows, columns]. */
  readonly columns: Matrix;
  /** ‖A_j‖²_F of the true columns. */
  readonly squaredNorm: number;
  /** δ_j. */
  readonly sketchError: number;
}

export type RidgeOptions = Pick<OmoeOptions, 'form' | 'alpha' | 'alphaMode'>;

/** The experts whose columns build Q_i: all j ≠ i, i itself, or all. */
export function sources(i: number, experts: number, columns: OmoeOptions['columns']): number[] {
  if (columns === 'own') return [i];
  const all = Array.from({ length: experts }, (_, j) => j);
  return columns === 'shared' ? all : all.filter((j) => j !== i);
}

/** [A_j …] side by side: A_{−i} where `parts` are those of the others. [rows, all columns] */
export function stackedColumns(parts: readonly Recorded[], rows: number): Matrix {
  return concatColumns(
    rows,
    parts.map((part) => part.columns),
  );
}

const total = (parts: readonly Recorded[], fact: 'squaredNorm' | 'sketchError'): number =>
  parts.reduce((sum, part) => sum + part[fact], 0);

/** P_j of one expert, with its own ridge α_j: what `mean` averages. */
export function expertProjector(part: Recorded, rows: number, options: RidgeOptions): Projector {
  const alpha = ridge(options.alpha, options.alphaMode, part.squaredNorm, rows);
  return ridgeProjector(part.columns, alpha, options.form, part.sketchError);
}

/**
 * mean: Q = (1/m) Σ_j P_j over the m sources; without any, Q = I. The source's averaging. Not a projector: a direction
 * that one of the m saw and the rest did not is merely damped to (m − 1)/m.
 *
 * With P_j = I − V_jV_jᵀ the average is I − VVᵀ, V = [V_1 … V_m]/√m: it stays factored while V has under rows/2 columns.
 * @param denseOf `toDense`, or one that remembers, for whoever takes many averages over the same parts.
 */
export function meanProjector(
  parts: readonly Projector[],
  rows: number,
  denseOf: (part: Projector) => Matrix = toDense,
): Projector {
  const seen = parts.filter((part) => !part.identity);
  const facts = {
    alpha: seen.reduce((sum, part) => sum + part.alpha, 0) / Math.max(1, seen.length),
    rank: Math.min(
      rows,
      seen.reduce((sum, part) => sum + part.rank, 0),
    ),
    sketchError: parts.reduce((sum, part) => sum + part.sketchError, 0),
  };
  if (seen.length === 0) return identityProjector(rows, facts);
  const factors = seen.flatMap((part) => part.factor ?? []);
  if (factors.length === seen.length && 2 * width(factors) < rows) {
    return factoredProjector(scale(concatColumns(rows, factors), 1 / Math.sqrt(parts.length)), facts);
  }
  const q = matrix(rows, rows);
  for (const part of seen) {
    const p = denseOf(part).data;
    for (let k = 0; k < p.length; k++) q.data[k]! += p[k]!;
  }
  for (let i = 0; i < rows; i++) q.data[i * rows + i]! += parts.length - seen.length; // one I for each that saw nothing
  for (let k = 0; k < q.data.length; k++) q.data[k]! /= parts.length;
  return denseProjector(q, facts);
}

const width = (factors: readonly Matrix[]): number => factors.reduce((sum, factor) => sum + factor.cols, 0);

/** span: Q = α(αI + Σ_j A_jA_jᵀ)⁻¹, the ridge projector of all sources' columns together, α from their joint ‖A‖²_F. */
export function spanProjector(parts: readonly Recorded[], rows: number, options: RidgeOptions): Projector {
  const alpha = ridge(options.alpha, options.alphaMode, total(parts, 'squaredNorm'), rows);
  return ridgeProjector(stackedColumns(parts, rows), alpha, options.form, total(parts, 'sketchError'));
}

/**
 * How many leading singular vectors `hard` takes out. Energy below 1: the least r with Σ_{k<=r} σ_k² >= energy · ‖A‖²_F,
 * at most the numerical rank. Energy 1: the numerical rank, the number of σ_k > larger · u · σ_1, since rounding would
 * decide the cumulative test. ‖A‖²_F is that of the true columns, so a sketch that lost more than 1 − energy gives all it has.
 * @param larger max(rows, columns) of A.
 */
export function hardRank(s: Float64Array, squaredNorm: number, energy: number, larger: number): number {
  if (!(energy > 0 && energy <= 1)) {
    throw new UsageError({ operation: 'hardRank', received: `energy = ${energy}`, expected: '0 < energy <= 1' });
  }
  const rank = s.filter((sigma) => sigma > larger * unitRoundoff * s[0]!).length;
  if (energy === 1) return rank;
  let reached = 0;
  let r = 0;
  while (r < rank && reached < energy * squaredNorm) reached += s[r++]! ** 2;
  return r;
}

/** hard: Q = I − UUᵀ, U the leading left singular vectors of the sources' columns, as many as `hardRank` says. Q² = Q = Qᵀ. */
export function hardProjector(parts: readonly Recorded[], rows: number, energy: number): Projector {
  const a = stackedColumns(parts, rows);
  const sketchError = total(parts, 'sketchError');
  if (maxAbs(a.data) === 0) return identityProjector(rows, { alpha: 0, rank: 0, sketchError });
  const { u, s } = leftSingular(a);
  const rank = hardRank(s, total(parts, 'squaredNorm'), energy, Math.max(a.rows, a.cols));
  return factoredProjector(leadingColumns(u, rank), { alpha: 0, rank, sketchError });
}

/**
 * A rotation (or reflection) drawn evenly from all orthogonal n × n matrices: Q of the QR of a normal matrix, its
 * columns multiplied by the signs of R's diagonal (Mezzadri 2007; without the signs it is not even).
 */
export function randomRotation(n: number, k: Key): Matrix {
  const { q, r } = qr(matrix(n, n, normal(k, n * n)));
  for (let j = 0; j < n; j++) {
    if (r.data[j * n + j]! >= 0) continue;
    for (let i = 0; i < n; i++) q.data[i * n + j]! *= -1;
  }
  return q;
}

/** Control `rotated`: R Q Rᵀ. The same spectrum, in directions that mean nothing. */
export function rotated(q: Projector, rotation: Matrix): Projector {
  if (q.factor) return { ...q, factor: multiply(rotation, q.factor) };
  if (!q.dense) return q;
  const turned = multiplyRightTransposed(multiply(rotation, q.dense), rotation);
  const n = q.rows;
  for (let i = 0; i < n; i++) {
    // Symmetric in exact arithmetic; the two roundings of an entry are averaged.
    for (let j = 0; j < i; j++) {
      const entry = (turned.data[i * n + j]! + turned.data[j * n + i]!) / 2;
      turned.data[i * n + j] = entry;
      turned.data[j * n + i] = entry;
    }
  }
  return { ...q, dense: turned };
}
