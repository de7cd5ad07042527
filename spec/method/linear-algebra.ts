/**
 * The little linear algebra that the method needs, in its plainest form. All matrices are [row, column].
 *
 * These are definitions to compare with, not to compute with: cubic loops, and no care for speed.
 */
import { array, fromFunction, precondition, type Real, sizeOf, toFlat, zeros } from '../array.ts';
import { matmul } from '../ops/matmul.ts';
import { transpose as transposeOp } from '../ops/projection.ts';

/** The unit roundoff of Float64, u = 2⁻⁵³: a rounded operation is exact times (1 + ε) with |ε| ≤ u. */
export const unitRoundoff = 2 ** -53;

export { gamma } from '../rounding/model.ts';

/** States that `a` is a matrix. Throws `SpecError` otherwise. */
export function matrix(a: Real, name: string): Real {
  precondition(a.shape.length === 2, `${name} is a matrix, not an array of shape [${a.shape}]`);
  return a;
}

export const rows = (a: Real): number => a.shape[0];
export const cols = (a: Real): number => a.shape[1];

/** I: 1 on the diagonal, 0 elsewhere. */
export const identity = (n: number): Real => fromFunction([n, n], ([i, j]) => (i === j ? 1 : 0));

/** Aᵀ. */
export const transpose = (a: Real): Real => transposeOp(matrix(a, 'A'));

/** AB: [i, k] · [k, j] -> [i, j], summed over k in ascending order. */
export const product = (a: Real, b: Real): Real => matmul(matrix(a, 'A'), matrix(b, 'B'));

function elementwise(a: Real, b: Real, f: (x: number, y: number) => number): Real {
  precondition(a.shape.join() === b.shape.join(), `[${a.shape}] and [${b.shape}] are different shapes`);
  return fromFunction(a.shape, (index) => f(a.get(...index), b.get(...index)));
}

export const plus = (a: Real, b: Real): Real => elementwise(a, b, (x, y) => x + y);
export const minus = (a: Real, b: Real): Real => elementwise(a, b, (x, y) => x - y);
export const scaled = (a: Real, factor: number): Real => fromFunction(a.shape, (index) => factor * a.get(...index));

/** ⟨A, B⟩ = Σ A_ij B_ij. */
export function inner(a: Real, b: Real): number {
  let sum = 0;
  for (const value of toFlat(elementwise(a, b, (x, y) => x * y))) sum += value;
  return sum;
}

/** ‖A‖_F = √⟨A, A⟩; of a vector, its length. */
export const norm = (a: Real): number => Math.sqrt(inner(a, a));

/** The diagonal's sum. */
export function trace(a: Real): number {
  precondition(rows(matrix(a, 'A')) === cols(a), `the trace of [${a.shape}] is undefined, it is not square`);
  let sum = 0;
  for (let i = 0; i < rows(a); i++) sum += a.get(i, i);
  return sum;
}

/** Column j as a matrix of one column. */
export const column = (a: Real, j: number): Real => fromFunction([rows(matrix(a, 'A')), 1], ([i]) => a.get(i, j));

/** [A, B]: the columns of A, then those of B. */
export function beside(a: Real, b: Real): Real {
  precondition(rows(matrix(a, 'A')) === rows(matrix(b, 'B')), `[${a.shape}] beside [${b.shape}]: the rows differ`);
  return fromFunction([rows(a), cols(a) + cols(b)], ([i, j]) => (j < cols(a) ? a.get(i, j) : b.get(i, j - cols(a))));
}

/** [A; B]: the rows of A, then those of B. */
export const below = (a: Real, b: Real): Real => transpose(beside(transpose(a), transpose(b)));

/** The values of an array as one column, in row-major order. */
export const flattened = (a: Real): Real => array(toFlat(a), [sizeOf(a.shape), 1]);

/**
 * X with AX = B, by Gaussian elimination: the largest remaining entry of each column is the pivot.
 * Throws `SpecError` where a pivot is 0, that is where A is singular to working precision.
 */
export function solve(a: Real, b: Real): Real {
  const n = rows(matrix(a, 'A'));
  precondition(cols(a) === n && rows(matrix(b, 'B')) === n, `[${a.shape}] X = [${b.shape}] is not a square system`);
  const left = scaled(a, 1);
  const right = scaled(b, 1);
  const swap = (m: Real, i: number, k: number) => {
    for (let j = 0; j < cols(m); j++) {
      const kept = m.get(i, j);
      m.set(i, j, m.get(k, j));
      m.set(k, j, kept);
    }
  };
  const subtract = (m: Real, i: number, k: number, factor: number) => {
    for (let j = 0; j < cols(m); j++) m.set(i, j, m.get(i, j) - factor * m.get(k, j));
  };
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(left.get(i, k)) > Math.abs(left.get(pivot, k))) pivot = i;
    precondition(left.get(pivot, k) !== 0, `the matrix is singular: no pivot in column ${k}`);
    swap(left, k, pivot);
    swap(right, k, pivot);
    for (let i = k + 1; i < n; i++) {
      const factor = left.get(i, k) / left.get(k, k);
      subtract(left, i, k, factor);
      subtract(right, i, k, factor);
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = 0; j < cols(right); j++) {
      let sum = right.get(k, j);
      for (let i = k + 1; i < n; i++) sum -= left.get(k, i) * right.get(i, j);
      right.set(k, j, sum / left.get(k, k));
    }
  }
  return right;
}

/**
 * An orthonormal basis of the span of A's columns, by modified Gram–Schmidt run twice over each column (once is not
 * enough: cancellation leaves a remainder in the span; the second pass removes it).
 * A column of which no more than `tolerance` times its length is left lies in the span of the earlier ones and adds
 * nothing. With tolerance 0 only columns that vanish are left out.
 */
export function orthonormalBasis(a: Real, tolerance = 0): Real {
  let basis = zeros([rows(matrix(a, 'A')), 0]);
  for (let j = 0; j < cols(a); j++) {
    let rest = column(a, j);
    const length = norm(rest);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < cols(basis); k++) {
        const q = column(basis, k);
        rest = minus(rest, scaled(q, inner(q, rest)));
      }
    }
    const left = norm(rest);
    if (left > tolerance * length) basis = beside(basis, scaled(rest, 1 / left));
  }
  return basis;
}

/** A = U diag(σ) Vᵀ: σ descending, min(rows, cols) of them; the columns of U and V at σ = 0 are zero. */
export interface Svd {
  readonly u: Real;
  readonly sigma: readonly number[];
  readonly v: Real;
}

/**
 * Singular value decomposition by one-sided Jacobi (Hestenes 1958): rotate pairs of columns until all are orthogonal.
 * Then the lengths are σ, the directions U, and the product of the rotations is V.
 * Accurate for small singular values too. Below 1e-140 of the largest entry they count as zero, since squares get lost there.
 * Throws `SpecError` for entries that are not finite.
 */
export function svd(a: Real): Svd {
  if (rows(matrix(a, 'A')) < cols(a)) {
    const { u, sigma, v } = svd(transpose(a));
    return { u: v, sigma, v: u };
  }
  const entries = toFlat(a);
  precondition(entries.every(Number.isFinite), 'a singular value decomposition needs finite entries');
  const largest = entries.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  const work = fromFunction(a.shape, (index) => (largest === 0 ? 0 : a.get(...index) / largest));
  const v = identity(cols(a));
  // A computed dot product of unit vectors is off by up to about rows·u: below that, two columns are orthogonal.
  const orthogonal = rows(a) * 2 * unitRoundoff;
  const negligible = 1e-140;
  for (let sweep = 0, turned = true; turned; sweep++) {
    precondition(sweep < 60, 'Jacobi sweeps did not converge');
    turned = false;
    for (let p = 0; p < cols(a); p++) {
      for (let q = p + 1; q < cols(a); q++) {
        const cosine = inner(column(work, p), column(work, q));
        const [lengthP, lengthQ] = [norm(column(work, p)), norm(column(work, q))];
        if (Math.min(lengthP, lengthQ) < negligible || Math.abs(cosine) <= orthogonal * lengthP * lengthQ) continue;
        turned = true;
        // The rotation by θ with cot 2θ = ζ makes the two columns orthogonal; t = tan θ is the smaller root.
        const zeta = (lengthQ ** 2 - lengthP ** 2) / (2 * cosine);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const c = 1 / Math.hypot(1, t);
        rotateColumns(work, p, q, c, c * t);
        rotateColumns(v, p, q, c, c * t);
      }
    }
  }
  const lengths = Array.from({ length: cols(a) }, (_, j) => norm(column(work, j))).map((x) => (x < negligible ? 0 : x));
  const order = lengths.map((_, j) => j).sort((i, j) => lengths[j] - lengths[i]);
  return {
    u: fromFunction([rows(a), cols(a)], ([i, j]) =>
      lengths[order[j]] === 0 ? 0 : work.get(i, order[j]) / lengths[order[j]],
    ),
    sigma: order.map((j) => lengths[j] * largest),
    v: fromFunction([cols(a), cols(a)], ([i, j]) => (lengths[order[j]] === 0 ? 0 : v.get(i, order[j]))),
  };
}

function rotateColumns(a: Real, p: number, q: number, c: number, s: number): void {
  for (let i = 0; i < rows(a); i++) {
    const [x, y] = [a.get(i, p), a.get(i, q)];
    a.set(i, p, c * x - s * y);
    a.set(i, q, s * x + c * y);
  }
}

/** ‖A‖₂ = σ₁, the most that A can stretch a vector. Of a matrix without entries, 0. */
export const spectralNorm = (a: Real): number => svd(a).sigma[0] ?? 0;

/** How many singular values stand out of rounding: σ > max(rows, cols) · u · σ₁. */
export function numericalRank(a: Real): number {
  const { sigma } = svd(a);
  return sigma.filter((value) => value > Math.max(rows(a), cols(a)) * unitRoundoff * sigma[0]).length;
}
