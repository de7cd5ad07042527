import quantile from '@stdlib/stats-base-dists-t-quantile';
import { UsageError } from '../errors.ts';

/**
 * Confidence intervals over seeds.
 *
 * The unit of replication is the seed: one number a seed, few seeds (5 to 20). For so few values Student's t is the
 * right width; a bootstrap over five seeds covers about 84 % where it says 95 %. Methods that share their seeds are
 * compared by the interval of the paired differences, because a seed's dense model and data order are common to both.
 */
export interface Interval {
  /** Arithmetic mean of `values`. */
  readonly mean: number;
  /** Lower end; NaN where it cannot be known (a single value, or a value that is not finite). */
  readonly low: number;
  /** Upper end; NaN where `low` is. */
  readonly high: number;
  /** One value a seed, in the order given; for a paired interval the differences. */
  readonly values: number[];
}

/**
 * t interval of the mean: x̄ ± t(1 − (1 − confidence)/2, n − 1) · s/√n, s² = Σ(x − x̄)²/(n − 1).
 *
 * One value gives its mean and NaN ends. A value that is NaN or infinite makes both ends NaN and the mean what
 * arithmetic makes it: a diverged seed is shown, never left out.
 *
 * @param values one number a seed, at least one
 * @param confidence coverage of the interval, between 0 and 1
 * @param arms how many arms the shown one was picked from. Picking the best of m arms and quoting its own 95 % interval
 *   overstates; by Bonferroni's inequality m intervals at 1 − (1 − confidence)/m hold all at once with `confidence`.
 * @throws UsageError if `values` is empty, `confidence` is not strictly between 0 and 1, or `arms` is no positive integer
 */
export function meanInterval(values: ArrayLike<number>, confidence = 0.95, arms = 1): Interval {
  return interval('meanInterval', Array.from(values), confidence, arms);
}

/**
 * t interval of the mean of a − b, paired by seed: a[s] and b[s] come from the same seed s.
 * The result's `values` are the differences. Everything else is as for {@link meanInterval}.
 *
 * @throws UsageError as `meanInterval`, and if `a` and `b` differ in length
 */
export function pairedInterval(a: ArrayLike<number>, b: ArrayLike<number>, confidence = 0.95, arms = 1): Interval {
  if (a.length !== b.length) {
    throw new UsageError({
      operation: 'pairedInterval',
      received: `${a.length} and ${b.length} values`,
      expected: 'one value of each method for each seed',
      advice: 'Compare two methods on the seeds that both have finished.',
    });
  }
  const differences = Array.from(a, (value, seed) => value - b[seed]);
  return interval('pairedInterval', differences, confidence, arms);
}

/**
 * The half width of a t interval in standard errors: t with P(|T| ≤ t) = confidence for each of `arms` intervals at once.
 *
 * @param freedom degrees of freedom, n − 1
 */
export function tMultiplier(freedom: number, confidence = 0.95, arms = 1): number {
  // The lower tail is a small number and exact; 1 minus it would lose its digits. T is symmetric.
  const tail = (1 - confidence) / (2 * arms);
  return -quantile(tail, freedom);
}

function interval(operation: string, values: number[], confidence: number, arms: number): Interval {
  if (values.length === 0) {
    throw new UsageError({ operation, received: 'no values', expected: 'at least one value, one a seed' });
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw new UsageError({
      operation,
      received: `confidence ${confidence}`,
      expected: 'a number strictly between 0 and 1, such as 0.95',
    });
  }
  if (!(Number.isSafeInteger(arms) && arms >= 1)) {
    throw new UsageError({
      operation,
      received: `${arms} arms`,
      expected: 'how many arms were compared, a positive integer',
    });
  }
  const n = values.length;
  const mean = arithmeticMean(values);
  if (n === 1) return { mean, low: Number.NaN, high: Number.NaN, values };

  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  const standardError = Math.sqrt(squares / (n - 1) / n);
  const half = tMultiplier(n - 1, confidence, arms) * standardError;
  // An infinite value has no interval around it: NaN at both ends, never ±Infinity at one.
  const known = Number.isFinite(mean) && Number.isFinite(half);
  return { mean, low: known ? mean - half : Number.NaN, high: known ? mean + half : Number.NaN, values };
}

/** Σx/n, then once more over what is left, so that equal values have themselves as mean and no spread. */
function arithmeticMean(values: readonly number[]): number {
  const n = values.length;
  const first = values.reduce((sum, x) => sum + x, 0) / n;
  if (!Number.isFinite(first)) return first;
  return first + values.reduce((sum, x) => sum + (x - first), 0) / n;
}
