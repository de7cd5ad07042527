import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { array, boolArray, toFlat } from '../../spec/array.ts';
import { attention as definition } from '../../spec/ops/attention.ts';
import { engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { key, normal, uniform } from '../random.ts';
import { initAttention, scaledDotProductAttention } from './attention.ts';

const t = engine(cpu(), { dtype: 'float64' });
const u = 2 ** -53;
const gamma = (n: number) => (n * u) / (1 - n * u);

describe('scaledDotProductAttention', () => {
  /**
   * A score is off by s = γ_{dim+3} max Σ|q||k|/√dim, so a weight by the factor e^{2s} and the γ of its own exp, sum and quotient;
   * an output is a sum of `positions` products of weights that sum to 1 with |v| ≤ V.
   */
  it('equals its definition, with padding anywhere and sentences of padding only', async () => {
    const shapes = fc.record({
      batch: fc.integer({ min: 1, max: 3 }),
      heads: fc.integer({ min: 1, max: 2 }),
      positions: fc.integer({ min: 1, max: 5 }),
      dim: fc.integer({ min: 1, max: 4 }),
      seed: fc.nat(1e6),
      scale: fc.constantFrom(1e-3, 1, 10),
    });
    await fc.assert(
      fc.asyncProperty(shapes, async ({ batch, heads, positions, dim, seed, scale }) => {
        const shape = [batch, heads, positions, dim];
        const n = batch * heads * positions * dim;
        const [q, k, v] = [0, 1, 2].map((which) => normal(key(3 * seed + which), n, 0, scale));
        const mask = Uint8Array.from(uniform(key(seed), batch * positions), (x) => (x < 0.6 ? 1 : 0));
        const fast = await scaledDotProductAttention(
          t.tensor(q, shape),
          t.tensor(k, shape),
          t.tensor(v, shape),
          t.tensor(mask, [batch, positions], 'bool'),
        ).data();
        const exact = toFlat(
          definition(array(q, shape), array(k, shape), array(v, shape), boolArray(mask, [batch, positions])),
        );
        const largest = (x: Float64Array) => x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const score = gamma(dim + 3) * Math.sqrt(dim) * largest(q) * largest(k);
        const bound = 2 * (Math.expm1(2 * score) + gamma(3 * positions + 12)) * largest(v);
        exact.forEach((value, i) => {
          const message = `element ${i}: ${fast[i]}, should be ${value} within ${bound}`;
          expect(Math.abs(fast[i] - value), message).toBeLessThanOrEqual(bound);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('gives padding no weight: what stands there changes nothing, whatever it is', async () => {
    const [q, k, v] = [1, 2, 3].map((seed) => t.normal(key(seed), [1, 1, 3, 2]));
    const mask = t.tensor([true, true, false], [1, 3]);
    const noise = t.tensor([0, 0, 0, 0, 1e300, -7], [1, 1, 3, 2]);
    const plain = await scaledDotProductAttention(q, k, v, mask).data();
    expect(await scaledDotProductAttention(q, k.add(noise), v.add(noise), mask).data()).toEqual(plain);
  });
});

describe('initAttention', () => {
  it('refuses heads that do not divide the width', () => {
    for (const heads of [0, 3, 1.5]) expect(() => initAttention(t, key(0), 8, heads)).toThrow(UsageError);
  });
});
