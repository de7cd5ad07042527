import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrices } from '../../property-tests/arbitraries/matrices.ts';
import { claimWithin } from '../../property-tests/kit/within.ts';
import type { Matrix } from '../../src/linalg/matrix.ts';
import { array, fromFunction, SpecError, toFlat } from '../array.ts';
import {
  beside,
  cols,
  column,
  gamma,
  identity,
  norm,
  numericalRank,
  orthonormalBasis,
  product,
  rows,
  scaled,
  solve,
  svd,
  transpose,
} from './linear-algebra.ts';

const real = (a: Matrix) => array(a.data, [a.rows, a.cols]);
const small = matrices({ minRows: 1, maxRows: 6, minCols: 1, maxCols: 5, scales: [-6, 0, 6] }).map(real);

describe('solve', () => {
  it('needs the pivot: the first entry is 0', () => {
    const x = solve(array([0, 2, 3, 1], [2, 2]), array([4, 5], [2, 1]));
    expect(toFlat(x)).toEqual([1, 2]);
  });
  it('refuses a singular matrix and a system that is not square', () => {
    expect(() => solve(array([1, 2, 2, 4], [2, 2]), identity(2))).toThrow(SpecError);
    expect(() => solve(array([1, 2], [1, 2]), identity(2))).toThrow(SpecError);
  });
});

describe('svd', () => {
  it('of a matrix done by hand: [[3, 0], [4, 5]] has σ² = 45 and 5', () => {
    // γ_40: a few rotations, each of a handful of roundings; the largest singular value is the scale.
    claimWithin(svd(array([3, 0, 4, 5], [2, 2])).sigma, [Math.sqrt(45), Math.sqrt(5)], gamma(40) * 7, 'σ');
  });
  it('gives back A, with orthonormal directions wherever σ > 0', () => {
    fc.assert(
      fc.property(small, (a) => {
        const { u, sigma, v } = svd(a);
        const again = product(
          fromFunction(u.shape, ([i, k]) => u.get(i, k) * sigma[k]),
          transpose(v),
        );
        // Up to 60 sweeps would allow more; convergence is quadratic and needs fewer than 12. Each rotation has about 10
        // roundings per entry, and a column meets cols − 1 rotations a sweep: 120·cols, then the product of cols terms.
        claimWithin(toFlat(again), toFlat(a), gamma(130 * cols(a)) * Math.sqrt(cols(a)) * norm(a), 'U diag(σ) Vᵀ');
        const kept = sigma.filter((s) => s > 0).length;
        const narrow = fromFunction([rows(a), kept], ([i, k]) => u.get(i, k));
        // Jacobi stops at cosines of max(rows, cols)·2u, the rest is the rounding of the products.
        const bound = gamma(8 * Math.max(rows(a), cols(a)));
        claimWithin(toFlat(product(transpose(narrow), narrow)), toFlat(identity(kept)), bound, 'UᵀU');
        expect(sigma).toEqual([...sigma].sort((x, y) => y - x));
      }),
      { numRuns: 60 },
    );
  });
  it('sees the rank of a product of integers', () => {
    const left = array([1, 2, 3, 4, 5, 6, 7, 9], [4, 2]);
    const right = array([1, 0, 2, 1, 3, 1], [2, 3]);
    expect(numericalRank(product(left, right))).toBe(2);
    expect(numericalRank(array([0, 0, 0, 0], [2, 2]))).toBe(0);
  });
  it('refuses what is not finite', () => {
    expect(() => svd(array([1, Number.NaN], [1, 2]))).toThrow(SpecError);
  });
});

describe('orthonormalBasis', () => {
  it('is orthonormal and spans the columns', () => {
    fc.assert(
      fc.property(small, (a) => {
        // A column with less than rows·cols·u of itself left would be all rounding; 1e-10 is far above that.
        const q = orthonormalBasis(a, 1e-10);
        const bound = gamma(16 * rows(a) * cols(a));
        claimWithin(toFlat(product(transpose(q), q)), toFlat(identity(cols(q))), bound, 'QᵀQ');
        for (let j = 0; j < cols(a); j++) {
          const again = product(q, product(transpose(q), column(a, j)));
          claimWithin(toFlat(again), toFlat(column(a, j)), (1e-10 + bound) * norm(column(a, j)), `column ${j}`);
        }
      }),
      { numRuns: 60 },
    );
  });
  it('needs its second pass: columns that differ by 1e-7 (Läuchli 1961)', () => {
    const e = 1e-7;
    const q = orthonormalBasis(array([1, 1, 1, e, 0, 0, 0, e, 0, 0, 0, e], [4, 3]));
    // One pass leaves u/1e-7 = 1e-9.
    claimWithin(toFlat(product(transpose(q), q)), toFlat(identity(3)), gamma(16 * 12), 'QᵀQ');
  });
  it('adds nothing for a repeated column', () => {
    const a = array([1, 2, 3], [3, 1]);
    expect(cols(orthonormalBasis(beside(a, scaled(a, 3)), 1e-12))).toBe(1);
  });
});
