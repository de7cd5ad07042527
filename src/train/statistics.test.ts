import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { foldIn, key, normal } from '../random.ts';
import { meanInterval, pairedInterval, tMultiplier } from './statistics.ts';

/** Upper quantiles of t that have a closed form (Shaw 2006): 1, 2 and 4 degrees of freedom. */
const closedForm: Record<number, (tail: number) => number> = {
  1: (tail) => 1 / Math.tan(Math.PI * tail),
  2: (tail) => (1 - 2 * tail) / Math.sqrt(2 * tail * (1 - tail)),
  4: (tail) => {
    const a = 4 * tail * (1 - tail);
    return 2 * Math.sqrt(Math.cos(Math.acos(Math.sqrt(a)) / 3) / Math.sqrt(a) - 1);
  },
};

describe('tMultiplier', () => {
  // Two-sided 95 % and 99 % columns of the usual printed table, three decimals: half a unit there is 5e-4.
  it.each([
    [1, 12.706, 63.657],
    [2, 4.303, 9.925],
    [3, 3.182, 5.841],
    [4, 2.776, 4.604],
    [5, 2.571, 4.032],
    [9, 2.262, 3.25],
    [19, 2.093, 2.861],
    [30, 2.042, 2.75],
    [120, 1.98, 2.617],
  ])('agrees with the printed table at %i degrees of freedom', (freedom, at95, at99) => {
    expect(Math.abs(tMultiplier(freedom, 0.95) - at95)).toBeLessThanOrEqual(5.001e-4);
    expect(Math.abs(tMultiplier(freedom, 0.99) - at99)).toBeLessThanOrEqual(5.001e-4);
  });

  it.each([1, 2, 4])('agrees with the closed form at %i degrees of freedom', (freedom) => {
    for (const confidence of [0.5, 0.8, 0.9, 0.95, 0.99, 0.999]) {
      for (const arms of [1, 3, 11]) {
        const got = tMultiplier(freedom, confidence, arms);
        const want = closedForm[freedom]((1 - confidence) / (2 * arms));
        // stdlib inverts the incomplete beta function to a few u, and the closed forms cost about ten roundings, in
        // which t loses no digits for t ≥ 0.7: 64·u relative covers both.
        expect(Math.abs(got - want), `t(${freedom}) at ${confidence}, ${arms} arms: ${got}, ${want}`).toBeLessThan(
          64 * Number.EPSILON * want,
        );
      }
    }
  });

  it('corrects for many arms as Bonferroni does: 5 arms at 95 % are one at 99 %', () => {
    // (1 − 0.95)/10 and (1 − 0.99)/2 differ in their last digits only.
    expect(tMultiplier(4, 0.95, 5)).toBeCloseTo(tMultiplier(4, 0.99), 10);
  });
});

describe('meanInterval', () => {
  it('has the values of a worked example', () => {
    // mean 3, s² = 10/4 = 2.5, s/√5 = √0.5; t(0.975, 4) = 2.7764451051977987
    const half = 2.7764451051977987 * Math.SQRT1_2;
    const { mean, low, high, values } = meanInterval([1, 2, 3, 4, 5]);
    expect(mean).toBe(3);
    expect(low).toBeCloseTo(3 - half, 13);
    expect(high).toBeCloseTo(3 + half, 13);
    expect(values).toEqual([1, 2, 3, 4, 5]);
  });

  it('takes typed arrays and leaves its input alone', () => {
    const seeds = Float64Array.of(0.25, 0.75);
    const { mean, values } = meanInterval(seeds);
    expect(mean).toBe(0.5);
    values[0] = 9;
    expect(seeds[0]).toBe(0.25);
  });

  it('knows no interval of a single value', () => {
    expect(meanInterval([0.8])).toEqual({ mean: 0.8, low: Number.NaN, high: Number.NaN, values: [0.8] });
  });

  it('shows a value that is not finite and claims no interval', () => {
    expect(meanInterval([1, Number.NaN, 2])).toMatchObject({ mean: Number.NaN, low: Number.NaN, high: Number.NaN });
    expect(meanInterval([1, Infinity])).toMatchObject({ mean: Infinity, low: Number.NaN, high: Number.NaN });
    expect(meanInterval([Infinity, 1])).toMatchObject({ mean: Infinity, low: Number.NaN, high: Number.NaN });
  });

  it('refuses what has no meaning', () => {
    expect(() => meanInterval([])).toThrow(UsageError);
    for (const confidence of [0, 1, -0.1, 95, Number.NaN]) {
      expect(() => meanInterval([1, 2], confidence)).toThrow(UsageError);
    }
    for (const arms of [0, -1, 1.5, Number.NaN, Infinity]) {
      expect(() => meanInterval([1, 2], 0.95, arms)).toThrow(UsageError);
    }
  });

  it('gives equal values no width, exactly', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: 2, max: 40 }), (value, n) => {
        const got = meanInterval(new Array<number>(n).fill(value));
        expect(got.mean - value).toBe(0);
        expect(got.high - got.low).toBe(0);
      }),
    );
  });

  it('moves and stretches with its values, and widens with confidence and arms', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 20 }),
        fc.integer({ min: -8, max: 8 }),
        (values, power) => {
          const scale = 2 ** power;
          const plain = meanInterval(values);
          // A power of two scales every rounding with it, so this is exact.
          const scaled = meanInterval(values.map((x) => x * scale));
          expect(scaled.low).toBe(plain.low * scale);
          expect(scaled.high).toBe(plain.high * scale);
          const width = plain.high - plain.low;
          const surer = meanInterval(values, 0.99);
          const corrected = meanInterval(values, 0.95, 4);
          expect(surer.high - surer.low).toBeGreaterThanOrEqual(width);
          expect(corrected.high - corrected.low).toBeGreaterThanOrEqual(width);
        },
      ),
    );
  });
});

describe('pairedInterval', () => {
  it('is the interval of the differences, not the difference of intervals', () => {
    // The seeds differ by 1/8 each, the methods by exactly 1/64: the pairing takes the seeds out.
    const b = [0.5, 0.625, 0.75];
    const a = b.map((x) => x + 1 / 64);
    expect(pairedInterval(a, b)).toEqual({ mean: 1 / 64, low: 1 / 64, high: 1 / 64, values: [1 / 64, 1 / 64, 1 / 64] });
    expect(pairedInterval([1, 4], [0, 1])).toEqual(meanInterval([1, 3]));
  });

  it('changes sign with its arguments', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: -99, max: 99 })), { minLength: 2 }),
        (pairs) => {
          const a = pairs.map(([x]) => x);
          const b = pairs.map(([, y]) => y);
          const forth = pairedInterval(a, b);
          const back = pairedInterval(b, a);
          expect(back.low + forth.high).toBe(0);
          expect(back.high + forth.low).toBe(0);
        },
      ),
    );
  });

  it('covers the true mean in 95 % of five-seed samples', () => {
    const trials = 4000;
    let covered = 0;
    for (let trial = 0; trial < trials; trial++) {
      const { low, high } = meanInterval(normal(foldIn(key(3), trial), 5));
      if (low <= 0 && 0 <= high) covered++;
    }
    // Binomial(4000, 0.95): sd √(0.95·0.05/4000) = 0.0034; four of them are 0.0138.
    expect(Math.abs(covered / trials - 0.95)).toBeLessThan(0.0138);
  });

  it('refuses seeds that do not pair', () => {
    expect(() => pairedInterval([1, 2], [1])).toThrow(/2 and 1 values/);
    expect(() => pairedInterval([], [])).toThrow(UsageError);
  });
});
