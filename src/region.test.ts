import { describe, expect, it } from 'vitest';
import { cpu } from '../backends/cpu/index.ts';
import { engine } from './engine.ts';
import { UsageError } from './errors.ts';

const setUp = () => {
  const backend = cpu();
  const t = engine(backend);
  const weight = t.tensor([
    [1, 2],
    [3, 4],
  ]);
  return { backend, t, weight, live: () => backend.stats().buffers };
};

describe('a region', () => {
  it('frees all that was made in it, and nothing else', async () => {
    const { t, weight, live } = setUp();
    const before = live();
    {
      using step = t.region();
      const x = step.tensor([[5, 6]]);
      const y = x.matmul(weight).add(1).softmax();
      expect(await y.data()).toHaveLength(2);
      expect(live()).toBeGreaterThan(before);
    }
    expect(live()).toBe(before);
    expect(await weight.data()).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  it('gets the results of operations with an older tensor on either side', () => {
    const { t, weight } = setUp();
    using step = t.region();
    const x = step.ones([2, 2]);
    expect(weight.add(x).engine).toBe(step);
    expect(x.add(weight).engine).toBe(step);
    expect(weight.add(1).engine).toBe(t);
    expect(step.borrow(weight).add(1).engine).toBe(step);
  });

  it('keeps nothing of another region: what is that one’s goes with it', async () => {
    const { t } = setUp();
    const [older, younger] = [t.region(), t.region()];
    const x = older.tensor([1]);
    expect(younger.keep(x)).toBe(x);
    younger.dispose();
    expect(await x.data()).toEqual(Float32Array.of(1));
    older.dispose();
  });

  it('holds everything a gradient is made of, expressions of parameters alone included', () => {
    const { t, weight, live } = setUp();
    const before = live();
    const step = t.region();
    const x = step.ones([3, 2]);
    const [loss, gradient] = step.valueAndGrad((w: typeof weight) =>
      x.matmul(w).sum().add(w.square().multiply(2).sum()),
    )(weight);
    expect([loss.engine, gradient.engine]).toEqual([step, step]);
    step.dispose();
    expect(live()).toBe(before);
  });

  it('also where the tape is of the engine and the data of the region', () => {
    const { t, live } = setUp();
    const before = live();
    const step = t.region();
    const x = step.ones([3, 2]);
    t.grad((w: typeof x) =>
      t
        .checkpoint((v) => v.gelu())(w)
        .sum(),
    )(x);
    step.dispose();
    expect(live()).toBe(before);
  });

  it('frees the intermediates of compositions', () => {
    const backend = cpu();
    const t = engine(backend, { native: false });
    const weight = t.ones([2, 2]);
    const before = backend.stats().buffers;
    const step = t.region();
    step
      .ones([2, 2])
      .matmul(weight)
      .layerNorm(t.ones([2]), t.zeros([2]));
    expect(backend.stats().buffers).toBeGreaterThan(before + 5);
    step.dispose();
    expect(backend.stats().buffers).toBe(before + 2);
  });

  it('keeps what it is told to, trees and maps and views', async () => {
    const { t, weight, live } = setUp();
    const before = live();
    const step = t.region();
    const next = { weight: step.borrow(weight).add(1), moments: new Map([['a', step.ones([2])]]), old: weight };
    const row = next.weight.slice([1, 2], 0);
    const kept = step.keep({ ...next, row });
    step.dispose();
    expect(kept.weight.engine).toBe(t);
    expect(kept.old).toBe(weight);
    expect(await kept.row.data()).toEqual(Float32Array.of(4, 5));
    expect(await kept.moments.get('a')!.data()).toEqual(Float32Array.of(1, 1));
    expect(live()).toBe(before + 2);
    t.free({ weight, kept }, { except: kept.old });
    expect(live()).toBe(before);
  });

  it('nests: the inner one keeps into the outer one', () => {
    const { t, live } = setUp();
    const before = live();
    const outer = t.region();
    const inner = outer.region();
    const x = inner.ones([2]);
    expect(() => outer.keep(x)).toThrow(UsageError);
    const y = inner.keep(x);
    expect(y.engine).toBe(outer);
    inner.dispose();
    expect(live()).toBe(before + 1);
    outer.dispose();
    expect(live()).toBe(before);
  });

  it('that interleave in time do not free each other’s tensors', async () => {
    const { t, weight, live } = setUp();
    const before = live();
    const run = async (value: number) => {
      using step = t.region();
      let y = step.full([2, 2], value).matmul(weight);
      for (let i = 0; i < 3; i++) {
        await y.data();
        y = y.multiply(2);
      }
      return (await y.data())[0];
    };
    expect(await Promise.all([run(1), run(2), run(3)])).toEqual([32, 64, 96]);
    expect(live()).toBe(before);
  });

  it('refuses work after its end, and leaves nothing behind', async () => {
    const { t, live } = setUp();
    const before = live();
    const step = t.region();
    const x = step.ones([2]);
    step.dispose();
    expect(() => step.ones([2])).toThrow(UsageError);
    await expect(x.data()).rejects.toThrow(/freed/);
    expect(live()).toBe(before);
  });
});
