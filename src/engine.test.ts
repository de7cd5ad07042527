import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpu } from '../backends/cpu/index.ts';
import { array, toFlat } from '../spec/array.ts';
import { dropout } from '../spec/ops/dropout.ts';
import { engine } from './engine.ts';
import { key, normal, permutation, truncatedNormal, uniform } from './random.ts';

const t = engine(cpu(), { dtype: 'float64' });

describe('randomness of the engine', () => {
  it('drops what the definition drops, and scales the rest by 1/(1 − rate) within one rounding', async () => {
    const cases = fc.record({
      n: fc.integer({ min: 0, max: 40 }),
      rate: fc.constantFrom(0, 0.1, 0.5, 0.9),
      seed: fc.nat(1000),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ n, rate, seed }) => {
        const x = normal(key(seed), n);
        const fast = await t.dropout(t.tensor(x, [n]), rate, key(seed + 1)).data();
        toFlat(dropout(array(x, [n]), rate, key(seed + 1))).forEach((value, i) => {
          if (value === 0) expect(fast[i], `element ${i} is dropped`).toBe(0);
          // x/(1 − rate) against x·fl(1/(1 − rate)): three roundings at most
          const bound = 3 * 2 ** -53 * Math.abs(value);
          expect(Math.abs(fast[i] - value), `element ${i}: ${fast[i]}, should be ${value}`).toBeLessThanOrEqual(bound);
        });
      }),
    );
  });

  it('draws what src/random.ts draws, in the shape and dtype that are asked for', async () => {
    const k = key(5);
    expect(await t.uniform(k, [2, 3], { low: -1 }).data()).toEqual(uniform(k, 6, -1, 1));
    expect(await t.normal(k, [4], { mean: 2, sd: 3 }).data()).toEqual(normal(k, 4, 2, 3));
    expect(await t.truncatedNormal(k, [4], { sd: 2 }).data()).toEqual(truncatedNormal(k, 4, 2));
    expect(await t.permutation(k, 9).data()).toEqual(permutation(k, 9));
    expect(await t.normal(k, [4], { dtype: 'float32' }).data()).toEqual(Float32Array.from(normal(k, 4)));
  });
});

describe('the trace', () => {
  it('says what ran on a kernel, what as a composition, and why a kernel declined', () => {
    const backend = cpu();
    const kernels = { ...backend.kernels, softmax: () => ({ declined: 'too wide' }), gelu: undefined };
    const traced = engine({ ...backend, kernels });
    const x = traced.ones([2, 3]);
    traced.clearTrace();
    x.softmax();
    x.gelu();
    x.matmul(x.transpose());
    const line = (op: string) => traced.trace().find((entry) => entry.op === op);
    expect(line('softmax')).toMatchObject({ native: 0, composed: 1, declined: ['too wide'] });
    expect(line('gelu')).toMatchObject({ native: 0, composed: 1, declined: [] });
    expect(line('matmul')).toMatchObject({ native: 1, composed: 0 });
  });
});

describe('a backend that breaks its contract', () => {
  it('is named, with the operation and what it did', () => {
    const backend = cpu();
    const broken = { unary: () => ({ declined: 'too large' }), topK: () => [], binary: undefined };
    const faulty = engine({
      ...backend,
      kernels: { ...backend.kernels, ...broken } as unknown as typeof backend.kernels,
    });
    const x = faulty.ones([2, 3]);
    expect(() => x.exp()).toThrow(
      /unary on the cpu backend: received too large, expected a kernel that serves every call/,
    );
    expect(() => x.topK(1)).toThrow(/topK on the cpu backend: received 0 buffers, expected 2/);
    expect(() => x.add(x)).toThrow(/binary on the cpu backend: received no kernel/);
  });
});
