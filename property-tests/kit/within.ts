import { UNIT_ROUNDOFF } from '../../spec/rounding/model.ts';
import { UsageError } from '../../src/errors.ts';

/** Comparing numbers with a bound that was derived beforehand. Whatever here compares does so through `shareOfBound`. */

export { gamma } from '../../spec/rounding/model.ts';

/** u, the unit roundoff of Float64. */
export const u = UNIT_ROUNDOFF.float64;

/** A comparison that came out wrong, in distinction from a crash, which refutes nothing. */
export class ClaimFailed extends Error {
  override readonly name = 'ClaimFailed';
}

/** States what a law claims. @throws ClaimFailed */
export function claim(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new ClaimFailed(message());
}

/**
 * error/bound: above 1 the error is too large. Infinity for an error that is no number; 0 for none, whatever the bound.
 * @throws UsageError for a bound that is negative or no number: that is a mistake of whoever derived it, and not of what is
 *   compared. A quotient would come out negative or NaN, neither of which is above 1: such a bound would let everything pass.
 */
export function shareOfBound(error: number, bound: number, what: string): number {
  if (!(bound >= 0))
    throw new UsageError({ operation: what, received: `the bound ${bound}`, expected: 'a number >= 0' });
  if (error === 0) return 0;
  const share = error / bound;
  return Number.isNaN(share) ? Infinity : share;
}

/**
 * |actual − expected| ≤ bound (a number, or one per entry), one by one; a NaN on either side never is.
 * @returns max |actual − expected| / bound, so that a bound which is never approached shows
 * @throws ClaimFailed with the worst place · UsageError for a bound that is none
 */
export function claimWithin(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: number | ArrayLike<number>,
  what: string,
): number {
  claim(actual.length === expected.length, () => `${what}: ${actual.length} numbers against ${expected.length}`);
  const allowed = (i: number): number => (typeof bound === 'number' ? bound : bound[i]!);
  let [worst, at] = [0, -1];
  for (let i = 0; i < actual.length; i++) {
    const share = shareOfBound(Math.abs(actual[i]! - expected[i]!), allowed(i), what);
    if (share > worst) [worst, at] = [share, i];
  }
  claim(
    worst <= 1,
    () =>
      `${what}: [${at}] is ${actual[at]}, but should be ${expected[at]} within ${allowed(at)} (off by ${worst.toPrecision(3)} bounds)`,
  );
  return worst;
}

/**
 * value ≤ limit + slack, the slack for rounding.
 * @returns value/(limit + slack): 1 where the limit is reached, at most 0 where the value is on the other side of 0
 * @throws ClaimFailed where it is above, or any of the three is NaN · UsageError for a negative slack
 */
export function claimAtMost(value: number, limit: number, slack: number, what: string): number {
  if (slack < 0) throw new UsageError({ operation: what, received: `the slack ${slack}`, expected: 'a number >= 0' });
  claim(value <= limit + slack, () => `${what}: ${value}, but should be at most ${limit} (+ ${slack} for rounding)`);
  return value <= 0 ? 0 : value / (limit + slack);
}

/** Numbers equal, one by one, with the first index that is not in the message. @throws ClaimFailed */
export function claimEqual(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  claim(actual.length === expected.length, () => `${what}: ${actual.length} numbers against ${expected.length}`);
  for (let i = 0; i < actual.length; i++)
    claim(
      Object.is(actual[i], expected[i]) || actual[i] === expected[i],
      () => `${what}: [${i}] is ${actual[i]}, but should be exactly ${expected[i]}`,
    );
}
