import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, fromFunction, intArray, type Real, SpecError, toFlat } from '../array.ts';
import { groupedMatmul, groupedOuter, linear, matmul } from './matmul.ts';
import { gram, orthogonalProject, orthogonalProjectRight, transpose } from './projection.ts';

/** Small integers: every sum of their products is exact, so identities hold to the bit. */
const matrix = (rows: number, cols: number): fc.Arbitrary<Real> =>
  fc
    .array(fc.integer({ min: -9, max: 9 }), { minLength: rows * cols, maxLength: rows * cols })
    .map((values) => array(values, [rows, cols]));
const size = fc.integer({ min: 0, max: 3 });
// 0·(−3) is −0, which equals 0
const flat = (a: Real): number[] => toFlat(a).map((value) => value + 0);

describe('matmul', () => {
  it('by hand', () => {
    const c = matmul(array([1, 2, 3, 4, 5, 6], [2, 3]), array([1, 0, 0, 1, 1, 1], [3, 2]));
    expect([c.shape, toFlat(c)]).toEqual([
      [2, 2],
      [4, 5, 10, 11],
    ]);
  });

  it('broadcasts batch axes', () => {
    const a = array([1, 2, 3, 4], [2, 1, 1, 2]); // two batches of one row
    const b = array([1, 1, 1, -1, 2, 0], [3, 2, 1]); // three batches of one column
    const c = matmul(a, b);
    expect(c.shape).toEqual([2, 3, 1, 1]);
    expect(toFlat(c)).toEqual([3, -1, 2, 7, -1, 6]);
  });

  it('is associative, and (AB)ᵀ = BᵀAᵀ', () => {
    const three = fc
      .tuple(size, size, size, size)
      .chain(([i, j, k, l]) => fc.tuple(matrix(i, j), matrix(j, k), matrix(k, l)));
    fc.assert(
      fc.property(three, ([a, b, c]) => {
        expect(flat(matmul(matmul(a, b), c))).toEqual(flat(matmul(a, matmul(b, c))));
        expect(flat(transpose(matmul(a, b)))).toEqual(flat(matmul(transpose(b), transpose(a))));
      }),
    );
  });

  it('refuses what does not fit', () => {
    expect(() => matmul(array([1, 2], [1, 2]), array([1, 2, 3], [3, 1]))).toThrow(SpecError);
    expect(() => matmul(array([1, 2]), array([1, 2], [2, 1]))).toThrow(SpecError);
  });
});

describe('linear', () => {
  it('adds the bias to every row, and takes any number of leading axes', () => {
    const w = array([1, 0, 2, 1], [2, 2]);
    expect(toFlat(linear(array([1, 1, 2, 0], [2, 2]), w, array([10, 20])))).toEqual([13, 21, 12, 20]);
    expect(toFlat(linear(array([1, 1]), w))).toEqual([3, 1]);
    expect(linear(array([1, 1, 1, 1], [1, 2, 2]), w).shape).toEqual([1, 2, 2]);
    expect(() => linear(array([1, 1]), w, array([1]))).toThrow(SpecError);
  });
});

describe('groupedMatmul', () => {
  const w = array([1, 0, 0, 1, 2, 0, 0, 2, 3, 0, 0, 3], [3, 2, 2]); // I, 2I, 3I
  const x = array([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]);

  it('gives each row its expert; an expert may have none, a row nobody', () => {
    // rows 0, 1 -> expert 0; none -> expert 1; row 2 -> expert 2; row 3 -> nobody
    expect(toFlat(groupedMatmul(x, w, intArray([0, 2, 2, 3])))).toEqual([1, 2, 3, 4, 15, 18, 0, 0]);
  });

  it('refuses offsets that fall, start late, or end beyond the rows', () => {
    for (const bad of [
      [0, 2, 1, 3],
      [1, 2, 3, 4],
      [0, 1, 2, 5],
      [0, 4],
    ])
      expect(() => groupedMatmul(x, w, intArray(bad))).toThrow(SpecError);
  });

  it('groupedOuter is its gradient: ⟨g, x W_e⟩ summed over rows = ⟨groupedOuter(x, g), W⟩', () => {
    const offsets = fc
      .array(fc.integer({ min: 0, max: 4 }), { minLength: 3, maxLength: 3 })
      .map((ends) => intArray([0, ...ends.sort((a, b) => a - b)]));
    fc.assert(
      fc.property(matrix(4, 2), matrix(6, 3), matrix(4, 3), offsets, (rows, weights, g, o) => {
        const W = array(toFlat(weights), [3, 2, 3]);
        const dot = (a: Real, b: Real): number => toFlat(a).reduce((s, v, i) => s + v * toFlat(b)[i], 0);
        expect(dot(g, groupedMatmul(rows, W, o)) + 0).toBe(dot(groupedOuter(rows, g, o), W) + 0);
      }),
    );
  });
});

describe('gram and orthogonalProject', () => {
  it('by hand', () => {
    expect(toFlat(gram(array([1, 2, 3, 4], [2, 2])))).toEqual([10, 14, 14, 20]);
    // V = e₁: the first row goes, the second stays
    expect(toFlat(orthogonalProject(array([1, 2, 3, 4], [2, 2]), array([1, 0], [2, 1])))).toEqual([0, 0, 3, 4]);
    expect(toFlat(orthogonalProject(array([1, 2], [2, 1]), array([], [2, 0])))).toEqual([1, 2]);
    // on the right it is the first column that goes
    expect(toFlat(orthogonalProjectRight(array([1, 2, 3, 4], [2, 2]), array([1, 0], [2, 1])))).toEqual([0, 2, 0, 4]);
  });

  it('is idempotent and orthogonal to V for orthonormal columns', () => {
    // signed unit vectors are exactly orthonormal, so everything is exact
    const unitColumns = fc.tuple(fc.shuffledSubarray([0, 1, 2, 3], { maxLength: 3 }), fc.constantFrom(-1, 1));
    fc.assert(
      fc.property(matrix(4, 2), unitColumns, (g, [places, sign]) => {
        const v = fromFunction([4, places.length], ([i, j]) => (places[j] === i ? sign : 0));
        const once = orthogonalProject(g, v);
        expect(flat(orthogonalProject(once, v))).toEqual(flat(once));
        expect(flat(matmul(transpose(v), once)).every((value) => value === 0)).toBe(true);
      }),
    );
  });
});
