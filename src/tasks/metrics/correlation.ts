import { sampleCorrelation, sampleRankCorrelation } from 'simple-statistics';
import { UsageError } from '../../errors.ts';
import { checkPairs } from './f1.ts';

const checkFinite = (operation: string, what: string, values: readonly number[]): void => {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UsageError({
      operation,
      received: `${what}[${bad}] = ${values[bad]}`,
      expected: 'finite numbers',
      advice: 'A model that says NaN or infinity has diverged.',
    });
};

const constant = (values: readonly number[]): boolean => values.every((value) => value === values[0]);

/** Checks both sides; 0 where one of them is constant, else the correlation, kept in [−1, 1] against rounding. */
const correlation = (
  operation: string,
  measure: (x: number[], y: number[]) => number,
  predicted: ArrayLike<number>,
  values: ArrayLike<number>,
): number => {
  checkPairs(operation, predicted, values);
  const [x, y] = [Array.from(predicted), Array.from(values)];
  checkFinite(operation, 'predicted', x);
  checkFinite(operation, 'values', y);
  if (constant(x) || constant(y)) return 0;
  const value = measure(x, y);
  // The squares of differences below 1e-162 vanish; what is as good as constant counts as constant.
  return Number.isFinite(value) ? Math.min(1, Math.max(-1, value)) : 0;
};

/**
 * Pearson's correlation of predictions and true values, in [−1, 1] (STS-B).
 *
 * r = Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² · Σ (y − ȳ)²)
 *
 * Where a side is constant (one pair only is constant too) nothing correlates and the value is 0, as for the Matthews
 * correlation; scipy says NaN there.
 *
 * @throws ShapeError for unequal lengths or no pair; UsageError for NaN or an infinity.
 */
export const pearsonCorrelation = (predicted: ArrayLike<number>, values: ArrayLike<number>): number =>
  correlation('pearson', sampleCorrelation, predicted, values);

/**
 * Spearman's correlation, in [−1, 1] (STS-B): Pearson's of the ranks; equal values share the mean of their ranks.
 * 0 where a side is constant.
 *
 * @throws ShapeError for unequal lengths or no pair; UsageError for NaN or an infinity.
 */
export const spearmanCorrelation = (predicted: ArrayLike<number>, values: ArrayLike<number>): number =>
  correlation('spearman', sampleRankCorrelation, predicted, values);
