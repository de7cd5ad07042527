import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, SpecError, toFlat } from '../array.ts';
import { argmax, logSumExp, max, mean, min, sum, variance } from './reduce.ts';

const x = array([1, 2, 3, 4, 5, 9], [2, 3]);
const none = array([], [2, 0]);

describe('reductions', () => {
  it('along axes', () => {
    expect(toFlat(sum(x, 0))).toEqual([5, 7, 12]);
    expect(toFlat(sum(x, -1))).toEqual([6, 18]);
    expect(toFlat(sum(x))).toEqual([24]);
    expect(sum(x).shape).toEqual([]);
    expect(sum(x, [0, 1]).shape).toEqual([]);
    expect(toFlat(sum(x, []))).toEqual(toFlat(x));
    expect(toFlat(mean(x, 1))).toEqual([2, 6]);
    expect(toFlat(max(x, 0))).toEqual([4, 5, 9]);
    expect(toFlat(min(x, 1))).toEqual([1, 4]);
    expect(() => sum(x, 2)).toThrow(SpecError);
  });

  it('keepDims keeps the axes with size 1', () => {
    expect(sum(x, 1, { keepDims: true }).shape).toEqual([2, 1]);
    expect(toFlat(sum(x, 1, { keepDims: true }))).toEqual([6, 18]);
    expect(max(x, undefined, { keepDims: true }).shape).toEqual([1, 1]);
    expect(argmax(x, 0, { keepDims: true }).shape).toEqual([1, 3]);
  });

  it('of a middle axis', () => {
    const cube = array([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
    expect(toFlat(sum(cube, 1))).toEqual([4, 6, 12, 14]);
    expect(toFlat(sum(cube, [0, 2]))).toEqual([14, 22]);
    expect(toFlat(sum(cube, [0, 2], { keepDims: true }))).toEqual([14, 22]);
  });

  it('variance with and without correction', () => {
    expect(toFlat(variance(array([1, 2, 3, 4]), 0))).toEqual([1.25]);
    expect(toFlat(variance(array([1, 2, 3, 4]), 0, { correction: 1 }))).toEqual([5 / 3]);
    expect(toFlat(variance(array([7]), 0, { correction: 1 }))).toEqual([Number.NaN]);
  });

  it('of nothing', () => {
    expect(toFlat(sum(none, 1))).toEqual([0, 0]);
    expect(toFlat(mean(none, 1))).toEqual([Number.NaN, Number.NaN]);
    expect(toFlat(max(none, 1))).toEqual([-Infinity, -Infinity]);
    expect(toFlat(min(none, 1))).toEqual([Infinity, Infinity]);
    expect(toFlat(logSumExp(none, 1))).toEqual([-Infinity, -Infinity]);
    expect(sum(none, 0).shape).toEqual([0]);
    expect(() => argmax(none, 1)).toThrow(SpecError);
  });

  it('propagate NaN', () => {
    const hole = array([1, Number.NaN, 2]);
    for (const reduce of [sum, mean, max, min, variance, logSumExp])
      expect(toFlat(reduce(hole, 0))).toEqual([Number.NaN]);
  });
});

describe('logSumExp', () => {
  it('does not overflow and knows infinities', () => {
    expect(toFlat(logSumExp(array([1000, 1000]), 0))).toEqual([1000 + Math.LN2]);
    expect(toFlat(logSumExp(array([-Infinity, -Infinity]), 0))).toEqual([-Infinity]);
    expect(toFlat(logSumExp(array([-Infinity, 3]), 0))).toEqual([3]);
    expect(toFlat(logSumExp(array([Infinity, 3]), 0))).toEqual([Infinity]);
  });

  it('lies between max and max + ln n', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 8 }), (values) => {
        const [lse] = toFlat(logSumExp(array(values)));
        const highest = Math.max(...values);
        const slack = 2 ** -50 * (Math.abs(highest) + 3); // roundings of ln and of the sum, on numbers below |max| + ln 8
        expect(lse).toBeGreaterThanOrEqual(highest);
        expect(lse).toBeLessThanOrEqual(highest + Math.log(values.length) + slack);
      }),
    );
  });
});

describe('argmax', () => {
  it('is the first of the largest, and NaN is the largest', () => {
    expect(toFlat(argmax(array([1, 3, 3, 2]), 0))).toEqual([1]);
    expect(toFlat(argmax(array([1, Number.NaN, 3, Number.NaN]), 0))).toEqual([1]);
    expect(toFlat(argmax(array([-Infinity, -Infinity]), 0))).toEqual([0]);
    expect(toFlat(argmax(array([-0, 0]), 0))).toEqual([0]);
    expect(toFlat(argmax(array([1, 5, 4, 2], [2, 2]), 0))).toEqual([1, 0]);
  });
});
