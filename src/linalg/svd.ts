import { OmoeError } from '../errors.ts';
import type { Matrix } from './matrix.ts';
import { dot, matrix, multiply, powerOfTwoScale, requireFinite, scale, transpose, unitRoundoff } from './matrix.ts';
import { pivotedQr, qr } from './qr.ts';

/** A = U diag(σ) Vᵀ, k = min(rows, cols): U is rows × k, V is cols × k, both of orthonormal columns; σ falls and is >= 0. */
export interface Svd {
  readonly u: Matrix;
  readonly s: Float64Array;
  readonly v: Matrix;
  /** Sweeps of Jacobi that turned anything: what rounding can have added grows with them. At most `maxSweeps`. */
  readonly sweeps: number;
}

/** Sweeps after which Jacobi is given up; quadratic convergence ends it within about ten. */
export const maxSweeps = 60;

/** Length, after scaling to max|a| < 1, below which a column counts as zero. */
const negligible = 2 ** -300;

/**
 * Thin singular value decomposition by one-sided Jacobi (Hestenes 1958; de Rijk 1989; Demmel and Veselić 1992):
 * columns of A are rotated in pairs until all are orthogonal; then their lengths are the σ and their directions U.
 * A is first replaced by the small triangle of its pivoted QR, X = Rᵀ (Drmač and Veselić 2008): AP = QR gives
 * X W = Z Σ, hence A = (Q W) Σ (P Z)ᵀ. Works for every rank, shape and scale.
 * With n = max(rows, cols): |UᵀU − I| and |VᵀV − I| are at most a small multiple of n·u per entry, and
 * ‖A − UΣVᵀ‖_F a small multiple of n·u·‖A‖_F. Vectors of equal σ (and of σ = 0) are one choice out of many.
 * @throws UsageError on NaN or infinity.
 */
export function svd(a: Matrix): Svd {
  requireFinite('svd', a);
  if (a.rows < a.cols) {
    const { u, s, v, sweeps } = svd(transpose(a));
    return { u: v, s, v: u, sweeps };
  }
  const factor = powerOfTwoScale(a.data);
  const { q, r, permutation } = pivotedQr(scale(a, factor));
  const { z, s, w, sweeps } = jacobi(transpose(r), true);
  return { u: multiply(q, w!), s: s.map((x) => x / factor), v: undoPermutation(z, permutation), sweeps };
}

/** U, σ and the sweeps of `svd` alone, without rotating a V along: the pivoted QR is of Aᵀ, so that A = P (RᵀW) (QW)ᵀ. */
export function leftSingular(a: Matrix): Omit<Svd, 'v'> {
  requireFinite('leftSingular', a);
  const factor = powerOfTwoScale(a.data);
  const { r, permutation } = pivotedQr(transpose(scale(a, factor)));
  const { z, s, sweeps } = jacobi(transpose(r), false);
  return { u: undoPermutation(z, permutation), s: s.map((x) => x / factor), sweeps };
}

/** Row `permutation[j]` of the result is row j of the argument: P·Z. */
function undoPermutation(z: Matrix, permutation: Int32Array): Matrix {
  const out = matrix(z.rows, z.cols);
  for (let j = 0; j < z.rows; j++) {
    out.data.set(z.data.subarray(j * z.cols, (j + 1) * z.cols), permutation[j]! * z.cols);
  }
  return out;
}

/** X W = Z diag(s), X of rows × n with rows >= n, scaled so that its entries are about 1 at most. */
function jacobi(x: Matrix, wantRotation: boolean): { z: Matrix; s: Float64Array; w: Matrix | null; sweeps: number } {
  const { rows, cols: n } = x;
  const columns = transpose(x).data; // column j is contiguous at j * rows
  const rotation = wantRotation ? new Float64Array(n * n) : null; // Wᵀ: column j of W contiguous at j * n
  if (rotation) for (let j = 0; j < n; j++) rotation[j * n + j] = 1;

  // A dot product of length `rows` is itself uncertain by γ_rows · ‖p‖‖q‖, so nothing smaller can be asked for.
  const tolerance = Math.max(rows, 10) * unitRoundoff;
  const squared = new Float64Array(n);
  let sweeps = 0;
  for (let rotated = true; rotated; sweeps += Number(rotated)) {
    if (sweeps === maxSweeps) {
      throw new OmoeError({
        operation: 'svd',
        received: `a ${rows} × ${n} matrix still turning after ${maxSweeps} sweeps`,
        expected: 'convergence within a dozen',
        advice: 'Please report this matrix.',
      });
    }
    rotated = false;
    for (let j = 0; j < n; j++) squared[j] = dot(columns, j * rows, columns, j * rows, rows);
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        if (orthogonalise(columns, rows, p, q, squared, tolerance, rotation, n)) rotated = true;
      }
    }
  }
  return { ...sortedFactors(columns, rows, n, rotation), sweeps };
}

/**
 * Rotates columns p and q, by 45° at most, so that they become orthogonal. Returns whether it had to.
 * With α = ‖p‖², β = ‖q‖², γ = pᵀq: ζ = (β − α)/(2γ), t = sign(ζ)/(|ζ| + √(1 + ζ²)), c = 1/√(1 + t²), s = c·t.
 */
function orthogonalise(
  columns: Float64Array,
  rows: number,
  p: number,
  q: number,
  squared: Float64Array,
  tolerance: number,
  rotation: Float64Array | null,
  n: number,
): boolean {
  const alpha = squared[p]!;
  const beta = squared[q]!;
  if (Math.min(alpha, beta) < negligible * negligible) return false;
  const gamma = dot(columns, p * rows, columns, q * rows, rows);
  // Roots before the product: of columns that are both short the product of the squares would underflow to 0.
  if (Math.abs(gamma) <= tolerance * Math.sqrt(alpha) * Math.sqrt(beta)) return false;
  const zeta = (beta - alpha) / (2 * gamma);
  const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = c * t;
  rotate(columns, p * rows, q * rows, rows, c, s);
  if (rotation) rotate(rotation, p * n, q * n, n, c, s);
  // ‖p‖² loses what ‖q‖² gains; the one that shrinks much is measured again, or its digits would be the other's rounding.
  squared[p] = alpha - t * gamma;
  squared[q] = beta + t * gamma;
  if (squared[p]! < alpha / 16) squared[p] = dot(columns, p * rows, columns, p * rows, rows);
  if (squared[q]! < beta / 16) squared[q] = dot(columns, q * rows, columns, q * rows, rows);
  return true;
}

/** (p, q) ← (c·p − s·q, s·p + c·q) */
function rotate(x: Float64Array, pAt: number, qAt: number, count: number, c: number, s: number): void {
  for (let k = 0; k < count; k++) {
    const xp = x[pAt + k]!;
    const xq = x[qAt + k]!;
    x[pAt + k] = c * xp - s * xq;
    x[qAt + k] = s * xp + c * xq;
  }
}

/** Lengths and directions of the orthogonal columns, longest first; directions of zero columns are filled in. */
function sortedFactors(
  columns: Float64Array,
  rows: number,
  n: number,
  rotation: Float64Array | null,
): { z: Matrix; s: Float64Array; w: Matrix | null } {
  const lengths = Float64Array.from({ length: n }, (_, j) => {
    const length = Math.sqrt(dot(columns, j * rows, columns, j * rows, rows));
    return length < negligible ? 0 : length;
  });
  const order = Array.from(lengths.keys()).sort((i, j) => lengths[j]! - lengths[i]! || i - j);
  const s = Float64Array.from(order, (j) => lengths[j]!);
  const z = matrix(rows, n);
  const w = rotation ? matrix(n, n) : null;
  order.forEach((from, to) => {
    for (let i = 0; i < rows && s[to]! > 0; i++) z.data[i * n + to] = columns[from * rows + i]! / s[to]!;
    for (let i = 0; w && i < n; i++) w.data[i * n + to] = rotation![from * n + i]!;
  });
  const rank = s.indexOf(0);
  return { z: rank < 0 ? z : completed(z, rank), s, w };
}

/**
 * Columns `rank` … n of Z replaced by unit vectors orthogonal to the first `rank`: of the Householder Q of
 * [Z_rank, I], whose first columns span Z_rank, the next ones are orthogonal to them.
 */
function completed(z: Matrix, rank: number): Matrix {
  const { rows, cols } = z;
  const stacked = matrix(rows, rank + rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rank; j++) stacked.data[i * stacked.cols + j] = z.data[i * cols + j]!;
    stacked.data[i * stacked.cols + rank + i] = 1;
  }
  const { q } = qr(stacked);
  const out = matrix(rows, cols, z.data.slice());
  for (let i = 0; i < rows; i++) {
    for (let j = rank; j < cols; j++) out.data[i * cols + j] = q.data[i * rows + j]!;
  }
  return out;
}
