import type { Matrix } from './matrix.ts';
import { dot, matrix, powerOfTwoScale, requireFinite, scale, transpose, unitRoundoff } from './matrix.ts';

/** A = Q R with Q (rows × k) of orthonormal columns and R (k × cols) upper triangular, k = min(rows, cols). */
export interface Qr {
  readonly q: Matrix;
  readonly r: Matrix;
}

/** A P = Q R: column `permutation[j]` of A is column j of Q R; |R| falls along the diagonal. */
export interface PivotedQr extends Qr {
  readonly permutation: Int32Array;
  /** The number of leading |R_kk| > tolerance · |R_00|. */
  readonly rank: number;
}

/** A under reduction: `columns` is (scaled A)ᵀ, so that a column of A is contiguous; `tau[k]` belongs to reflector k. */
interface Reduction {
  readonly rows: number;
  readonly cols: number;
  readonly columns: Float64Array;
  readonly tau: Float64Array;
  readonly diagonal: Float64Array;
  readonly scale: number;
}

/** Squared length, after scaling to max|a| < 1, below which a column counts as zero: 2⁻⁴⁸⁰ long, far from underflow. */
const negligibleSquare = 2 ** -960;

function beginReduction(operation: string, a: Matrix): Reduction {
  requireFinite(operation, a);
  // A power of two: exact, and squares of entries stay in range at scales of 1e±150 and beyond.
  const s = powerOfTwoScale(a.data);
  const k = Math.min(a.rows, a.cols);
  return {
    rows: a.rows,
    cols: a.cols,
    columns: transpose(scale(a, s)).data,
    tau: new Float64Array(k),
    diagonal: new Float64Array(k),
    scale: s,
  };
}

/**
 * The k-th Householder reflection H = I − τ v vᵀ, which maps column k below row k to (β, 0, …, 0)ᵀ.
 * With x the column and β = −sign(x₀)‖x‖ (no cancellation): v = (x₀ − β, x₁, …), τ = 2/‖v‖² = 1/(β(β − x₀)).
 * v replaces x in place; H is then applied to the columns after k.
 */
function reflect(work: Reduction, k: number): void {
  const { rows, cols, columns, tau, diagonal } = work;
  const at = k * rows + k;
  const length = rows - k;
  const x0 = columns[at]!;
  const below = dot(columns, at, columns, at, length);
  // A column this small beside entries near 1 is zero to every digit (and its square would lose digits): H = I, R_kk = 0.
  if (below < negligibleSquare) return;
  const beta = x0 > 0 ? -Math.sqrt(below) : Math.sqrt(below);
  diagonal[k] = beta;
  columns[at] = x0 - beta;
  tau[k] = 1 / (beta * (beta - x0));
  for (let j = k + 1; j < cols; j++) applyReflector(work, k, columns, j * rows + k);
}

/** y ← y − τ v (vᵀy), y the entries k … rows of a column that starts (at row k) at `offset` in `target`. */
function applyReflector(work: Reduction, k: number, target: Float64Array, offset: number): void {
  const { rows, columns, tau } = work;
  const at = k * rows + k;
  const length = rows - k;
  const factor = tau[k]! * dot(columns, at, target, offset, length);
  if (factor === 0) return;
  for (let i = 0; i < length; i++) target[offset + i]! -= factor * columns[at + i]!;
}

/** R = the upper triangle that the reflections left, in the scale of A. */
function upperTriangle(work: Reduction): Matrix {
  const { rows, cols, columns, diagonal } = work;
  const k = Math.min(rows, cols);
  const r = matrix(k, cols);
  for (let j = 0; j < cols; j++) {
    for (let i = 0; i < Math.min(j, k); i++) r.data[i * cols + j] = columns[j * rows + i]! / work.scale;
    if (j < k) r.data[j * cols + j] = diagonal[j]! / work.scale;
  }
  return r;
}

/** Q = H₀ H₁ … applied to the first k unit vectors, last reflection first, so that zeros are not worked on. */
function orthonormalColumns(work: Reduction): Matrix {
  const { rows, cols } = work;
  const k = Math.min(rows, cols);
  const q = new Float64Array(k * rows);
  for (let j = 0; j < k; j++) q[j * rows + j] = 1;
  for (let i = k - 1; i >= 0; i--) {
    for (let j = i; j < k; j++) applyReflector(work, i, q, j * rows + i);
  }
  return transpose(matrix(k, rows, q));
}

/**
 * Thin Householder QR of any rows × cols matrix, ranks and scales included that have no inverse.
 * ‖A − QR‖_F and ‖QᵀQ − I‖_F are within a small multiple of rows·cols·u, the first times ‖A‖_F
 * (Higham, Accuracy and Stability of Numerical Algorithms, theorem 19.4).
 * @throws UsageError on NaN or infinity.
 */
export function qr(a: Matrix): Qr {
  const work = beginReduction('qr', a);
  for (let k = 0; k < work.tau.length; k++) reflect(work, k);
  return { q: orthonormalColumns(work), r: upperTriangle(work) };
}

/** R of `qr` alone, at half the work. As RᵀR = AᵀA, R stands for A wherever only AᵀA matters. */
export function qrTriangle(a: Matrix): Matrix {
  const work = beginReduction('qrTriangle', a);
  for (let k = 0; k < work.tau.length; k++) reflect(work, k);
  return upperTriangle(work);
}

/**
 * Rank-revealing QR: before each reflection the remaining column of largest norm is brought to the front
 * (Businger and Golub 1965; ties: the lowest index). The norms are taken afresh each time: no downdating, no cancellation.
 * @param tolerance relative to |R_00|; default max(rows, cols)·u, what rounding alone can leave of a dependent column.
 * @throws UsageError on NaN or infinity.
 */
export function pivotedQr(a: Matrix, tolerance: number = Math.max(a.rows, a.cols) * unitRoundoff): PivotedQr {
  const work = beginReduction('pivotedQr', a);
  const { rows, cols, columns, tau, diagonal } = work;
  const permutation = Int32Array.from({ length: cols }, (_, j) => j);
  for (let k = 0; k < tau.length; k++) {
    let pivot = k;
    let largest = -1;
    for (let j = k; j < cols; j++) {
      const squared = dot(columns, j * rows + k, columns, j * rows + k, rows - k);
      if (squared > largest) {
        largest = squared;
        pivot = j;
      }
    }
    if (pivot !== k) swapColumns(work, permutation, k, pivot);
    reflect(work, k);
  }
  let rank = 0;
  while (rank < tau.length && Math.abs(diagonal[rank]!) > tolerance * Math.abs(diagonal[0]!)) rank++;
  return { q: orthonormalColumns(work), r: upperTriangle(work), permutation, rank };
}

function swapColumns(work: Reduction, permutation: Int32Array, a: number, b: number): void {
  const { rows, columns } = work;
  const kept = columns.slice(a * rows, (a + 1) * rows);
  columns.copyWithin(a * rows, b * rows, (b + 1) * rows);
  columns.set(kept, b * rows);
  const index = permutation[a]!;
  permutation[a] = permutation[b]!;
  permutation[b] = index;
}
