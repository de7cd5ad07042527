import { ShapeError, UsageError } from '../errors.ts';

/**
 * A dense matrix on the host: Float64, row-major, entry (i, j) at `data[i * cols + j]`. Either size may be 0.
 * The functions of `src/linalg` never write to their arguments.
 */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float64Array;
}

/** The unit roundoff of Float64, 2⁻⁵³: a rounded operation is exact up to a factor 1 + ε with |ε| <= u. */
export const unitRoundoff = 2 ** -53;

const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;

/**
 * A rows × cols matrix over `data` (kept, not copied when it is a Float64Array), or of zeros.
 * @throws ShapeError where a size is not a whole number >= 0, or `data` has not rows·cols entries.
 */
export function matrix(rows: number, cols: number, data?: ArrayLike<number>): Matrix {
  if (!isSize(rows) || !isSize(cols)) {
    throw new ShapeError({
      operation: 'matrix',
      received: `${rows} × ${cols}`,
      expected: 'whole numbers >= 0 as sizes',
    });
  }
  if (data !== undefined && data.length !== rows * cols) {
    throw new ShapeError({
      operation: 'matrix',
      received: `${data.length} numbers`,
      expected: `${rows} × ${cols} = ${rows * cols} numbers`,
    });
  }
  if (data === undefined) return { rows, cols, data: new Float64Array(rows * cols) };
  return { rows, cols, data: data instanceof Float64Array ? data : Float64Array.from(data) };
}

/** The matrix whose rows are given, e.g. `fromRows([[1, 2], [3, 4]])`. @throws ShapeError where the rows differ in length. */
export function fromRows(rows: readonly ArrayLike<number>[]): Matrix {
  const cols = rows.length === 0 ? 0 : rows[0]!.length;
  const out = matrix(rows.length, cols);
  rows.forEach((row, i) => {
    if (row.length !== cols) {
      throw new ShapeError({
        operation: 'fromRows',
        received: `row ${i} of ${row.length} numbers`,
        expected: `${cols}`,
      });
    }
    out.data.set(row, i * cols);
  });
  return out;
}

/** The rows × c matrix whose c columns are given. @throws ShapeError where a column has not `rows` entries. */
export function fromColumns(rows: number, columns: readonly ArrayLike<number>[]): Matrix {
  const out = matrix(rows, columns.length);
  columns.forEach((column, j) => {
    if (column.length !== rows) {
      throw new ShapeError({
        operation: 'fromColumns',
        received: `column ${j} of ${column.length}`,
        expected: `${rows}`,
      });
    }
    for (let i = 0; i < rows; i++) out.data[i * columns.length + j] = column[i]!;
  });
  return out;
}

/** The n × n identity. */
export function identity(n: number): Matrix {
  const out = matrix(n, n);
  for (let i = 0; i < n; i++) out.data[i * n + i] = 1;
  return out;
}

/** Aᵀ, as a copy. */
export function transpose(a: Matrix): Matrix {
  const out = matrix(a.cols, a.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.cols; j++) out.data[j * a.rows + i] = a.data[i * a.cols + j]!;
  }
  return out;
}

/** s·A. */
export function scale(a: Matrix, s: number): Matrix {
  return { rows: a.rows, cols: a.cols, data: a.data.map((x) => s * x) };
}

function requireInner(operation: string, a: string, b: string, fits: boolean): void {
  if (!fits) throw new ShapeError({ operation, received: `${a} · ${b}`, expected: 'equal inner sizes' });
}

const size = (a: Matrix): string => `[${a.rows}, ${a.cols}]`;

/** y += s·x over `count` entries from two offsets: the contiguous inner loop of every product here. */
function addScaled(y: Float64Array, yAt: number, s: number, x: Float64Array, xAt: number, count: number): void {
  for (let k = 0; k < count; k++) y[yAt + k]! += s * x[xAt + k]!;
}

/** A·B: [i, k] · [k, j] -> [i, j]. @throws ShapeError where the inner sizes differ. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  requireInner('multiply', size(a), size(b), a.cols === b.rows);
  const out = matrix(a.rows, b.cols);
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.cols; k++)
      addScaled(out.data, i * b.cols, a.data[i * a.cols + k]!, b.data, k * b.cols, b.cols);
  }
  return out;
}

/** Aᵀ·B without forming Aᵀ: [k, i]ᵀ · [k, j] -> [i, j]. @throws ShapeError where the row counts differ. */
export function multiplyLeftTransposed(a: Matrix, b: Matrix): Matrix {
  requireInner('multiplyLeftTransposed', `${size(a)}ᵀ`, size(b), a.rows === b.rows);
  const out = matrix(a.cols, b.cols);
  for (let k = 0; k < a.rows; k++) {
    for (let i = 0; i < a.cols; i++)
      addScaled(out.data, i * b.cols, a.data[k * a.cols + i]!, b.data, k * b.cols, b.cols);
  }
  return out;
}

/** A·Bᵀ without forming Bᵀ: [i, k] · [j, k]ᵀ -> [i, j]. @throws ShapeError where the column counts differ. */
export function multiplyRightTransposed(a: Matrix, b: Matrix): Matrix {
  requireInner('multiplyRightTransposed', size(a), `${size(b)}ᵀ`, a.cols === b.cols);
  const out = matrix(a.rows, b.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.rows; j++) out.data[i * b.rows + j] = dot(a.data, i * a.cols, b.data, j * b.cols, a.cols);
  }
  return out;
}

/** A·Aᵀ, computed once per pair, so that it is symmetric to the bit: [i, k] · [j, k]ᵀ -> [i, j]. */
export function outerGram(a: Matrix): Matrix {
  const n = a.rows;
  const out = matrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const entry = dot(a.data, i * a.cols, a.data, j * a.cols, a.cols);
      out.data[i * n + j] = entry;
      out.data[j * n + i] = entry;
    }
  }
  return out;
}

/** Σ x_k y_k over `count` entries from two offsets; four partial sums, always in the same order. */
export function dot(x: Float64Array, xAt: number, y: Float64Array, yAt: number, count: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k + 3 < count; k += 4) {
    s0 += x[xAt + k]! * y[yAt + k]!;
    s1 += x[xAt + k + 1]! * y[yAt + k + 1]!;
    s2 += x[xAt + k + 2]! * y[yAt + k + 2]!;
    s3 += x[xAt + k + 3]! * y[yAt + k + 3]!;
  }
  for (; k < count; k++) s0 += x[xAt + k]! * y[yAt + k]!;
  return s0 + s1 + (s2 + s3);
}

/** [A₁ A₂ …]: matrices of equal row count side by side. @throws ShapeError where row counts differ. */
export function concatColumns(rows: number, parts: readonly Matrix[]): Matrix {
  const cols = parts.reduce((n, part) => n + part.cols, 0);
  const out = matrix(rows, cols);
  let offset = 0;
  for (const part of parts) {
    if (part.rows !== rows) {
      throw new ShapeError({ operation: 'concatColumns', received: size(part), expected: `${rows} rows` });
    }
    for (let i = 0; i < rows; i++) {
      out.data.set(part.data.subarray(i * part.cols, (i + 1) * part.cols), i * cols + offset);
    }
    offset += part.cols;
  }
  return out;
}

/** The first `count` columns of A. @throws ShapeError where A has fewer. */
export function leadingColumns(a: Matrix, count: number): Matrix {
  if (!isSize(count) || count > a.cols) {
    throw new ShapeError({ operation: 'leadingColumns', received: `${count}`, expected: `0 to ${a.cols} columns` });
  }
  const out = matrix(a.rows, count);
  for (let i = 0; i < a.rows; i++) out.data.set(a.data.subarray(i * a.cols, i * a.cols + count), i * count);
  return out;
}

/** max |x|; 0 for no entries, NaN where an entry is NaN. */
export function maxAbs(x: Float64Array): number {
  let largest = 0;
  for (let k = 0; k < x.length; k++) {
    const magnitude = Math.abs(x[k]!);
    if (!(magnitude <= largest)) largest = magnitude;
    if (Number.isNaN(magnitude)) return Number.NaN;
  }
  return largest;
}

/**
 * The power of two s with 1/2 <= s·max|x| < 1 (1 where x is zero; at most 2¹⁰²³).
 * Multiplying by it rounds nothing that matters, and afterwards squares neither overflow nor lose the large entries.
 */
export function powerOfTwoScale(x: Float64Array): number {
  const largest = maxAbs(x);
  if (largest === 0 || !Number.isFinite(largest)) return 1;
  let s = 1;
  while (s * largest >= 1) s /= 2;
  while (s * largest < 0.5 && s < 2 ** 1023) s *= 2;
  return s;
}

/** ‖x‖₂ = √(Σ x²), scaled first, so that it neither overflows nor underflows unless the norm itself does. */
export function norm(x: Float64Array): number {
  const s = powerOfTwoScale(x);
  let sum = 0;
  for (let k = 0; k < x.length; k++) sum += (s * x[k]!) ** 2;
  return Math.sqrt(sum) / s;
}

/** The Frobenius norm ‖A‖_F = √(Σ a²), safe from overflow as `norm`. */
export function frobeniusNorm(a: Matrix): number {
  return norm(a.data);
}

/** @throws UsageError at the first entry that is NaN or infinite: a factorisation of it would be silent nonsense. */
export function requireFinite(operation: string, a: Matrix): void {
  const bad = a.data.findIndex((x) => !Number.isFinite(x));
  if (bad < 0) return;
  throw new UsageError({
    operation,
    received: `${a.data[bad]} at [${Math.floor(bad / a.cols)}, ${bad % a.cols}] of a ${a.rows} × ${a.cols} matrix`,
    expected: 'finite numbers',
    advice: 'Look for the step in which the numbers first went bad.',
  });
}

/** @throws ShapeError where A is not square. */
export function requireSquare(operation: string, a: Matrix): void {
  if (a.rows !== a.cols) throw new ShapeError({ operation, received: size(a), expected: 'a square matrix' });
}

/**
 * @throws UsageError where |a_ij − a_ji| is over √u·max|a|: far more than rounding in a symmetric product leaves,
 * so the matrix was never symmetric and the answer would be about another one.
 */
export function requireSymmetric(operation: string, a: Matrix): void {
  requireSquare(operation, a);
  const tolerance = Math.sqrt(unitRoundoff) * maxAbs(a.data);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < i; j++) {
      const below = a.data[i * a.cols + j]!;
      const above = a.data[j * a.cols + i]!;
      if (Math.abs(below - above) <= tolerance) continue;
      throw new UsageError({
        operation,
        received: `${below} at [${i}, ${j}] and ${above} at [${j}, ${i}]`,
        expected: 'a symmetric matrix',
      });
    }
  }
}
