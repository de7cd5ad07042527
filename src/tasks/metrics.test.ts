import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError, UsageError } from '../errors.ts';
import { accuracy, matthewsCorrelation, multiclassCorrelation } from './metrics.ts';

const binaryPairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 1 })), {
  minLength: 1,
  maxLength: 60,
});
const first = (pairs: [number, number][]): number[] => pairs.map(([a]) => a);
const second = (pairs: [number, number][]): number[] => pairs.map(([, b]) => b);

// The counts are exact integers below 2^53. Two roots, their product and one division: four roundings, so the relative
// error is at most γ_4 = 4u/(1 − 4u), u = 2^-53; |MCC| ≤ 1 makes it the absolute bound too. The oracle below rounds as
// often in its own way (its denominator is one root of an exact product for these small counts), hence γ_8 for the pair.
const u = 2 ** -53;
const bound = (8 * u) / (1 - 8 * u);

describe('accuracy', () => {
  it('is the share of equal pairs', () => {
    expect(accuracy([0, 1, 2, 1], [0, 1, 1, 1])).toBe(0.75);
    expect(accuracy(Int32Array.of(1), Int32Array.of(1))).toBe(1);
  });

  it('has no value for nothing or for unequal lengths', () => {
    expect(() => accuracy([], [])).toThrow(ShapeError);
    expect(() => accuracy([1], [1, 0])).toThrow(/1 predictions and 2 labels/);
  });
});

describe('Matthews correlation', () => {
  it('has the values computed by hand', () => {
    // TP 2, TN 1, FP 1, FN 1: (2·1 − 1·1)/√(3·3·2·2) = 1/6.
    expect(Math.abs(matthewsCorrelation([1, 1, 1, 0, 0], [1, 1, 0, 0, 1]) - 1 / 6)).toBeLessThanOrEqual(bound);
    expect(matthewsCorrelation([1, 0, 1, 0], [1, 0, 1, 0])).toBe(1);
    expect(matthewsCorrelation([0, 1, 0, 1], [1, 0, 1, 0])).toBe(-1);
    // TP 1, TN 1, FP 1, FN 1: no relation.
    expect(matthewsCorrelation([1, 1, 0, 0], [1, 0, 1, 0])).toBe(0);
  });

  it('is 0 where the denominator is', () => {
    expect(matthewsCorrelation([1, 1, 1], [1, 0, 1])).toBe(0);
    expect(matthewsCorrelation([1, 0, 1], [1, 1, 1])).toBe(0);
    expect(matthewsCorrelation([1, 1], [1, 1])).toBe(0);
  });

  it('takes two classes only', () => {
    expect(() => matthewsCorrelation([2, 0], [1, 0])).toThrow(UsageError);
    expect(() => matthewsCorrelation([1, 0], [1, -1])).toThrow(/labels\[1\] = -1/);
    expect(() => matthewsCorrelation([], [])).toThrow(ShapeError);
  });

  it('stays exact for counts whose product passes 2^53', () => {
    const labels = new Uint8Array(400_000).map((_, i) => i & 1);
    expect(matthewsCorrelation(labels, labels)).toBe(1);
  });

  it("equals Pearson's correlation", () => {
    fc.assert(
      fc.property(binaryPairs, (pairs) => {
        const [p, l] = [first(pairs), second(pairs)];
        const n = p.length;
        const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
        // n·Σpl − Σp·Σl over √(n·Σp² − (Σp)²)·√(…): exact integers; p² = p.
        const covariance = n * sum(p.map((v, i) => v * l[i])) - sum(p) * sum(l);
        const spread = (n * sum(p) - sum(p) ** 2) * (n * sum(l) - sum(l) ** 2);
        const expected = spread === 0 ? 0 : covariance / Math.sqrt(spread);
        expect(Math.abs(matthewsCorrelation(p, l) - expected)).toBeLessThanOrEqual(bound);
      }),
    );
  });

  it('is symmetric in its arguments and changes sign when one side is inverted', () => {
    fc.assert(
      fc.property(binaryPairs, (pairs) => {
        const [p, l] = [first(pairs), second(pairs)];
        const value = matthewsCorrelation(p, l);
        expect(Math.abs(value - matthewsCorrelation(l, p))).toBeLessThanOrEqual(bound);
        expect(
          Math.abs(
            value +
              matthewsCorrelation(
                p.map((v) => 1 - v),
                l,
              ),
          ),
        ).toBeLessThanOrEqual(bound);
        expect(Math.abs(value)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('the correlation of several classes', () => {
  it('has the values computed by hand', () => {
    // s 6, c 4; predicted 2, 2, 2; there 1, 3, 2: (24 − 12)/√((36 − 12)(36 − 14)) = 3/√33.
    const value = multiclassCorrelation([0, 1, 2, 2, 1, 0], [0, 1, 2, 1, 1, 2]);
    expect(Math.abs(value - 3 / Math.sqrt(33))).toBeLessThanOrEqual(bound);
    expect(multiclassCorrelation([2, 0, 1], [2, 0, 1])).toBe(1);
    // Every class is taken for the next: (0 − 3)/√(6 · 6).
    expect(Math.abs(multiclassCorrelation([1, 2, 0], [0, 1, 2]) + 0.5)).toBeLessThanOrEqual(bound);
    expect(multiclassCorrelation([1, 1, 1], [0, 1, 2])).toBe(0);
    expect(() => multiclassCorrelation([], [])).toThrow(ShapeError);
  });

  it("is Matthews' for two classes", () => {
    fc.assert(
      fc.property(binaryPairs, (pairs) => {
        const [p, l] = [first(pairs), second(pairs)];
        // Exact integers again, and as many roundings.
        expect(Math.abs(multiclassCorrelation(p, l) - matthewsCorrelation(p, l))).toBeLessThanOrEqual(bound);
      }),
    );
  });
});
