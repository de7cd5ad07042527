import { describe, expect, it } from 'vitest';
import { type WasmOptions, wasm } from '../backends/wasm/index.ts';
import { engine } from '../src/engine.ts';
import { type Training, type TrainingStep, training } from './browser/pages/training.ts';

/** Trainings of a MoE layer by OMoE in WebAssembly: what holds for whole steps and not only for one operation. */

async function trained(options: WasmOptions, steps: number): Promise<TrainingStep[]> {
  const backend = await wasm(options);
  const learner = training(engine(backend));
  const done: TrainingStep[] = [];
  for (let step = 0; step < steps; step++) done.push(await learner.step());
  await backend.dispose();
  return done;
}

describe.each(['plain', 'relaxed'] as const)('%s SIMD', (simd) => {
  it('gives the same bits on every run and for any number of threads', async () => {
    const steps = 6; // two cycles
    const once = await trained({ simd, threads: 1 }, steps);
    expect(once.map(({ phase }) => phase)).toContain('orthogonal');
    expect(await trained({ simd, threads: 1 }, steps)).toEqual(once);
    for (const threads of [2, 3])
      expect(await trained({ simd, threads, largestChunk: threads - 1 }, steps)).toEqual(once);
  });
});

it('runs every operation of a step on a kernel, in both phases', async () => {
  const backend = await wasm({ threads: 1 });
  const t = engine(backend);
  const learner = training(t);
  for (let step = 0; step < 3; step++) await learner.step();
  expect(t.trace().filter(({ composed }) => composed > 0)).toEqual([]);
  await backend.dispose();
});

/** The steps of the long training; OMOE_STEPS names others. */
const long = 3 * Math.ceil(Number(process.env.OMOE_STEPS || 2000) / 3);

it(`holds after ${long} steps what it held after the first cycles, in as much memory`, {
  timeout: 60_000 + 100 * long,
}, async () => {
  const backend = await wasm({ threads: 2 });
  const learner = training(engine(backend));
  const run = async (of: Training, steps: number) => {
    for (let step = 0; step < steps; step++) await of.step(false);
    return { ...backend.stats(), reserved: backend.reserved() };
  };
  const early = await run(learner, 30);
  expect(await run(learner, long - 30)).toEqual(early);
  await backend.dispose();
});
