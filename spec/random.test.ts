import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpecError, toFlat } from './array.ts';
import {
  bits,
  foldIn,
  integers,
  key,
  normal,
  permutation,
  split,
  threefry,
  truncatedNormal,
  uniform,
} from './random.ts';

const anyKey = fc.record({ hi: fc.nat(2 ** 32 - 1), lo: fc.nat(2 ** 32 - 1) });
const hex = (words: readonly number[]): string => words.map((w) => w.toString(16).padStart(8, '0')).join(' ');

describe('threefry', () => {
  // The known-answer vectors published with the algorithm, threefry2x32 at 20 rounds.
  it.each([
    [0, 0, 0, 0, '6b200159 99ba4efe'],
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, '1cb996fc bb002be7'],
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 'c4923a9c 483df7a0'],
  ])('counter %i %i, key %i %i', (c0, c1, hi, lo, answer) => {
    expect(hex(threefry({ hi, lo }, [c0, c1]))).toBe(answer);
  });

  it('refuses words that are not 32-bit', () => {
    expect(() => threefry({ hi: -1, lo: 0 }, [0, 0])).toThrow(SpecError);
    expect(() => threefry({ hi: 0, lo: 0 }, [0.5, 0])).toThrow(SpecError);
  });
});

describe('keys', () => {
  it('a seed fills the key', () => {
    expect(key(5)).toEqual({ hi: 0, lo: 5 });
    expect(key(3 * 2 ** 32 + 7)).toEqual({ hi: 3, lo: 7 });
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => key(bad)).toThrow(SpecError);
  });

  it('purposes give different keys', () => {
    const k = key(1);
    const derived = [
      k,
      foldIn(k, 0),
      foldIn(k, 1),
      foldIn(k, ''),
      foldIn(k, 'a'),
      foldIn(k, 'ab'),
      foldIn(k, 'ba'),
      foldIn(foldIn(k, 'a'), 'b'),
      ...split(k, 3),
    ];
    expect(new Set(derived.map(({ hi, lo }) => hex([hi, lo]))).size).toBe(derived.length);
  });
});

describe('draws', () => {
  it('the first of n draws do not depend on n', () => {
    fc.assert(
      fc.property(anyKey, fc.nat(9), fc.nat(9), (k, m, more) => {
        for (const draw of [uniform, normal, truncatedNormal]) {
          expect(toFlat(draw(k, m + more)).slice(0, m)).toEqual(toFlat(draw(k, m)));
        }
        expect(bits(k, m + more).slice(0, m)).toEqual(bits(k, m));
      }),
    );
  });

  it('uniform takes the top 53 bits of a block', () => {
    const k = key(0);
    expect(bits(k, 2)).toEqual([0x6b200159, 0x99ba4efe]);
    expect(toFlat(uniform(k, 1))[0]).toBe(Number(0x6b20015999ba4efen >> 11n) / 2 ** 53);
  });

  it('stays in range', () => {
    fc.assert(
      fc.property(anyKey, fc.integer(), fc.integer({ min: 1, max: 2 ** 31 }), (k, low, span) => {
        const high = Math.min(low + span, 2 ** 31);
        expect(toFlat(uniform(k, 50)).every((u) => u >= 0 && u < 1)).toBe(true);
        expect(toFlat(truncatedNormal(k, 50, 3, 1.5)).every((z) => Math.abs(z) <= 4.5)).toBe(true);
        expect(toFlat(integers(k, 50, low, high)).every((v) => v >= low && v < high)).toBe(true);
        expect(toFlat(permutation(k, 50)).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
      }),
    );
  });

  // 4000 draws of a fixed key: a sample mean of a statistic with deviation s has deviation s/√4000; five of them allowed.
  it('has the moments of its law', () => {
    const n = 4000;
    const mean = (values: number[], f: (v: number) => number): number => values.reduce((s, v) => s + f(v), 0) / n;
    const near = (value: number, expected: number, deviation: number): void =>
      expect(Math.abs(value - expected)).toBeLessThan((5 * deviation) / Math.sqrt(n));
    const u = toFlat(uniform(key(11), n));
    near(
      mean(u, (v) => v),
      1 / 2,
      Math.sqrt(1 / 12),
    );
    near(
      mean(u, (v) => v * v),
      1 / 3,
      Math.sqrt(4 / 45),
    );
    const z = toFlat(normal(key(12), n));
    near(
      mean(z, (v) => v),
      0,
      1,
    );
    near(
      mean(z, (v) => v * v),
      1,
      Math.sqrt(2),
    );
    // neighbours of a Box–Muller pair are uncorrelated
    near(mean(z, (v) => v) + z.reduce((s, v, i) => s + v * z[i ^ 1], 0) / n, 0, Math.sqrt(3));
    // variance of a normal cut at ±2: 1 − 4φ(2)/(2Φ(2) − 1) = 0.7737
    near(
      mean(toFlat(truncatedNormal(key(13), n)), (v) => v * v),
      0.7737,
      1,
    );
  });

  it('refuses what has no meaning', () => {
    const k = key(0);
    expect(() => uniform(k, -1)).toThrow(SpecError);
    expect(() => uniform(k, 1, 1, 0)).toThrow(SpecError);
    expect(() => normal(k, 1, 0, -1)).toThrow(SpecError);
    expect(() => truncatedNormal(k, 1, 1, 0)).toThrow(SpecError);
    expect(() => integers(k, 1, 3, 3)).toThrow(SpecError);
  });
});
