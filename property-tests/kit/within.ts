/** Comparing numbers against a bound that was derived beforehand; the message names the worst place. */

/** u, the unit roundoff of Float64. */
export const u = 2 ** -53;

/** γ_K = K·u/(1 − K·u): what K roundings in a row can add up to, relatively. */
export const gamma = (K: number): number => (K * u) / (1 - K * u);

/**
 * @throws Error where some |actual − expected| > bound (a number, or one per entry), or either is NaN.
 * Returns max |actual − expected| / bound, so that a test can also see an empty bound.
 */
export function assertWithin(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: number | ArrayLike<number>,
  what: string,
): number {
  if (actual.length !== expected.length)
    throw new Error(`${what}: ${actual.length} numbers against ${expected.length}`);
  let worst = 0;
  let worstAt = -1;
  for (let i = 0; i < actual.length; i++) {
    const allowed = typeof bound === 'number' ? bound : bound[i]!;
    const error = Math.abs(actual[i]! - expected[i]!);
    const ratio = error === 0 ? 0 : error / allowed;
    if (ratio > worst || Number.isNaN(ratio)) {
      worst = ratio;
      worstAt = i;
      if (Number.isNaN(ratio)) break;
    }
  }
  if (worst <= 1) return worst;
  const allowed = typeof bound === 'number' ? bound : bound[worstAt];
  throw new Error(
    `${what}: [${worstAt}] is ${actual[worstAt]}, but should be ${expected[worstAt]} within ${allowed} (off by ${worst} bounds)`,
  );
}

/** `assertWithin` for one quantity that must not exceed a limit by more than `slack`. */
export function assertAtMost(value: number, limit: number, slack: number, what: string): void {
  if (value <= limit + slack) return;
  throw new Error(`${what}: ${value}, but should be at most ${limit} (+ ${slack} for rounding)`);
}
