import { describe, expect, it, onTestFinished } from 'vitest';
import { wasm } from '../../backends/wasm/index.ts';
import type { Backend } from '../backend.ts';
import { engine } from '../engine.ts';
import { type Family, freshConfig } from '../models/config.ts';
import { headSpec } from '../models/heads.ts';
import { initModel } from '../models/parameters.ts';
import { adamw } from '../optim/adamw.ts';
import { omoe } from '../optim/omoe.ts';
import { key } from '../random.ts';
import { embedded } from '../tasks/embedded.ts';
import { train } from './loop.ts';
import { smallRehearsal } from './rehearsal.fixture.ts';
import { largeAndMean, rehearseTask } from './rehearsal.ts';
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

/** What a whole training held at its peak, cycle included, from the weights on. */
async function heldBy(
  real: Backend,
  { config, parts, batch, batchOf, accumulate, methods, objective }: ReturnType<typeof smallRehearsal>,
): Promise<number> {
  const { backend, peak } = watched(real);
  const t = engine(backend);
  const [method] = methods;
  const optimizer = omoe(adamw(), method ?? { accumulateSteps: 1, orthogonalSteps: 0 });
  const { largest } = largeAndMean({ batchOf }, batch);
  const steps = method ? method.accumulateSteps + 2 : 2;
  const run = {
    ...{ steps, clip: 1, name: 'test', key: key(0) },
    batchesOf: () => Array.from({ length: accumulate }, () => largest),
    schedule: { peak: 1e-3, warmup: 0, total: steps, decay: 'constant' },
  } as const;
  await train(t, initModel(t, key(1), config, parts), optimizer, objective(config), run, () => {});
  return peak();
}

async function heldByWasm(rehearsal: ReturnType<typeof smallRehearsal>): Promise<number> {
  const real = (await wasm({ threads: 1 })) as unknown as Backend;
  onTestFinished(() => void real.dispose());
  return heldBy(real, rehearsal);
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
    const held = await heldByWasm(rehearsal);
    const { device } = await stepMemory(rehearsal);
    expect(device / held).toBeGreaterThan(0.999);
    expect(device / held).toBeLessThan(1.001);
  });

  // Every expert sees more tokens than a sketch keeps, so that the sizes of projectors do not depend on data.
  it.each([
    'omoe:accumulateSteps=1,orthogonalSteps=2',
    'omoe:accumulateSteps=3,orthogonalSteps=1,project=gradient',
    'omoe-paper:accumulateSteps=4,orthogonalSteps=2,updateEvery=2',
    'omoe:statistic=tokens,accumulateSteps=4,orthogonalSteps=2,sketch=3',
    'omoe-input:statistic=tokens,accumulateSteps=2,orthogonalSteps=2,sketch=20,layers=fc2',
    'omoe-update:accumulateSteps=1,orthogonalSteps=2',
    'omoe-update:accumulateSteps=1,orthogonalSteps=2,project=gradient,renorm=false',
  ])('is that of the cycle of %s', async (methods) => {
    const rehearsal = smallRehearsal('bert', { moe: [0, 1, 2], methods });
    const held = await heldByWasm(rehearsal);
    const { device, kept } = await stepMemory(rehearsal);
    expect(device / held).toBeGreaterThan(0.999);
    // The tensor that many records are read through is garbage from then on, and the collector may find it before the step ends.
    expect((device - (methods.includes('tokens') ? kept : 0)) / held).toBeLessThan(1.001);
  });

  it('grows with the records of tokens, and is that of the most demanding method', async () => {
    const memory = (methods: string) => stepMemory(smallRehearsal('bert', { moe: [1], methods }));
    const tokens = (steps: number) => `omoe:statistic=tokens,sketch=3,orthogonalSteps=2,accumulateSteps=${steps}`;
    const [few, many] = [await memory(tokens(100)), await memory(tokens(300))];
    // Two choices of each token, an output of 64 and one of 32 numbers, and their expert.
    const { largest } = largeAndMean(smallRehearsal('bert'), 8);
    expect(many.kept - few.kept).toBe(200 * 2 * largest.tokens.length * 4 * (64 + 1 + 32 + 1));
    expect(await memory(`adamw,${tokens(300)},omoe`)).toEqual(many);
  });

  it('is the sum of its parts, and grows with the batch by what passes keep alone', async () => {
    const [small, large] = await Promise.all([8, 64].map((batch) => stepMemory(smallRehearsal('bert', { batch }))));
    for (const { weights, moments, kept, forward, step, device } of [small, large]) {
      expect(moments).toBe(2 * weights);
      expect(kept).toBe(0);
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

  it('needs more of the host where there are more columns', async () => {
    const bytes = async (methods: string) =>
      (await stepMemory(smallRehearsal('bert', { moe: [0, 1], methods }))).projectors;
    expect(await bytes('adamw')).toBe(0);
    // The numbers of [W; b] of four experts in two blocks, five times.
    expect(await bytes('omoe-update')).toBe(5 * 8 * 2 * 4 * (33 * 64 + 65 * 32));
    // Output side, one column: fc1 of 64 rows, fc2 of 32; the other three experts' columns stand for the projector.
    expect(await bytes('omoe')).toBe(8 * 2 * 4 * (64 + 32) * (1 + 3));
    expect(await bytes('adamw,omoe:accumulateSteps=2')).toBe(8 * 2 * 4 * (64 + 32) * (2 + 6));
    // At 40 columns an expert a square is less than the columns of the others.
    expect(await bytes('omoe:accumulateSteps=40,sketch=0')).toBe(8 * 2 * 4 * (64 * (40 + 64) + 32 * (40 + 32)));
  });
});
