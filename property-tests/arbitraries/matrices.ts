import fc from 'fast-check';
import type { Matrix } from '../../src/linalg/matrix.ts';
import { fromColumns, matrix, multiply, scale } from '../../src/linalg/matrix.ts';

export interface MatrixShape {
  readonly minRows?: number;
  readonly maxRows?: number;
  readonly minCols?: number;
  readonly maxCols?: number;
  /** Decimal exponents s: all entries are multiplied by 10^s. */
  readonly scales?: readonly number[];
}

/**
 * Numbers in [−1, 1] with many small whole ones, so that ties, zeros and exact dependence are common.
 * Nothing under 2⁻⁴⁰ beside entries near 1: those are what `scales` and graded columns are for.
 */
export const entries = (): fc.Arbitrary<number> =>
  fc.oneof(
    fc.integer({ min: -2, max: 2 }).map((k) => k / 2),
    fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).map((k) => k / 2 ** 40),
  );

/** A rows × cols matrix of independent entries. */
export const fullMatrix = (rows: number, cols: number): fc.Arbitrary<Matrix> =>
  fc
    .array(entries(), { minLength: rows * cols, maxLength: rows * cols })
    .map((data) => matrix(rows, cols, Float64Array.from(data)));

const columnsOf = (a: Matrix): Float64Array[] =>
  Array.from({ length: a.cols }, (_, j) => Float64Array.from({ length: a.rows }, (_, i) => a.data[i * a.cols + j]!));

/** Of one shape: plain, of low rank, with duplicate columns, with zero columns, with columns of scales 1e-8 … 1e8. */
export function matricesOf(rows: number, cols: number, scales: readonly number[] = [0]): fc.Arbitrary<Matrix> {
  const full = fullMatrix(rows, cols);
  const lowRank = fc
    .integer({ min: 0, max: Math.max(0, Math.min(rows, cols) - 1) })
    .chain((rank) => fc.tuple(fullMatrix(rows, rank), fullMatrix(rank, cols)))
    .map(([left, right]) => multiply(left, right));
  const sources = fc.array(fc.nat(Math.max(0, cols - 1)), { minLength: cols, maxLength: cols });
  const duplicates = fc.tuple(full, sources).map(([a, from]) =>
    fromColumns(
      rows,
      from.map((j) => columnsOf(a)[j]!),
    ),
  );
  const multipliers = (values: fc.Arbitrary<number>) =>
    fc.tuple(full, fc.array(values, { minLength: cols, maxLength: cols })).map(([a, factors]) =>
      fromColumns(
        rows,
        columnsOf(a).map((column, j) => column.map((x) => x * factors[j]!)),
      ),
    );
  const zeroed = multipliers(fc.constantFrom(0, 1));
  const graded = multipliers(fc.integer({ min: -8, max: 8 }).map((k) => 10 ** k));
  return fc
    .tuple(fc.oneof(full, lowRank, duplicates, zeroed, graded), fc.constantFrom(...scales))
    .map(([a, exponent]) => scale(a, 10 ** exponent));
}

/** Matrices of any shape in a range, 0 and 1 included by default. */
export const matrices = (shape: MatrixShape = {}): fc.Arbitrary<Matrix> =>
  fc
    .tuple(
      fc.integer({ min: shape.minRows ?? 0, max: shape.maxRows ?? 7 }),
      fc.integer({ min: shape.minCols ?? 0, max: shape.maxCols ?? 7 }),
    )
    .chain(([rows, cols]) => matricesOf(rows, cols, shape.scales));
