import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { sampleRows } from './sample.ts';

const rows = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('sampleRows', () => {
  it('takes rows in their order, the smaller sample inside the larger, all where the limit is not reached', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.integer({ min: 1, max: 50 }), fc.nat(1000), (n, limit, seed) => {
        const sample = sampleRows(rows(n), limit, seed, 'train');
        expect(sample).toEqual(rows(n).filter((row) => sample.includes(row)));
        expect(sample).toHaveLength(Math.min(n, limit));
        const larger = sampleRows(rows(n), limit + 1, seed, 'train');
        expect(sample.every((row) => larger.includes(row))).toBe(true);
      }),
    );
  });

  it('depends on the seed and the purpose', () => {
    const sample = sampleRows(rows(1000), 20, 0, 'train');
    expect(sampleRows(rows(1000), 20, 0, 'train')).toEqual(sample);
    expect(sampleRows(rows(1000), 20, 1, 'train')).not.toEqual(sample);
    expect(sampleRows(rows(1000), 20, 0, 'dev')).not.toEqual(sample);
    expect(sampleRows(rows(5), null, 0, 'dev')).toEqual(rows(5));
  });

  it('refuses a limit that is none', () => {
    for (const limit of [0, -1, 1.5, Number.NaN])
      expect(() => sampleRows(rows(3), limit, 0, 'dev')).toThrow(UsageError);
    expect(() => sampleRows(rows(3), 0, 0, 'dev')).toThrow(/limit of dev examples: received 0/);
  });
});
