import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError, UsageError } from '../../errors.ts';
import { effectiveRank, outputEffectiveRank } from './rank.ts';

const u = Number.EPSILON / 2;
const spectrum = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 12 });
// r ≤ 12 terms p ln p of at most 1/e with four roundings each, and the normalisation: entropy off by less than 12·8·u;
// exp passes that on relatively and adds its own last place.
const relativeBound = (12 * 8 + 2) * u;

describe('effectiveRank', () => {
  it('has the values of a worked example', () => {
    expect(effectiveRank([5])).toBe(1);
    expect(effectiveRank([2, 2, 2])).toBeCloseTo(3, 14);
    // p = 3/4, 1/4: exp(ln 4 − (3/4) ln 3) = 4/3^(3/4)
    expect(effectiveRank([3, 1])).toBeCloseTo(4 / 3 ** 0.75, 14);
    expect(effectiveRank(Float64Array.of(3, 1, 0, 0))).toBeCloseTo(4 / 3 ** 0.75, 14);
  });

  it('is NaN for a zero matrix and for no values', () => {
    expect(effectiveRank([])).toBeNaN();
    expect(effectiveRank([0, 0])).toBeNaN();
  });

  it('does not overflow or underflow', () => {
    expect(effectiveRank([1e308, 1e308, 1e308])).toBeCloseTo(3, 14);
    expect(effectiveRank([5e-324, 5e-324])).toBeCloseTo(2, 14);
    expect(effectiveRank([1e308, 1e-308])).toBe(1);
  });

  it('lies between 1 and the rank', () => {
    fc.assert(
      fc.property(spectrum, (sigma) => {
        const rank = sigma.filter((value) => value > 0).length;
        fc.pre(rank > 0);
        const value = effectiveRank(sigma);
        expect(value).toBeGreaterThanOrEqual(1 - relativeBound);
        expect(value).toBeLessThanOrEqual(rank * (1 + relativeBound));
      }),
    );
  });

  it('does not see scale or order', () => {
    fc.assert(
      fc.property(spectrum, fc.integer({ min: -500, max: 500 }), (sigma, power) => {
        fc.pre(sigma.some((value) => value > 0));
        const plain = effectiveRank(sigma);
        expect(effectiveRank(sigma.map((value) => value * 2 ** power))).toBe(plain);
        const turned = effectiveRank([...sigma].reverse());
        expect(Math.abs(turned - plain)).toBeLessThanOrEqual(2 * relativeBound * plain);
      }),
    );
  });

  it('refuses what is no singular value', () => {
    for (const bad of [-1, Number.NaN, Infinity]) expect(() => effectiveRank([1, bad])).toThrow(UsageError);
  });
});

describe('outputEffectiveRank', () => {
  it('measures each expert and takes the mean', () => {
    // Expert 0 uses two directions alike; expert 1 one.
    const data = Float64Array.of(3, 0, 0, 3, 1, 1, 2, 2);
    const { mean, experts } = outputEffectiveRank({ experts: 2, tokens: 2, width: 2, data });
    expect(experts[0]).toBeCloseTo(2, 14);
    // A rounded second singular value σ₂ ≤ 8uσ₁ adds p(1 − ln p), about 4e-14.
    expect(experts[1]).toBeCloseTo(1, 12);
    expect(mean).toBe((experts[0] + experts[1]) / 2);
  });

  it('shows an expert that puts out zeros', () => {
    const data = Float64Array.of(1, 0, 0, 0);
    expect(outputEffectiveRank({ experts: 2, tokens: 1, width: 2, data })).toEqual({
      mean: Number.NaN,
      experts: [1, Number.NaN],
    });
  });

  it('is NaN without tokens, and refuses what does not fit', () => {
    const empty = { experts: 2, tokens: 0, width: 3, data: new Float64Array(0) };
    expect(outputEffectiveRank(empty)).toEqual({ mean: Number.NaN, experts: [Number.NaN, Number.NaN] });
    expect(() => outputEffectiveRank({ ...empty, tokens: 1 })).toThrow(ShapeError);
    const broken = { experts: 1, tokens: 1, width: 2, data: Float64Array.of(Number.NaN, 1) };
    expect(() => outputEffectiveRank(broken)).toThrow(UsageError);
  });
});
