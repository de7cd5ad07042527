import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { taskOf, tinyPlan } from '../../property-tests/meta/training.checks.ts';
import { engine } from '../engine.ts';
import { trainDense, trainMethod } from './compare.ts';
import { countParameters } from './estimate.ts';

describe('the training loop', () => {
  it('leaves nothing behind, and reads once a step', async () => {
    const plan = tinyPlan();
    const backend = cpu();
    let reads = 0;
    const t = engine({
      ...backend,
      read: (buffer, offset, length) => {
        reads++;
        return backend.read(buffer, offset, length);
      },
    });
    const before = backend.stats();
    const readsAt: number[] = [];
    const report = () => void readsAt.push(reads);
    const dense = await trainDense(plan, 0, { engine: t, report });
    expect(readsAt.map((at, i) => at - (readsAt[i - 1] ?? 0))).toEqual(readsAt.map(() => 1));
    expect(backend.stats()).toEqual(before);

    readsAt.length = 0;
    const [, cycling] = plan.methods;
    const phases: string[] = [];
    await trainMethod(plan, 0, cycling, dense, {
      engine: t,
      report: ({ phase }) => {
        report();
        phases.push(phase);
      },
    });
    // Only the step that begins an orthogonal phase reads once more: the columns that its factorisations need.
    const counts = phases.map((_, i) => readsAt[i] - (readsAt[i - 1] ?? readsAt[0] - 1));
    expect(counts).toEqual(
      phases.map((phase, i) => (phase === 'orthogonal' && phases[i - 1] !== 'orthogonal' ? 2 : 1)),
    );
    expect(counts).toContain(2);
    expect(backend.stats()).toEqual(before);
  });

  it('holds weights and two moments between steps, and nothing else', async () => {
    const plan = tinyPlan();
    const backend = cpu();
    const held: number[] = [];
    const watched = { engine: engine(backend), report: () => void held.push(backend.stats().bytes) };
    const { model, steps, denseSteps, methods } = plan;
    const task = await taskOf(plan, 0);
    const sizes = { ...model, length: task.length };
    const count = countParameters(sizes, task.vocabularySize, task.classes.length);
    const dense = await trainDense(plan, 0, watched);
    expect(held).toEqual(Array(denseSteps).fill(3 * 4 * count.dense));
    held.length = 0;
    await trainMethod(plan, 0, methods[0], dense, watched);
    expect(held).toEqual(Array(steps).fill(3 * 4 * count.moe));
  });
});
