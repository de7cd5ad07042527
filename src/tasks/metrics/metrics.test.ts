import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError, UsageError } from '../../errors.ts';
import { accuracy, matthewsCorrelation } from '../metrics.ts';
import { pearsonCorrelation, spearmanCorrelation } from './correlation.ts';
import { f1, macroF1 } from './f1.ts';
import { multircScores, recordScores } from './reading.ts';

/**
 * Golden numbers: computed once by scikit-learn 1.9.1 and scipy 1.17.1 on these very arrays.
 * Ratios of counts below 2^53 differ by at most two roundings on either side: 4u, u = 2^-53.
 */
const u = 2 ** -53;
const labels = [1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0];
const predicted = [1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0];
const classes = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 })), {
  minLength: 1,
  maxLength: 40,
});

const near = (value: number, expected: number, bound: number): void =>
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(bound);

describe('F1', () => {
  it('has the values of scikit-learn', () => {
    near(f1(predicted, labels), 0.6666666666666666, 4 * u);
    near(accuracy(predicted, labels), 0.6666666666666666, 4 * u);
    // Four roundings here and as many there.
    near(matthewsCorrelation(predicted, labels), 0.37142857142857144, 8 * u);
  });

  it('is 0 without hits, 1 where all is right, and counts the class it is asked for', () => {
    expect(f1([0, 0], [0, 0])).toBe(0);
    expect(f1([1, 0], [0, 1])).toBe(0);
    expect(f1([1, 0], [1, 0])).toBe(1);
    expect(f1([0, 0, 1], [0, 1, 1], 0)).toBe(2 / 3);
    expect(() => f1([], [])).toThrow(ShapeError);
    expect(() => f1([1], [1, 0])).toThrow(/1 predictions and 2 labels/);
  });

  it('is the harmonic mean of precision and recall', () => {
    fc.assert(
      fc.property(classes, (pairs) => {
        const hits = pairs.filter(([p, l]) => p === 1 && l === 1).length;
        const precision = hits / pairs.filter(([p]) => p === 1).length;
        const recall = hits / pairs.filter(([, l]) => l === 1).length;
        const expected = hits === 0 ? 0 : (2 * precision * recall) / (precision + recall);
        // Two roundings of the ratios, three of the mean, one here.
        near(
          f1(
            pairs.map(([p]) => p),
            pairs.map(([, l]) => l),
          ),
          expected,
          8 * u,
        );
      }),
    );
  });
});

describe('macro F1', () => {
  it('has the values of scikit-learn, absent classes too', () => {
    const is = [0, 2, 0, 0, 0, 0, 0, 2, 1, 1, 0, 2, 2, 0, 0, 0, 0, 2, 1, 1];
    const said = [2, 2, 0, 1, 0, 2, 0, 0, 1, 1, 0, 2, 2, 1, 0, 0, 0, 1, 1, 2];
    // Three ratios of one rounding each, two additions, a division; as many on the other side.
    near(macroF1(said, is), 0.6274322169059011, 12 * u);
    near(macroF1([0, 1, 1, 1], [0, 0, 1, 1]), 0.7333333333333334, 12 * u);
    near(macroF1([0, 2, 1], [0, 0, 1]), 0.5555555555555555, 12 * u);
    expect(() => macroF1([], [])).toThrow(ShapeError);
  });

  it('does not depend on the order of the rows', () => {
    fc.assert(
      fc.property(classes, (pairs) => {
        const value = (rows: [number, number][]): number =>
          macroF1(
            rows.map(([p]) => p),
            rows.map(([, l]) => l),
          );
        expect(value([...pairs].reverse())).toBe(value(pairs));
      }),
    );
  });
});

describe('correlations', () => {
  const x = [5.0, 3.6, 4.0, 0.8, 3.6, 4.2, 2.0, 2.8, 2.4, 4.8, 1.6, 2.0, 0.0, 2.1, 3.2];
  const y = [7, 3, 2, -2, 3, 4, 2, 2, 2, 4, 1, 2, -1, 2, 6];
  // n terms of a sum around a mean of n terms, twice: 4n + 10 roundings at the values' own size, which is under 4 of
  // their deviations (7 / 2.3); Cauchy and Schwarz bound what the sum of products may weigh. Both sides round so.
  const bound = 2 * (4 * x.length + 10) * u * 4;

  it('have the values of scipy, ties included', () => {
    near(pearsonCorrelation(x, y), 0.8353360788095219, bound);
    near(spearmanCorrelation(x, y), 0.8700213577307631, bound);
  });

  it('are 0 where a side is constant, and refuse what is no number', () => {
    for (const measure of [pearsonCorrelation, spearmanCorrelation]) {
      // 0.1 three times has a mean that is not 0.1.
      expect(measure([0.1, 0.1, 0.1], [1, 2, 3])).toBe(0);
      expect(measure([1, 2, 3], [4, 4, 4])).toBe(0);
      expect(measure([1], [1])).toBe(0);
      expect(() => measure([1, Number.NaN], [1, 2])).toThrow(UsageError);
      expect(() => measure([1, 2], [1, Number.POSITIVE_INFINITY])).toThrow(/values\[1\] = Infinity/);
      expect(() => measure([], [])).toThrow(ShapeError);
      expect(() => measure([1], [1, 2])).toThrow(ShapeError);
    }
    // The square of 1e-200 is 0.
    expect(pearsonCorrelation([0, 1e-200], [1, 2])).toBe(0);
  });

  it('are 1 for the same order, −1 for the opposite; Spearman keeps to ranks', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 30 }), (values) => {
        // Ranks are integers below 30 around a mean of at most one half: the sums are exact, the roots and quotients not.
        near(
          spearmanCorrelation(
            values,
            values.map((value) => value ** 3),
          ),
          1,
          8 * u,
        );
        near(
          spearmanCorrelation(
            values,
            values.map((value) => -value),
          ),
          -1,
          8 * u,
        );
        expect(pearsonCorrelation(values, values)).toBeGreaterThan(0.999999);
      }),
    );
  });
});

describe('MultiRC', () => {
  it('counts answers for F1a and whole questions for EM', () => {
    // Question 7: both right. Question 3: one of two wrong. TP 1, FP 1, FN 0.
    expect(multircScores([1, 0, 1, 0], [1, 0, 0, 0], [7, 7, 3, 3])).toEqual({ f1a: 2 / 3, em: 0.5 });
    expect(multircScores([1, 1, 0, 0], [1, 0, 0, 0], [7, 3, 7, 3])).toEqual({ f1a: 2 / 3, em: 0.5 });
    expect(() => multircScores([1], [1], [])).toThrow(ShapeError);
    expect(() => multircScores([], [], [])).toThrow(ShapeError);
  });
});

describe('ReCoRD', () => {
  it('takes the best gold answer', () => {
    expect(recordScores(['the  benazir, Bhutto'], [['Bhutto', 'Benazir Bhutto']])).toEqual({ f1: 1, em: 1 });
    // One word of two shared with one word: 2·1 / (2 + 1).
    expect(recordScores(['Benazir Bhutto', 'CNN'], [['Bhutto'], ['Pakistan', 'CNN']])).toEqual({
      f1: (2 / 3 + 1) / 2,
      em: 0.5,
    });
    // A word counts as often as both have it.
    expect(recordScores(['duran duran'], [['duran']])).toEqual({ f1: 2 / 3, em: 0 });
    expect(() => recordScores(['x'], [[]])).toThrow(/no gold answer for query 0/);
    expect(() => recordScores([], [])).toThrow(ShapeError);
  });
});
