import { OmoeError } from '../errors.ts';
import type { Matrix } from './matrix.ts';
import { identity, matrix, powerOfTwoScale, requireFinite, requireSymmetric, unitRoundoff } from './matrix.ts';

/** A = V diag(λ) Vᵀ: λ rises, column k of V belongs to λ_k. */
export interface Eigh {
  readonly values: Float64Array;
  readonly vectors: Matrix;
}

/**
 * Eigenvalues and vectors of a symmetric matrix by cyclic Jacobi (Jacobi 1846; Golub and Van Loan §8.5):
 * each rotation in the plane (p, q) makes a_pq zero; sweeps go on until the rest is rounding of ‖A‖_F.
 * Every λ is exact up to a small multiple of n·u·‖A‖_F.
 * @throws ShapeError when not square · UsageError when not symmetric or not finite.
 */
export function eigh(a: Matrix): Eigh {
  requireFinite('eigh', a);
  requireSymmetric('eigh', a);
  const n = a.rows;
  const factor = powerOfTwoScale(a.data);
  const work = matrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) work.data[i * n + j] = (factor * a.data[i * n + j]! + factor * a.data[j * n + i]!) / 2;
  }
  const vectors = identity(n); // its row k turns into eigenvector k
  const total = Math.sqrt(work.data.reduce((sum, x) => sum + x * x, 0));
  for (let sweep = 0; offDiagonal(work) > unitRoundoff * total; sweep++) {
    if (sweep === 60) {
      throw new OmoeError({
        operation: 'eigh',
        received: `a ${n} × ${n} matrix still turning after 60 sweeps`,
        expected: 'convergence within a dozen',
        advice: 'Please report this matrix.',
      });
    }
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) annihilate(work, vectors, p, q, total);
    }
  }
  return sorted(work, vectors, factor);
}

/** √(Σ_{i≠j} a_ij²) */
function offDiagonal(a: Matrix): number {
  let sum = 0;
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.cols; j++) if (i !== j) sum += a.data[i * a.cols + j]! ** 2;
  }
  return Math.sqrt(sum);
}

/** A ← JᵀAJ with a_pq = 0. θ = (a_qq − a_pp)/(2a_pq), t = sign(θ)/(|θ| + √(1 + θ²)), c = 1/√(1 + t²), s = c·t. */
function annihilate(a: Matrix, vectors: Matrix, p: number, q: number, total: number): void {
  const n = a.rows;
  const apq = a.data[p * n + q]!;
  // n² entries of this size sum to less than u·‖A‖_F: leave them to the stopping test.
  if (Math.abs(apq) <= (unitRoundoff * total) / (2 * n)) return;
  const theta = (a.data[q * n + q]! - a.data[p * n + p]!) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(1 + theta * theta));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = c * t;
  const app = a.data[p * n + p]!;
  const aqq = a.data[q * n + q]!;
  for (let k = 0; k < n; k++) {
    const akp = a.data[p * n + k]!;
    const akq = a.data[q * n + k]!;
    a.data[p * n + k] = c * akp - s * akq;
    a.data[q * n + k] = s * akp + c * akq;
    const vp = vectors.data[p * n + k]!;
    const vq = vectors.data[q * n + k]!;
    vectors.data[p * n + k] = c * vp - s * vq;
    vectors.data[q * n + k] = s * vp + c * vq;
  }
  // Columns p and q are rows p and q by symmetry; the 2 × 2 block follows from a_pq = 0.
  for (let k = 0; k < n; k++) {
    a.data[k * n + p] = a.data[p * n + k]!;
    a.data[k * n + q] = a.data[q * n + k]!;
  }
  a.data[p * n + p] = app - t * apq;
  a.data[q * n + q] = aqq + t * apq;
  a.data[p * n + q] = 0;
  a.data[q * n + p] = 0;
}

function sorted(diagonal: Matrix, rowsOfVectors: Matrix, factor: number): Eigh {
  const n = diagonal.rows;
  const at = (k: number) => diagonal.data[k * n + k]!;
  const order = Array.from({ length: n }, (_, k) => k).sort((i, j) => at(i) - at(j) || i - j);
  const vectors = matrix(n, n);
  order.forEach((from, to) => {
    for (let i = 0; i < n; i++) vectors.data[i * n + to] = rowsOfVectors.data[from * n + i]!;
  });
  return { values: Float64Array.from(order, (k) => at(k) / factor), vectors };
}
