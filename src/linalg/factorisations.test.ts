import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrices } from '../../property-tests/arbitraries/matrices.ts';
import { claimAtMost, claimWithin, gamma, u } from '../../property-tests/kit/within.ts';
import { ShapeError, UsageError } from '../errors.ts';
import { cholesky, NotPositiveDefiniteError, solveCholesky, solveLower } from './cholesky.ts';
import { eigh } from './eigh.ts';
import type { Matrix } from './matrix.ts';
import {
  frobeniusNorm,
  fromColumns,
  fromRows,
  identity,
  leadingColumns,
  matrix,
  multiply,
  multiplyLeftTransposed,
  multiplyRightTransposed,
  outerGram,
  powerOfTwoScale,
  scale,
  transpose,
} from './matrix.ts';
import { pivotedQr, qr, qrTriangle } from './qr.ts';
import { leftSingular, maxSweeps, svd } from './svd.ts';

const scales = [-150, -6, -1, 0, 1, 6, 150];

const permuted = (a: Matrix, order: Int32Array): Matrix =>
  fromColumns(
    a.rows,
    Array.from(order, (j) => Float64Array.from({ length: a.rows }, (_, i) => a.data[i * a.cols + j]!)),
  );

const diagonal = (s: Float64Array): Matrix =>
  matrix(
    s.length,
    s.length,
    Float64Array.from({ length: s.length ** 2 }, (_, k) => (k % (s.length + 1) === 0 ? s[k / (s.length + 1)]! : 0)),
  );

/**
 * k reflections, each of which rounds a column by at most γ_{2(rows + 10)} of its length (a dot product, a product, a
 * difference, and the reflector's own error; Higham lemma 19.3), and the product QR that the test itself rounds.
 */
const qrBound = (a: Matrix): number => {
  const k = Math.min(a.rows, a.cols);
  return gamma(2 * k * (a.rows + 10) + k * (k + 2) + 1) * frobeniusNorm(a);
};

const orthonormalBound = (q: Matrix): number => gamma(4 * (q.cols + 1) * (q.rows + 10));

const assertOrthonormal = (q: Matrix, bound: number, what: string) =>
  claimWithin(multiplyLeftTransposed(q, q).data, identity(q.cols).data, bound, `${what}ᵀ${what}`);

describe('qr', () => {
  it('reconstructs A from orthonormal Q and triangular R, at every shape, rank and scale', () => {
    fc.assert(
      fc.property(matrices({ maxRows: 9, maxCols: 9, scales }), (a) => {
        const { q, r } = qr(a);
        const k = Math.min(a.rows, a.cols);
        expect([q.rows, q.cols, r.rows, r.cols]).toEqual([a.rows, k, k, a.cols]);
        claimWithin(multiply(q, r).data, a.data, qrBound(a), 'QR');
        assertOrthonormal(q, orthonormalBound(q), 'Q');
        for (let i = 0; i < k; i++) for (let j = 0; j < i; j++) expect(r.data[i * r.cols + j]).toBe(0);
        expect(qrTriangle(a)).toEqual(r);
      }),
      { numRuns: 400 },
    );
  });

  it('pivoted: the same, columns permuted, the diagonal falling, the rank revealed', () => {
    fc.assert(
      fc.property(matrices({ maxRows: 9, maxCols: 9, scales }), (a) => {
        const { q, r, permutation, rank } = pivotedQr(a);
        claimWithin(multiply(q, r).data, permuted(a, permutation).data, qrBound(a), 'QR');
        assertOrthonormal(q, orthonormalBound(q), 'Q');
        for (let k = 1; k < q.cols; k++) {
          const before = Math.abs(r.data[(k - 1) * r.cols + k - 1]!);
          claimAtMost(Math.abs(r.data[k * r.cols + k]!), before, qrBound(a), '|R_kk|');
        }
        expect(rank).toBeLessThanOrEqual(q.cols);
        expect(rank === 0).toBe(a.data.every((x) => x === 0));
      }),
      { numRuns: 400 },
    );
  });

  it('finds the rank of a product of full-rank factors', () => {
    const left = fromRows([
      [1, 0],
      [1, 1],
      [0, 2],
      [3, 1],
    ]);
    const right = fromRows([
      [1, 2, 0, 1, 5],
      [0, 1, 1, -1, 2],
    ]);
    expect(pivotedQr(multiply(left, right)).rank).toBe(2);
    expect(pivotedQr(matrix(3, 4)).rank).toBe(0);
  });
});

describe('svd', () => {
  it('counts the sweeps that turned something', () => {
    const turned = fromRows([
      [1, 1],
      [0, 1],
    ]);
    for (const sweeps of [(a: Matrix) => svd(a).sweeps, (a: Matrix) => leftSingular(a).sweeps]) {
      expect(sweeps(identity(3))).toBe(0);
      expect(sweeps(matrix(3, 0))).toBe(0);
      expect(sweeps(turned)).toBeGreaterThan(0);
    }
  });

  it('A = U diag(σ) Vᵀ, both orthonormal, σ falling, at every shape, rank and scale', () => {
    fc.assert(
      fc.property(matrices({ maxRows: 9, maxCols: 9, scales }), (a) => {
        const { u: left, s, v, sweeps } = svd(a);
        const k = Math.min(a.rows, a.cols);
        const n = Math.max(a.rows, a.cols);
        expect([left.rows, left.cols, s.length, v.rows, v.cols]).toEqual([a.rows, k, k, a.cols, k]);
        for (let i = 0; i < k; i++) {
          expect(s[i]).toBeGreaterThanOrEqual(0);
          if (i > 0) expect(s[i]!).toBeLessThanOrEqual(s[i - 1]!);
        }
        const alone = leftSingular(a);
        expect(Math.max(sweeps, alone.sweeps)).toBeLessThanOrEqual(maxSweeps);
        // The QR before it, then sweeps in which each column meets k others, 6 roundings a rotation.
        const roundings = 2 * k * (n + 10) + (6 * Math.max(sweeps, alone.sweeps) + 3) * k + n;
        const rebuilt = multiplyRightTransposed(multiply(left, diagonal(s)), v);
        claimWithin(rebuilt.data, a.data, gamma(roundings) * frobeniusNorm(a), 'UΣVᵀ');
        // |z_pᵀz_q| <= max(rows, 10)·u where the sweeps stop, γ_n more from lengths and the dot product here.
        assertOrthonormal(left, gamma(roundings), 'U');
        assertOrthonormal(v, gamma(roundings), 'V');
        claimWithin(alone.s, s, gamma(2 * roundings) * frobeniusNorm(a), 'σ of leftSingular');
        assertOrthonormal(alone.u, gamma(roundings), 'U of leftSingular');
        // AAᵀ U = U Σ², so that U is what it says: ‖UᵀA‖ row by row is σ.
        const rows = multiplyLeftTransposed(alone.u, a);
        for (let i = 0; i < k; i++) {
          const row = matrix(1, a.cols, rows.data.slice(i * a.cols, (i + 1) * a.cols));
          claimWithin([frobeniusNorm(row)], [alone.s[i]!], gamma(2 * roundings) * frobeniusNorm(a), `‖uᵀA‖ of ${i}`);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('known values', () => {
    const { s } = svd(
      fromRows([
        [3, 0],
        [4, 5],
      ]),
    );
    claimWithin(s, [Math.sqrt(45), Math.sqrt(5)], gamma(40) * 7, 'σ');
  });

  it('keeps small σ of strongly graded columns to their own relative accuracy', () => {
    const a = fromColumns(3, [
      [1, 1, 0],
      [1e-10, -1e-10, 0],
      [0, 0, 1e-200],
    ]);
    const { s } = svd(a);
    for (const [k, exact] of [Math.SQRT2, Math.SQRT2 * 1e-10].entries()) {
      claimWithin([s[k]!], [exact], gamma(60) * exact, `σ ${k}`);
    }
  });

  it('converges where two columns are so short that the product of their squares underflows', () => {
    // Grading by 1e-16 a column, as the triangle of a rank-1 matrix has it below its rounding.
    const lengths = [0.74, 7.9e-17, 2.5e-43, 1.4e-59, 3.1e-75, 6.9e-91];
    const a = fromRows(lengths.map((length, i) => lengths.map((_, j) => (j < i ? 0 : length * (j === i ? 1 : 0.25)))));
    for (const graded of [a, transpose(a)]) expect(svd(graded).s[0]).toBeGreaterThan(0.7);
  });
  it('Hilbert matrix of 12 rows: nearly singular, yet orthonormal', () => {
    const a = matrix(
      12,
      12,
      Float64Array.from({ length: 144 }, (_, k) => 1 / (1 + Math.floor(k / 12) + (k % 12))),
    );
    const { u: left, s, v } = svd(a);
    assertOrthonormal(left, gamma(700), 'U');
    assertOrthonormal(v, gamma(700), 'V');
    claimWithin(multiplyRightTransposed(multiply(left, diagonal(s)), v).data, a.data, gamma(700) * 2, 'UΣVᵀ');
  });
});

describe('eigh', () => {
  it('A = V diag(λ) Vᵀ with λ rising; the eigenvalues of MMᵀ are the squares of the singular values of M', () => {
    fc.assert(
      fc.property(matrices({ maxRows: 7, maxCols: 7, scales: [-70, -6, 0, 6, 70] }), (m) => {
        const a = outerGram(m);
        const { values, vectors } = eigh(a);
        const n = a.rows;
        // Up to ~12 sweeps, n rotations of each row and column in every one, 6 roundings a rotation; left over: u·‖A‖_F.
        const roundings = 12 * 12 * (n + 1) + 4 * n;
        const bound = gamma(roundings) * frobeniusNorm(a);
        const rebuilt = multiplyRightTransposed(multiply(vectors, diagonal(values)), vectors);
        claimWithin(rebuilt.data, a.data, bound, 'VΛVᵀ');
        assertOrthonormal(vectors, gamma(roundings), 'V');
        const s = svd(m).s;
        const squares = Array.from({ length: n }, (_, k) => (n - 1 - k < s.length ? s[n - 1 - k]! ** 2 : 0));
        claimWithin(values, squares, bound + gamma(4 * roundings) * frobeniusNorm(m) ** 2, 'λ against σ²');
        for (let k = 1; k < n; k++) expect(values[k]!).toBeGreaterThanOrEqual(values[k - 1]!);
      }),
      { numRuns: 300 },
    );
  });

  it('negative eigenvalues', () => {
    claimWithin(
      eigh(
        fromRows([
          [0, 2],
          [2, 0],
        ]),
      ).values,
      [-2, 2],
      8 * u,
      'λ',
    );
    expect(() =>
      eigh(
        fromRows([
          [0, 2],
          [1, 0],
        ]),
      ),
    ).toThrow(UsageError);
    expect(() => eigh(matrix(2, 3))).toThrow(ShapeError);
  });
});

describe('cholesky', () => {
  it('LLᵀ = A, and solves, for MMᵀ + I', () => {
    fc.assert(
      fc.property(matrices({ maxRows: 7, maxCols: 7, scales: [-6, 0, 3] }), (m) => {
        const n = m.rows;
        const gram = outerGram(m);
        for (let i = 0; i < n; i++) gram.data[i * n + i]! += 1 + powerOfTwoScale(gram.data) ** -1;
        const l = cholesky(gram);
        const trace = gram.data.reduce((sum, x, k) => (k % (n + 1) === 0 ? sum + x : sum), 0);
        // Σ_k |l_ik l_jk| <= √(a_ii a_jj) <= trace: Higham theorem 10.3, and the product formed here.
        claimWithin(multiplyRightTransposed(l, l).data, gram.data, gamma(2 * n + 3) * trace, 'LLᵀ');
        const b = identity(n);
        const x = solveCholesky(l, b);
        // (A + E)x = b with |E| <= γ_{3n+1}|L||Lᵀ| (theorem 10.4): the residual is at most that times ‖x‖.
        claimWithin(multiply(gram, x).data, b.data, gamma(4 * n + 4) * n * trace * frobeniusNorm(x), 'A·X');
        claimWithin(
          multiply(l, solveLower(l, b)).data,
          b.data,
          gamma(2 * n + 2) * frobeniusNorm(l) * frobeniusNorm(solveLower(l, b)),
          'L·X',
        );
      }),
      { numRuns: 300 },
    );
  });

  it('a matrix that is not positive definite is an error that names the pivot', () => {
    expect(() =>
      cholesky(
        fromRows([
          [1, 2],
          [2, 1],
        ]),
      ),
    ).toThrow(NotPositiveDefiniteError);
    expect(() =>
      cholesky(
        fromRows([
          [1, 2],
          [2, 1],
        ]),
      ),
    ).toThrow('a pivot of -3 in row 1');
    expect(() => cholesky(matrix(2, 2))).toThrow(NotPositiveDefiniteError);
    expect(() => cholesky(matrix(2, 3))).toThrow(ShapeError);
    expect(() =>
      cholesky(
        fromRows([
          [1, 5],
          [0, 100],
        ]),
      ),
    ).toThrow(UsageError);
  });
});

describe('matrix', () => {
  it('the four products are one', () => {
    fc.assert(
      fc.property(matrices({ minCols: 3, maxCols: 3 }), matrices({ minRows: 3, maxRows: 3 }), (a, b) => {
        const product = multiply(a, b);
        const bound = gamma(3) * frobeniusNorm(a) * frobeniusNorm(b);
        claimWithin(multiplyLeftTransposed(transpose(a), b).data, product.data, 2 * bound, 'AᵀᵀB');
        claimWithin(multiplyRightTransposed(a, transpose(b)).data, product.data, 2 * bound, 'ABᵀᵀ');
        claimWithin(outerGram(a).data, multiply(a, transpose(a)).data, 2 * gamma(3) * frobeniusNorm(a) ** 2, 'AAᵀ');
        expect(transpose(transpose(a))).toEqual(a);
      }),
    );
  });

  it('norms survive scales whose squares do not', () => {
    for (const exponent of [-300, -200, 0, 200, 300]) {
      const size = 10 ** exponent;
      claimWithin([frobeniusNorm(scale(fromRows([[3, 4]]), size))], [5 * size], gamma(8) * 5 * size, `1e${exponent}`);
    }
    expect(frobeniusNorm(matrix(0, 3))).toBe(0);
    expect(frobeniusNorm(fromRows([[5e-324]]))).toBe(5e-324);
  });

  it('rejects what cannot be meant', () => {
    expect(() => matrix(2, 2, [1, 2, 3])).toThrow(ShapeError);
    expect(() => matrix(-1, 2)).toThrow(ShapeError);
    expect(() => fromRows([[1], [1, 2]])).toThrow(ShapeError);
    expect(() => fromColumns(2, [[1]])).toThrow(ShapeError);
    expect(() => multiply(matrix(2, 3), matrix(2, 3))).toThrow(ShapeError);
    expect(() => leadingColumns(matrix(2, 3), 4)).toThrow(ShapeError);
    for (const factorise of [qr, pivotedQr, svd, leftSingular, eigh, cholesky]) {
      expect(() =>
        factorise(
          fromRows([
            [1, Number.NaN],
            [0, 1],
          ]),
        ),
      ).toThrow(UsageError);
      expect(() =>
        factorise(
          fromRows([
            [1, 0],
            [0, Number.POSITIVE_INFINITY],
          ]),
        ),
      ).toThrow('Infinity at [1, 1]');
    }
  });
});
