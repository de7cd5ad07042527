import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, boolArray, fromFunction, intArray, type Real, SpecError, toFlat } from '../array.ts';
import { key, uniform } from '../random.ts';
import * as rounding from '../rounding.ts';
import { attention } from './attention.ts';
import { crossEntropy } from './cross-entropy.ts';
import { dropout } from './dropout.ts';
import { layerNorm } from './layer-norm.ts';
import { mean, variance } from './reduce.ts';
import { logSoftmax, softmax } from './softmax.ts';

const u = rounding.UNIT_ROUNDOFF.float64;
const values = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 6 });

function close(actual: Real, expected: Real, bound: number): void {
  toFlat(expected).forEach((value, i) => {
    const got = toFlat(actual)[i];
    if (!(Math.abs(got - value) <= bound)) throw new Error(`[${i}] = ${got}, should be ${value} within ${bound}`);
  });
}

describe('softmax', () => {
  it('by hand', () => {
    // Each to a few roundings, on numbers below 2: 16u
    close(softmax(array([0, Math.LN2, Math.log(5)])), array([1 / 8, 2 / 8, 5 / 8]), 16 * u);
    close(logSoftmax(array([0, 0])), array([-Math.LN2, -Math.LN2]), 16 * u);
    expect(toFlat(softmax(array([1e308, -1e308])))).toEqual([1, 0]);
    expect(toFlat(softmax(array([-Infinity, 3])))).toEqual([0, 1]);
    expect(toFlat(softmax(array([-Infinity, -Infinity])))).toEqual([Number.NaN, Number.NaN]);
    expect(toFlat(softmax(array([0, 5, 0, 5], [2, 2]), 0))).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect(() => softmax(array([1], []))).toThrow(SpecError);
  });

  it('sums to 1, is the exponential of logSoftmax, and does not see a constant', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: -8, max: 8 }), (row, shift) => {
        // multiples of 2⁻²⁰ below 32: adding the shift is exact
        const x = array(row.map((v) => Math.round(v * 2 ** 20) / 2 ** 20));
        const p = softmax(x);
        const bound = Math.max(...toFlat(rounding.softmaxBound(x, 0, u, rounding.REFERENCE_ULPS)));
        expect(Math.abs(toFlat(p).reduce((s, v) => s + v, 0) - 1)).toBeLessThanOrEqual(row.length * (bound + u));
        expect(toFlat(softmax(array(toFlat(x).map((v) => v + shift))))).toEqual(toFlat(p));
        const fromLog = array(toFlat(logSoftmax(x)).map(Math.exp));
        // e^{y + b} = e^y(1 + b + …) with e^y ≤ 1, b the bound of logSoftmax; one unit for exp
        const logBound = Math.max(...toFlat(rounding.logSoftmaxBound(x, 0, u, rounding.REFERENCE_ULPS)));
        close(fromLog, p, bound + 1.01 * logBound + 2 * u);
      }),
    );
  });
});

describe('crossEntropy', () => {
  it('is ln of the number of classes for equal scores', () => {
    close(crossEntropy(array([7, 7, 7, 7], [1, 4]), intArray([2])), array([Math.log(4)]), 16 * u);
    // 3 ahead by a thousand: no loss for it, a thousand for the other
    expect(toFlat(crossEntropy(array([1000, 0, 1000, 0], [2, 2]), intArray([0, 1])))).toEqual([-0, 1000]);
  });

  it('refuses a label that is no class', () => {
    for (const label of [-1, 2])
      expect(() => crossEntropy(array([1, 2], [1, 2]), intArray([label]))).toThrow(SpecError);
  });
});

describe('layerNorm', () => {
  it('by hand: mean 3, variance 2', () => {
    const y = layerNorm(array([1, 2, 3, 4, 5]), array([1, 1, 1, 1, 2]), array([0, 0, 0, 0, 7]), 0);
    const s = Math.SQRT1_2;
    close(y, array([-2 * s, -s, 0, s, 7 + 4 * s]), 32 * u); // numbers below 16, a few roundings each
    close(layerNorm(array([4, 4]), array([1, 1]), array([3, 5]), 1e-5), array([3, 5]), 0);
  });

  it('has mean 0, variance v/(v + ε), and does not see a shift or a scale', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 2, maxLength: 6 }), (row) => {
        fc.pre(new Set(row).size > 1);
        const [one, zero] = [array(row.map(() => 1)), array(row.map(() => 0))];
        const y = layerNorm(array(row), one, zero, 0.5);
        const [v] = toFlat(variance(array(row)));
        // |y| ≤ √n < 3, at most n + 8 < 16 roundings on the way, once more for the statistics: 100u
        expect(Math.abs(toFlat(mean(y))[0])).toBeLessThan(100 * u);
        expect(Math.abs(toFlat(variance(y))[0] - v / (v + 0.5))).toBeLessThan(100 * u);
        close(layerNorm(array(row.map((value) => 4 * value + 8)), one, zero, 8), y, 200 * u);
      }),
    );
  });
});

describe('dropout', () => {
  it('keeps and scales where the draw reaches the rate', () => {
    const draws = toFlat(uniform(key(3), 6));
    const x = array([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(toFlat(dropout(x, 0.5, key(3)))).toEqual([1, 2, 3, 4, 5, 6].map((v, i) => (draws[i] >= 0.5 ? 2 * v : 0)));
    expect(toFlat(dropout(x, 0, key(3)))).toEqual(toFlat(x));
    expect(new Set(toFlat(dropout(x, 0.5, key(3)))).size).toBeGreaterThan(1);
    expect(() => dropout(x, 1, key(3))).toThrow(SpecError);
  });
});

describe('attention', () => {
  const head = (rows: number[][]): Real => array(rows.flat(), [1, 1, rows.length, rows[0].length]);

  it('by hand: equal scores average the values, a mask takes keys out', () => {
    const q = head([[0, 0]]);
    const [k, v] = [
      head([
        [1, 2],
        [3, 4],
      ]),
      head([[1], [3]]),
    ];
    expect(toFlat(attention(q, k, v))).toEqual([2]);
    expect(toFlat(attention(q, k, v, boolArray([0, 1], [1, 2])))).toEqual([3]);
    expect(toFlat(attention(q, k, v, boolArray([0, 0], [1, 2])))).toEqual([0]);
  });

  it('scales by 1/√dim', () => {
    // q·k = 2 ln 3 and 0 over √4: weights 3/4 and 1/4
    const q = head([[Math.log(3), Math.log(3), 0, 0]]);
    const k = head([
      [1, 1, 0, 0],
      [0, 0, 1, 1],
    ]);
    close(attention(q, k, head([[4], [0]])), head([[3]]), 32 * u);
  });

  it('what is masked does not matter, and batches have masks of their own', () => {
    const random = (shape: number[], seed: number): Real => {
      const draws = uniform(key(seed), 1000, -1, 1);
      let next = 0;
      return fromFunction(shape, () => draws.get(next++));
    };
    const [q, k, v] = [random([2, 2, 3, 4], 1), random([2, 2, 3, 4], 2), random([2, 2, 3, 5], 3)];
    const mask = boolArray([1, 0, 1, 1, 1, 0], [2, 3]);
    const spoil = (a: Real, value: number): Real =>
      fromFunction(a.shape, ([b, h, j, d]) => (mask.get(b, j) === 0 ? value : a.get(b, h, j, d)));
    // no weight sees a masked key; its value gets weight 0, which any number is lost by
    expect(toFlat(attention(q, spoil(k, Number.NaN), spoil(v, 1e300), mask))).toEqual(toFlat(attention(q, k, v, mask)));
    expect(attention(q, k, v, mask).shape).toEqual([2, 2, 3, 5]);
    expect(() => attention(q, k, v, boolArray([1, 1, 1], [1, 3]))).toThrow(SpecError);
  });
});
