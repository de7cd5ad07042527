import { OmoeError, ShapeError } from '../errors.ts';
import type { Matrix } from './matrix.ts';
import { dot, matrix, requireFinite, requireSquare, requireSymmetric, transpose } from './matrix.ts';

/** A Cholesky factorisation met a pivot that is not positive. */
export class NotPositiveDefiniteError extends OmoeError {
  override readonly name = 'NotPositiveDefiniteError';
  /** The row of the pivot, and its value: <= 0 where the exact pivot is at most what rounding moves it by. */
  readonly row: number;
  readonly pivot: number;

  constructor(row: number, pivot: number) {
    super({
      operation: 'cholesky',
      received: `a pivot of ${pivot} in row ${row}`,
      expected: 'a positive definite matrix',
      advice: 'Use a QR form, which does not square the condition number, or a larger ridge.',
    });
    this.row = row;
    this.pivot = pivot;
  }
}

/**
 * A = L Lᵀ, L lower triangular with a positive diagonal; A symmetric positive definite (its lower triangle is read).
 * L_ij = (A_ij − Σ_{k<j} L_ik L_jk) / L_jj, and L_jj the root of the same expression at i = j.
 * ‖A − LLᵀ‖_F <= γ_{n+1} · trace(A) (1 + …), Higham theorem 10.3.
 * @throws NotPositiveDefiniteError · ShapeError when not square · UsageError when not symmetric or not finite.
 */
export function cholesky(a: Matrix): Matrix {
  requireFinite('cholesky', a);
  requireSymmetric('cholesky', a);
  const n = a.rows;
  const l = matrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const rest = a.data[i * n + j]! - dot(l.data, i * n, l.data, j * n, j);
      if (i !== j) l.data[i * n + j] = rest / l.data[j * n + j]!;
      else if (rest > 0) l.data[i * n + i] = Math.sqrt(rest);
      else throw new NotPositiveDefiniteError(i, rest);
    }
  }
  return l;
}

/**
 * X with L X = B, by forward substitution; L lower triangular with a non-zero diagonal. [n, n] · [n, c] -> [n, c].
 * @throws ShapeError where the sizes do not fit.
 */
export function solveLower(l: Matrix, b: Matrix): Matrix {
  requireSquare('solveLower', l);
  const n = l.rows;
  const c = b.cols;
  if (b.rows !== n) {
    throw new ShapeError({
      operation: 'solveLower',
      received: `[${n}, ${n}] and [${b.rows}, ${c}]`,
      expected: 'equal row counts',
    });
  }
  const x = Float64Array.from(b.data);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) {
      const factor = l.data[i * n + k]!;
      for (let j = 0; j < c; j++) x[i * c + j]! -= factor * x[k * c + j]!;
    }
    for (let j = 0; j < c; j++) x[i * c + j]! /= l.data[i * n + i]!;
  }
  return matrix(n, c, x);
}

/** X with (L Lᵀ) X = B, L from `cholesky`. @throws ShapeError where the sizes do not fit. */
export function solveCholesky(l: Matrix, b: Matrix): Matrix {
  const y = solveLower(l, b);
  // Lᵀ is upper triangular; read backwards, in rows and in columns, it is lower triangular again.
  return reverseRows(solveLower(reverseBoth(transpose(l)), reverseRows(y)));
}

function reverseBoth(a: Matrix): Matrix {
  return matrix(a.rows, a.cols, Float64Array.from(a.data).reverse());
}

function reverseRows(a: Matrix): Matrix {
  const out = matrix(a.rows, a.cols);
  for (let i = 0; i < a.rows; i++) {
    out.data.set(a.data.subarray(i * a.cols, (i + 1) * a.cols), (a.rows - 1 - i) * a.cols);
  }
  return out;
}
