import { describe, expect, it, onTestFinished } from 'vitest';
import { wasm } from '../../backends/wasm/index.ts';
import type { Backend } from '../backend.ts';
import { engine } from '../engine.ts';
import { type Family, freshConfig } from '../models/config.ts';
import { headSpec } from '../models/heads.ts';
import { initModel } from '../models/parameters.ts';
import { adamw } from '../optim/adamw.ts';
import { omoe } from '../optim/omoe.ts';
import { parametersOf } from '../optim/optimizer.ts';
import { key } from '../random.ts';
import { embedded } from '../tasks/embedded.ts';
import { smallRehearsal } from './rehearsal.fixture.ts';
import { largeAndMean, rehearseTask } from './rehearsal.ts';
import { takeStep } from './step.ts';
import { stepMemory } from './step-memory.ts';

/** The same backend, and the most bytes that it held behind any of its kernels. */
function watched(backend: Backend): { backend: Backend; peak(): number } {
  let most = 0;
  const kernels = Object.fromEntries(
    Object.entries(backend.kernels).map(([name, kernel]) => [
      name,
      (...call: unknown[]) => {
        const result = (kernel as (...given: unknown[]) => unknown)(...call);
        most = Math.max(most, backend.stats().bytes);
        return result;
      },
    ]),
  ) as unknown as Backend['kernels'];
  return { backend: { ...backend, kernels }, peak: () => most };
}

async function heldByWasm(rehearsal: ReturnType<typeof smallRehearsal>, orthogonal: boolean): Promise<number> {
  const real = (await wasm({ threads: 1 })) as unknown as Backend;
  onTestFinished(() => void real.dispose());
  const { backend, peak } = watched(real);
  const t = engine(backend);
  const { config, parts } = rehearsal;
  const parameters = initModel(t, key(1), config, parts);
  const optimizer = omoe(adamw(), { accumulateSteps: 1, orthogonalSteps: orthogonal ? 1 : 0 });
  let current = { parameters, state: optimizer.initial(parametersOf(parameters)) };
  const { largest } = largeAndMean(rehearsal, rehearsal.batch);
  const batches = Array.from({ length: rehearsal.accumulate }, () => largest);
  for (let step = 0; step < (orthogonal ? 2 : 1); step++) {
    const plan = { learningRate: 1e-3, clip: 1, name: 'test', step, key: key(0) };
    const { next } = await takeStep(t, current, {
      ...plan,
      ...{ objective: rehearsal.objective(config), optimizer, batches },
    });
    t.free(current, { except: next });
    current = next;
  }
  return peak();
}

describe('stepMemory', () => {
  const cases: readonly (readonly [Family, Parameters<typeof smallRehearsal>[1]])[] = [
    ['bert', {}],
    ['bert', { moe: [0, 2] }],
    ['bert', { moe: [1], accumulate: 3 }],
    ['roberta', { moe: [0, 1, 2] }],
    ['albert', {}],
    ['albert', { moe: [0] }],
  ];
  // Both take the very same step, so nothing but the garbage collector of a busy moment may come between them.
  it.each(cases)('is what WebAssembly holds: %s %o', async (family, options) => {
    const rehearsal = smallRehearsal(family, options);
    const held = await heldByWasm(rehearsal, false);
    const { device } = await stepMemory(rehearsal);
    expect(device / held).toBeGreaterThan(0.999);
    expect(device / held).toBeLessThan(1.001);
  });

  // The projectors themselves depend on data and lie outside of the count: a small share of the device's bytes.
  it('is near to it in an orthogonal step', async () => {
    const rehearsal = smallRehearsal('bert', { moe: [0, 1, 2], methods: 'omoe' });
    const held = await heldByWasm(rehearsal, true);
    const { device, projectors } = await stepMemory(rehearsal);
    expect(device).toBeLessThanOrEqual(held);
    expect(device + projectors).toBeGreaterThanOrEqual(held);
  });

  it('is the sum of its parts, and grows with the batch by what passes keep alone', async () => {
    const [small, large] = await Promise.all([8, 64].map((batch) => stepMemory(smallRehearsal('bert', { batch }))));
    for (const { weights, moments, forward, step, device } of [small, large]) {
      expect(moments).toBe(2 * weights);
      expect(weights + moments + forward + step).toBe(device);
    }
    expect(large.weights).toBe(small.weights);
    // Eight times the rows; a few numbers belong to no row.
    expect(large.forward / small.forward).toBeGreaterThan(7.5);
    expect(large.forward / small.forward).toBeLessThan(8.5);
  });

  it('counts a bert-base in a moment, without a byte of it', async () => {
    const sizes = { vocabulary: 30522, positions: 512, width: 768, hidden: 3072, heads: 12, layers: 12 };
    const [config, task] = [freshConfig('bert', sizes), embedded({ seed: 0, train: 8, dev: 8 })];
    const head = headSpec('classify', { classes: 2 });
    const plan = { config, head, task, batch: 1, weights: { balanceLoss: 0, zLoss: 0 }, methods: [] };
    const { weights, device } = await stepMemory(rehearseTask(plan));
    expect(weights).toBe(4 * (109_482_240 + 768 * 2 + 2));
    // Weights, two moments and clipped gradients; updates, two new moments and new weights: eight copies at the least.
    expect(device).toBeGreaterThanOrEqual(8 * weights);
    expect(device).toBeLessThan(8.5 * weights);
  });

  it('needs more for projectors where there are more columns', async () => {
    const bytes = async (methods: string) =>
      (await stepMemory(smallRehearsal('bert', { moe: [0, 1], methods }))).projectors;
    expect(await bytes('adamw')).toBe(0);
    expect(await bytes('omoe-update')).toBe(0);
    // Output side, one column: fc1 of 64 rows, fc2 of 32; the other three experts' columns stand for the projector.
    expect(await bytes('omoe')).toBe(8 * 2 * 4 * (64 + 32) * (1 + 3));
    expect(await bytes('adamw,omoe:accumulateSteps=2')).toBe(8 * 2 * 4 * (64 + 32) * (2 + 6));
    // At 40 columns an expert a square is less than the columns of the others.
    expect(await bytes('omoe:accumulateSteps=40,sketch=0')).toBe(8 * 2 * 4 * (64 * (40 + 64) + 32 * (40 + 32)));
  });
});
