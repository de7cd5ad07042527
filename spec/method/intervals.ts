/**
 * Intervals over seeds. The seed is the unit of replication: one number a seed, few of them, methods paired by seed since
 * they share the dense model and the order of the data.
 */
import { precondition } from '../array.ts';

/**
 * P(|T| ≤ t) for Student's t with ν degrees of freedom, ν a whole number (Abramowitz & Stegun 26.7.3 and 26.7.4).
 * With θ = atan(t/√ν) and c = cos²θ:
 *
 *   ν = 1:    2θ/π
 *   ν odd:    2/π · (θ + sinθ cosθ · [1 + 2/3 c + (2·4)/(3·5) c² + …])     (ν − 1)/2 terms
 *   ν even:   sinθ · [1 + 1/2 c + (1·3)/(2·4) c² + …]                      ν/2 terms
 */
export function studentCentralProbability(t: number, freedom: number): number {
  precondition(Number.isInteger(freedom) && freedom >= 1, `degrees of freedom are 1, 2, …, not ${freedom}`);
  const theta = Math.atan(t / Math.sqrt(freedom));
  const odd = freedom % 2 === 1;
  let term = 1;
  let sum = 0;
  for (let n = odd ? 1 : 0; n < freedom - (odd ? 1 : 0); n += 2) {
    sum += term;
    term *= ((n + 1) / (n + 2)) * Math.cos(theta) ** 2;
  }
  if (!odd) return Math.sin(theta) * sum;
  return (2 / Math.PI) * (theta + Math.sin(theta) * Math.cos(theta) * sum);
}

/** The t with P(|T| ≤ t) = confidence, by halving an interval until Float64 cannot tell its ends apart. */
export function studentQuantile(confidence: number, freedom: number): number {
  precondition(confidence > 0 && confidence < 1, `a confidence is between 0 and 1, not ${confidence}`);
  let low = 0;
  let high = 1;
  while (studentCentralProbability(high, freedom) < confidence && Number.isFinite(high)) high *= 2;
  for (let halving = 0; halving < 200; halving++) {
    const middle = (low + high) / 2;
    if (studentCentralProbability(middle, freedom) < confidence) low = middle;
    else high = middle;
  }
  return high;
}

export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * x̄ ± t · s/√n,  s² = Σ(x − x̄)²/(n − 1),  t the two-sided Student quantile with n − 1 degrees of freedom.
 *
 * When the interval shown is that of the best of m arms, each arm must hold with confidence 1 − (1 − confidence)/m, so that
 * all of them do at once (Bonferroni). One value alone has no interval: its ends are NaN.
 */
export function meanInterval(values: readonly number[], confidence = 0.95, arms = 1): Interval {
  const n = values.length;
  precondition(n >= 1, 'an interval needs at least one value');
  precondition(Number.isInteger(arms) && arms >= 1, `the number of arms is 1 or more, not ${arms}`);
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  if (n === 1) return { mean, low: Number.NaN, high: Number.NaN };
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  const half = studentQuantile(1 - (1 - confidence) / arms, n - 1) * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half };
}

/** Paired t interval: that of the differences a_s − b_s, s the seed. */
export function pairedInterval(a: readonly number[], b: readonly number[], confidence = 0.95, arms = 1): Interval {
  precondition(a.length === b.length, `${a.length} and ${b.length} values: one of each method for each seed`);
  return meanInterval(
    a.map((value, seed) => value - b[seed]),
    confidence,
    arms,
  );
}
