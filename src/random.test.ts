import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Int, Real } from '../spec/array.ts';
import * as spec from '../spec/random.ts';
import { UsageError } from './errors.ts';
import type { Key } from './random.ts';
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

const hex = (words: Iterable<number>): string[] => Array.from(words, (word) => word.toString(16).padStart(8, '0'));
const word = () => fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1));
const keys = (): fc.Arbitrary<Key> => fc.record({ hi: word(), lo: word() });
const counts = () => fc.integer({ min: 0, max: 40 });
/** The numbers of a spec array, in order. */
const numbers = (x: Real | Int): number[] => Array.from({ length: x.shape[0] }, (_, i) => x.get(i));

describe('threefry', () => {
  // Random123, tests/kat_vectors: threefry2x32, 20 rounds.
  it.each([
    [0, 0, 0, 0, '6b200159', '99ba4efe'],
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, '1cb996fc', 'bb002be7'],
    [0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 'c4923a9c', '483df7a0'],
  ])('key %i,%i counter %i,%i', (hi, lo, c0, c1, first, second) => {
    const out = new Uint32Array(2);
    threefry({ hi, lo }, c0, c1, out);
    expect(hex(out)).toEqual([first, second]);
  });
});

describe('agrees with spec/random.ts to the bit', () => {
  const same = (
    name: string,
    ours: (k: Key, n: number) => ArrayLike<number>,
    theirs: (k: Key, n: number) => number[],
  ) =>
    it(name, () => {
      fc.assert(
        fc.property(keys(), counts(), (k, n) => {
          expect(Array.from(ours(k, n))).toEqual(theirs(k, n));
        }),
      );
    });
  same('bits', bits, spec.bits);
  same('uniform', uniform, (k, n) => numbers(spec.uniform(k, n)));
  same(
    'uniform in a range',
    (k, n) => uniform(k, n, -3, 5),
    (k, n) => numbers(spec.uniform(k, n, -3, 5)),
  );
  same(
    'normal',
    (k, n) => normal(k, n, 2, 3),
    (k, n) => numbers(spec.normal(k, n, 2, 3)),
  );
  same('truncatedNormal', truncatedNormal, (k, n) => numbers(spec.truncatedNormal(k, n)));
  same(
    'truncatedNormal at 0.3',
    (k, n) => truncatedNormal(k, n, 2, 0.3),
    (k, n) => numbers(spec.truncatedNormal(k, n, 2, 0.3)),
  );
  same('permutation', permutation, (k, n) => numbers(spec.permutation(k, n)));
  same(
    'integers',
    (k, n) => integers(k, n, -7, 12),
    (k, n) => numbers(spec.integers(k, n, -7, 12)),
  );
  same(
    'integers, all',
    (k, n) => integers(k, n, -(2 ** 31), 2 ** 31),
    (k, n) => numbers(spec.integers(k, n, -(2 ** 31), 2 ** 31)),
  );
  same(
    'split',
    (k, n) => split(k, n).flatMap((s) => [s.hi, s.lo]),
    (k, n) => spec.split(k, n).flatMap((s) => [s.hi, s.lo]),
  );

  it('key and foldIn', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), word(), fc.string({ unit: 'binary' }), (seed, n, text) => {
        expect(key(seed)).toEqual(spec.key(seed));
        expect(foldIn(key(seed), n)).toEqual(spec.foldIn(key(seed), n));
        expect(foldIn(key(seed), text)).toEqual(spec.foldIn(key(seed), text));
      }),
    );
  });
});

describe('streams', () => {
  it('are stable: these values must not change within a major version', () => {
    const k = foldIn(key(7), 'dropout');
    expect(hex([k.hi, k.lo])).toEqual(['ae33c4b6', 'f0c5099b']);
    expect(hex(bits(k, 3))).toEqual(['f86902c4', '9c7d7511', 'f60fa1ca']);
    expect(Array.from(permutation(k, 6))).toEqual([5, 3, 2, 4, 1, 0]);
  });

  it('the first m of n draws do not depend on n', () => {
    fc.assert(
      fc.property(keys(), counts(), counts(), (k, a, b) => {
        const m = Math.min(a, b);
        for (const draw of [bits, uniform, normal, truncatedNormal]) {
          expect(draw(k, a).slice(0, m)).toEqual(draw(k, b).slice(0, m));
        }
      }),
    );
  });

  it('keys of different purposes differ, and so do their draws', () => {
    const k = key(0);
    const all = [
      k,
      ...split(k, 20),
      ...Array.from({ length: 20 }, (_, i) => foldIn(k, i)),
      ...['', 'a', 'b', 'ab', 'ba'].map((s) => foldIn(k, s)),
    ];
    expect(new Set(all.map((each) => `${each.hi},${each.lo}`)).size).toBe(all.length);
    expect(new Set(all.map((each) => bits(each, 2).join())).size).toBe(all.length);
  });

  it('have the moments they should, within five standard errors', () => {
    const n = 40_000;
    const mean = (x: Float64Array) => x.reduce((sum, each) => sum + each, 0) / n;
    const variance = (x: Float64Array) => mean(x.map((each) => each * each)) - mean(x) ** 2;
    const five = 5 / Math.sqrt(n);
    // sd of a uniform 1/√12, of its square √(1/5 − 1/9); of z² √2. Truncated at 2: variance 1 − 4φ(2)/(2Φ(2) − 1) = 0.77374.
    const flat = uniform(key(1), n);
    expect(Math.abs(mean(flat) - 1 / 2)).toBeLessThan(five / Math.sqrt(12));
    expect(Math.abs(variance(flat) - 1 / 12)).toBeLessThan(five * Math.sqrt(1 / 5 - 1 / 9));
    const bell = normal(key(2), n);
    expect(Math.abs(mean(bell))).toBeLessThan(five);
    expect(Math.abs(variance(bell) - 1)).toBeLessThan(five * Math.SQRT2);
    const cut = truncatedNormal(key(3), n);
    expect(cut.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0)).toBeLessThanOrEqual(2);
    expect(Math.abs(variance(cut) - 0.77374)).toBeLessThan(five * Math.SQRT2);
    expect(new Set(integers(key(4), 1000, 3, 6))).toEqual(new Set([3, 4, 5]));
  });
});

describe('bad input', () => {
  const k = key(0);
  it.each<[string, () => unknown]>([
    ['negative seed', () => key(-1)],
    ['fractional seed', () => key(0.5)],
    ['NaN seed', () => key(Number.NaN)],
    ['fractional count', () => bits(k, 1.5)],
    ['negative count', () => uniform(k, -1)],
    ['count over 2^32', () => normal(k, 2 ** 33)],
    ['low over high', () => uniform(k, 1, 2, 1)],
    ['infinite range', () => uniform(k, 1, 0, Number.POSITIVE_INFINITY)],
    ['negative sd', () => normal(k, 1, 0, -1)],
    ['bound too small to accept', () => truncatedNormal(k, 1, 1, 0)],
    ['NaN bound', () => truncatedNormal(k, 1, 1, Number.NaN)],
    ['empty range', () => integers(k, 1, 3, 3)],
    ['fractional fold', () => foldIn(k, 1.5)],
  ])('%s is a UsageError', (_, call) => {
    expect(call).toThrow(UsageError);
  });
});
