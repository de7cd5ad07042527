import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError, UsageError } from '../../errors.ts';
import { fromColumns, type Matrix } from '../../linalg/index.ts';
import type { ExpertOutputs } from './outputs.ts';
import { principalAngles, subspaceOverlap } from './subspace.ts';

const u = Number.EPSILON / 2;

const outputs = (experts: number, tokens: number, width: number, data: number[]): ExpertOutputs => ({
  experts,
  tokens,
  width,
  data: Float64Array.from(data),
});

const plane = (...columns: number[][]): Matrix => fromColumns(columns[0].length, columns);

describe('principalAngles', () => {
  it('has the angles of lines and planes', () => {
    expect(Array.from(principalAngles(plane([2, 0]), plane([0, 3])))).toEqual([Math.PI / 2]);
    expect(principalAngles(plane([1, 1]), plane([5, 0]))[0]).toBeCloseTo(Math.PI / 4, 15);
    // Two planes in R³ share a line and are otherwise at 60°.
    const angles = principalAngles(plane([1, 0, 0], [0, 1, 0]), plane([1, 0, 0], [0, 0.5, Math.sqrt(0.75)]));
    expect(angles.length).toBe(2);
    expect(angles[0]).toBeCloseTo(0, 15);
    expect(angles[1]).toBeCloseTo(Math.PI / 3, 15);
  });

  it.each([1e-3, 1e-7, 1e-10, 1e-14])('resolves an angle of %s, which its cosine alone would not', (angle) => {
    // Householder vectors of width 2 are off by a few u each, and so is the angle, absolutely.
    const got = principalAngles(plane([1, 0]), plane([Math.cos(angle), Math.sin(angle)]))[0];
    expect(Math.abs(got - angle), `${got}`).toBeLessThanOrEqual(32 * u);
  });

  it('looks at the spaces, not at the columns that span them', () => {
    const one = plane([1, 0, 0], [0, 1, 0]);
    const same = plane([1, 1, 0], [1, -1, 0], [3, 5, 0], [0, 0, 0]);
    const angles = principalAngles(one, same);
    expect(angles.length).toBe(2);
    for (const angle of angles) expect(angle).toBeLessThanOrEqual(64 * u);
    // A line inside the plane.
    expect(principalAngles(one, plane([1, 2, 0]))[0]).toBeLessThanOrEqual(64 * u);
  });

  it('has none with a space of zeros, and refuses unequal dimensions', () => {
    expect(principalAngles(plane([0, 0]), plane([1, 0])).length).toBe(0);
    expect(principalAngles(fromColumns(2, []), plane([1, 0])).length).toBe(0);
    expect(() => principalAngles(plane([1, 0]), plane([1, 0, 0]))).toThrow(ShapeError);
    expect(() => principalAngles(plane([Number.NaN, 0]), plane([1, 0]))).toThrow(UsageError);
  });

  it('finds the rotation between coordinate planes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: Math.PI / 2, noNaN: true }), { minLength: 1, maxLength: 4 }),
        (turns) => {
          // Axis 2k turned by turns[k] towards axis 2k + 1: the principal angles are the turns.
          const dimension = 2 * turns.length;
          const axes = turns.map((_, k) => {
            const e = new Array<number>(dimension).fill(0);
            e[2 * k] = 1;
            return e;
          });
          const turned = turns.map((turn, k) => {
            const e = new Array<number>(dimension).fill(0);
            e[2 * k] = Math.cos(turn);
            e[2 * k + 1] = Math.sin(turn);
            return e;
          });
          const got = principalAngles(plane(...axes), plane(...turned));
          const want = [...turns].sort((a, b) => a - b);
          got.forEach((angle, k) => {
            // QR and Jacobi leave bases orthonormal to a small multiple of dimension·u (here 16), of cosines and sines alike;
            // an angle from both moves by no more than √2 times that.
            const bound = 2 * 16 * dimension * u;
            expect(Math.abs(angle - want[k]), `angle ${k}: ${angle}, ${want[k]}, ${bound}`).toBeLessThanOrEqual(bound);
          });
        },
      ),
    );
  });
});

describe('subspaceOverlap', () => {
  it('has the values of a worked example', () => {
    // Along x; along x; along the diagonal of x and y; along z. cos² = 1, 1/2, 0.
    const { pairs, mean, ranks } = subspaceOverlap(outputs(4, 1, 3, [2, 0, 0, -7, 0, 0, 1, 1, 0, 0, 0, 4]));
    const want = [
      [1, 1, 0.5, 0],
      [1, 1, 0.5, 0],
      [0.5, 0.5, 1, 0],
      [0, 0, 0, 1],
    ];
    pairs.forEach((row, i) => {
      row.forEach((value, j) => {
        expect(value, `pair ${i},${j}`).toBeCloseTo(want[i][j], 14);
      });
    });
    expect(mean).toBeCloseTo(2 / 6, 14);
    expect(ranks).toEqual([1, 1, 1, 1]);
  });

  it('keeps as many directions as hold the energy', () => {
    // σ² = 90, 9, 1 along the axes.
    const y = outputs(1, 3, 3, [Math.sqrt(90), 0, 0, 0, 3, 0, 0, 0, 1]);
    const rank = (energy: number) => subspaceOverlap(y, energy).ranks[0];
    expect([0.5, 0.89, 0.91, 0.98, 0.995, 1].map(rank)).toEqual([1, 1, 2, 2, 3, 3]);
    // At energy 1 a direction that is rounding only does not count.
    expect(subspaceOverlap(outputs(1, 2, 2, [1, 0, 0, 1e-17]), 1).ranks).toEqual([1]);
  });

  it('is 1 for a subspace in another, and divides by the smaller dimension', () => {
    // The line x inside the plane xy; the line z outside; the line at 45° to it.
    const planeXY = [1, 0, 0, 0, 1, 0];
    const { pairs, ranks } = subspaceOverlap(
      outputs(4, 2, 3, [...planeXY, 3, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1]),
    );
    expect(ranks).toEqual([2, 1, 1, 1]);
    expect(pairs[0][1]).toBeCloseTo(1, 14);
    expect(pairs[0][2]).toBeCloseTo(0, 14);
    expect(pairs[0][3]).toBeCloseTo(0.5, 14);
  });

  it('is defined for zero outputs, no tokens, one expert and width 1', () => {
    expect(subspaceOverlap(outputs(2, 1, 2, [0, 0, 1, 0]))).toEqual({
      mean: Number.NaN,
      pairs: [
        [1, Number.NaN],
        [Number.NaN, 1],
      ],
      ranks: [0, 1],
    });
    expect(subspaceOverlap(outputs(2, 0, 2, []))).toMatchObject({ mean: Number.NaN, ranks: [0, 0] });
    expect(subspaceOverlap(outputs(1, 1, 2, [1, 1]))).toEqual({ mean: Number.NaN, pairs: [[1]], ranks: [1] });
    expect(subspaceOverlap(outputs(2, 2, 1, [1, -2, 3, 4])).mean).toBe(1);
  });

  it('is the mean cos² of the principal angles, symmetric, within [0, 1], and not changed by scale', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }));
    const pair = sizes.chain(([tokens, width]) => {
      const size = 2 * tokens * width;
      return fc
        .array(fc.integer({ min: -4, max: 4 }), { minLength: size, maxLength: size })
        .map((data) => outputs(2, tokens, width, data));
    });
    fc.assert(
      fc.property(pair, fc.integer({ min: -400, max: 400 }), (y, power) => {
        const { pairs, ranks } = subspaceOverlap(y, 1);
        expect(pairs[0][1]).toBe(pairs[1][0]);
        const rows = (expert: number) =>
          Array.from({ length: y.tokens }, (_, t) =>
            Array.from(y.data.subarray((expert * y.tokens + t) * y.width, (expert * y.tokens + t + 1) * y.width)),
          );
        const angles = principalAngles(fromColumns(y.width, rows(0)), fromColumns(y.width, rows(1)));
        expect(angles.length).toBe(Math.min(...ranks));
        if (angles.length === 0) {
          expect(pairs[0][1]).toBeNaN();
          return;
        }
        expect(pairs[0][1]).toBeGreaterThanOrEqual(0);
        expect(pairs[0][1]).toBeLessThanOrEqual(1);
        const want = angles.reduce((sum, angle) => sum + Math.cos(angle) ** 2, 0) / angles.length;
        // Two ways to a basis of one space, each backward stable: off by a small multiple of max(n, d)·u·σ₁/σ_r. With
        // integers up to 4 in 5 × 4 tables, σ₁ ≤ 4√20 and σ_r ≥ 1/(σ₁^{r−1}) ≥ 18⁻³: the ratio is below 18⁴ ≈ 1.05e5.
        const bound = 64 * 5 * u * 18 ** 4;
        expect(Math.abs(pairs[0][1] - want), `${pairs[0][1]}, ${want}, bound ${bound}`).toBeLessThanOrEqual(bound);
        const scaled = subspaceOverlap({ ...y, data: y.data.map((value) => value * 2 ** power) }, 1);
        expect(scaled.ranks).toEqual(ranks);
        expect(Math.abs(scaled.pairs[0][1] - pairs[0][1])).toBeLessThanOrEqual(bound);
      }),
    );
  });

  it('refuses an energy out of range, sizes that do not fit, and NaN', () => {
    const y = outputs(2, 1, 2, [1, 0, 0, 1]);
    for (const energy of [0, -1, 1.01, Number.NaN]) expect(() => subspaceOverlap(y, energy)).toThrow(UsageError);
    expect(() => subspaceOverlap({ ...y, tokens: 3 })).toThrow(ShapeError);
    expect(() => subspaceOverlap(outputs(2, 1, 2, [1, Number.NaN, 0, 1]))).toThrow(UsageError);
  });
});
