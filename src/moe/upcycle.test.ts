import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { feedForward } from '../nn/feed-forward.ts';
import { key } from '../random.ts';
import { moe } from './moe.ts';
import { upcycle, upcycleBound, upcycleError } from './upcycle.ts';

const u = 2 ** -24;
const gamma = (n: number) => (n * u) / (1 - n * u);

/** A CPU whose Float32 quotients are rounded and then two units of the last place too high: 2.5 of them off, as it declares. */
function dividingHigh() {
  const backend = cpu();
  // Gates are then composed of primitives, the division among them.
  const { softmax, topKGate, ...kernels } = backend.kernels;
  const binary: typeof kernels.binary = (inputs, attrs, outputs) => {
    const results = kernels.binary(inputs, attrs, outputs);
    if (attrs.kind === 'divide')
      for (const { data } of results)
        data.forEach((x, i) => {
          data[i] = x + 2 * 2 ** (Math.floor(Math.log2(x)) - 23);
        });
    return results;
  };
  return { ...backend, kernels: { ...kernels, binary }, ulps: { ...backend.ulps, divide: 2.5 } };
}

/** MoE(x) − FFN(x) of an upcycled network, at its largest, whose outputs lie between 1.3 and 1.4; and max |FFN(x)|. */
async function receipt(backend: ReturnType<typeof cpu>, k: number) {
  const t = engine(backend);
  const width = 64;
  const zero = { weight: t.zeros([width, width]), bias: t.zeros([width]) };
  const dense = { fc1: zero, fc2: { ...zero, bias: t.uniform(key(1), [width]).multiply(0.1).add(1.3) } };
  const { router, ...experts } = upcycle(dense, { experts: 4, key: key(2) });
  // Gates of 1/k: two of ½ + 2u weigh 1.3 … 1.4 three units of 2u too high, after rounding, and γ₄ covers 2.8 of them.
  const parameters = { ...experts, router: { weight: router.weight.zerosLike() } };
  const x = t.normal(key(3), [2, width]);
  const { output } = moe(x, parameters, { k });
  const error = await upcycleError(x, dense, output, 'gelu', t.ones([2], 'bool')).item();
  const largest = await feedForward(x, dense).abs().max().item();
  return { error, largest, bound: upcycleBound(k, largest, 'float32', t.backend.ulps) };
}

describe('the bound of the receipt', () => {
  it('is γ_2k where division is rounded correctly, but for the square of a rounding', () => {
    for (const k of [2, 3, 8]) {
      const bound = upcycleBound(k, 3, 'float32', { divide: 0.5 });
      expect(bound).toBeLessThanOrEqual(3 * gamma(2 * k));
      expect(bound).toBeGreaterThan(3 * gamma(2 * k) * (1 - 2 * k * u));
    }
    expect(upcycleBound(2, 1, 'float64', { divide: 0.5 })).toBeLessThan(5 * 2 ** -53);
  });
  it('holds on a backend whose division is off by what it declares, where γ_2k does not', async () => {
    for (const k of [2, 4]) {
      const exact = await receipt(cpu(), k);
      expect(exact.error).toBeLessThanOrEqual(exact.bound);
      const { error, largest, bound } = await receipt(dividingHigh() as ReturnType<typeof cpu>, k);
      expect(error).toBeLessThanOrEqual(bound);
      if (k === 2) expect(error).toBeGreaterThan(gamma(2 * k) * largest);
    }
  });
});
