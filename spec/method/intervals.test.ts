import quantile from '@stdlib/stats-base-dists-t-quantile';
import { describe, expect, it } from 'vitest';
import { claimWithin } from '../../property-tests/kit/within.ts';
import { SpecError } from '../array.ts';
import { meanInterval, pairedInterval, studentCentralProbability, studentQuantile } from './intervals.ts';
import { gamma } from './linear-algebra.ts';

describe('Student t', () => {
  it('has the closed forms of ν = 1 and ν = 2', () => {
    claimWithin([studentCentralProbability(1, 1)], [0.5], gamma(8), 'ν = 1');
    claimWithin([studentCentralProbability(2, 2)], [2 / Math.sqrt(6)], gamma(8), 'ν = 2');
    expect(studentCentralProbability(0, 5)).toBe(0);
  });
  it('agrees with a library for 1 … 40 degrees of freedom', () => {
    for (let freedom = 1; freedom <= 40; freedom++) {
      for (const confidence of [0.5, 0.9, 0.95, 0.99]) {
        const expected = quantile(1 - (1 - confidence) / 2, freedom);
        // Both sides find a root of a probability known to about 1e-15; the density there is above 1e-4 of 1/t.
        claimWithin([studentQuantile(confidence, freedom)], [expected], 1e-10 * expected, `ν = ${freedom}`);
      }
    }
  });
});

describe('intervals', () => {
  it('by hand: 1, 2, 3 at 95 %: 2 ± 4.3027/√3', () => {
    const { mean, low, high } = meanInterval([1, 2, 3]);
    expect(mean).toBe(2);
    // Four decimals of the tabulated quantile.
    claimWithin([low, high], [2 - 4.3027 / Math.sqrt(3), 2 + 4.3027 / Math.sqrt(3)], 1e-4, 'ends');
  });
  it('is paired: a common shift of a seed does not count', () => {
    const { mean, low, high } = pairedInterval([10, 20, 30], [9, 19, 29]);
    expect([mean, low, high]).toEqual([1, 1, 1]);
    expect(() => pairedInterval([1], [1, 2])).toThrow(SpecError);
  });
  it('widens when the best of several arms is shown, as much as Bonferroni says', () => {
    const values = [0, 1, 3, 4, 7];
    const five = meanInterval(values, 0.95, 5);
    const strict = meanInterval(values, 0.99);
    claimWithin([five.low, five.high], [strict.low, strict.high], 1e-10, 'ends');
  });
  it('of one seed has a mean and no ends', () => {
    expect(meanInterval([3])).toEqual({ mean: 3, low: Number.NaN, high: Number.NaN });
    expect(() => meanInterval([])).toThrow(SpecError);
  });
});
