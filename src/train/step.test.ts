import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { DivergedError } from '../errors.ts';
import type { Recorded } from '../moe/statistics.ts';
import type { OmoeOptimizer } from '../optim/omoe.ts';
import { omoe } from '../optim/omoe.ts';
import { sgd } from '../optim/sgd.ts';
import { pendingAll } from '../pending.ts';
import { foldIn, type Key, key } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import type { Objective } from './objective.ts';
import { type StepPlan, takeStep } from './step.ts';

/**
 * A loss whose arithmetic is exact: whole numbers, and means over powers of two. What accumulation claims then holds to the
 * bit: loss = mean of (w · x)².
 */

interface Rows {
  readonly x: readonly (readonly number[])[];
  readonly scored: number;
}
interface Weights {
  readonly w: Tensor;
}

const backend = cpu();
const t = engine(backend);
const rows = (...x: number[][]): Rows => ({ x, scored: x.length });
const keys: Key[] = [];
const objective: Objective<Weights, Rows, Tensor> = {
  upload: (on, { x }) => on.tensor(x.map((row) => [...row])),
  loss({ w }, x, recording, own) {
    keys.push(own);
    const squares = x.matmul(w.expandDims(1)).square();
    const task = squares.mean();
    const owners = x.engine.tensor(Int32Array.from([x.shape[0], 0]), [2]);
    const means = x.engine.stack([x.mean([0]), x.mean([0]).zerosLike()]);
    const records = new Map<string, Recorded>(recording ? [['linear', { columns: means.stopGradient(), owners }]] : []);
    return [task.multiply(2), { task, balance: x.sum().multiply(0), records, watched: [['the squares', squares]] }];
  },
};
const start = () => ({ w: t.tensor([1, -2]) });
const optimizer = omoe(sgd(), { orthogonalSteps: 0, accumulateSteps: 1 });
const planOf = (batches: readonly Rows[]): StepPlan<Weights, unknown, Rows, Tensor> => ({
  ...{ objective, batches, learningRate: 0.25, clip: 1e9, name: 'exact', step: 7, key: key(3) },
  optimizer: optimizer as OmoeOptimizer<unknown>,
});
const step = async (batches: readonly Rows[]) => {
  const parameters = start();
  const state = optimizer.initial(new Map([['w', parameters.w]]));
  const { next, figures } = await takeStep(t, { parameters, state }, planOf(batches));
  const { milliseconds, ...timeless } = figures;
  return { w: [...(await next.parameters.w.data())], ...timeless };
};

describe('micro-batches', () => {
  const [a, b, c, d] = [
    [1, 2],
    [3, 0],
    [-1, 4],
    [2, 2],
  ];

  it('are the big batch, whatever their sizes', async () => {
    const whole = await step([rows(a, b, c, d)]);
    // (w·x)²: 9, 9, 81, 4, so the mean is 25.75; ∂/∂w of 2 · mean: Σ 4 (w·x) x / 4 = (−3, −6) + (9, 0) + (9, −36) + (−4, −4).
    expect(whole).toMatchObject({ taskLoss: 25.75, loss: 51.5, w: [1 - 0.25 * 11, -2 + 0.25 * 46] });
    expect(await step([rows(a, b), rows(c, d)])).toEqual(whole);
    expect(await step([rows(a), rows(b), rows(c, d)])).toEqual(whole);
    expect(await step([rows(a), rows(b), rows(c), rows(d)])).toEqual(whole);
  });

  it('have a key each, that of the step folded with their number', async () => {
    keys.length = 0;
    await step([rows(a, b)]);
    await step([rows(a), rows(b)]);
    expect(keys).toEqual([key(3), foldIn(key(3), 0), foldIn(key(3), 1)]);
  });

  it('leave nothing behind but the new parameters', async () => {
    const parameters = start();
    const state = optimizer.initial(new Map([['w', parameters.w]]));
    const before = backend.stats().buffers;
    const { next } = await takeStep(t, { parameters, state }, planOf([rows(a), rows(b)]));
    expect(backend.stats().buffers).toBe(before + 1);
    t.free(next);
  });

  it('hold one sum of gradients at a time, however many they are', async () => {
    const held: number[] = [];
    const counting: typeof objective = {
      ...objective,
      loss(...given) {
        held.push(backend.stats().buffers);
        return objective.loss(...given);
      },
    };
    const parameters = start();
    const state = optimizer.initial(new Map([['w', parameters.w]]));
    const batches = [rows(a), rows(b), rows(c), rows(d)];
    await takeStep(t, { parameters, state }, { ...planOf(batches), objective: counting });
    // From one micro-batch to the next only the loss that is kept for the message of a NaN is added.
    expect([held[2] - held[1], held[3] - held[2]]).toEqual([1, 1]);
  });

  it.each(['mean', 'tokens'] as const)('join their statistics: %s', async (statistic) => {
    let seen: Recorded | undefined;
    const watching: OmoeOptimizer<unknown> = {
      ...(optimizer as OmoeOptimizer<unknown>),
      recording: () => ({ side: 'output', statistic, layers: ['fc1'] }),
      async step({ parameters, records, state }) {
        const { columns, owners } = records!.get('linear')!;
        const [shape, values, who] = [columns.shape, await columns.data(), await owners.data()];
        seen = { columns: t.tensor(values, shape), owners: t.tensor(who, owners.shape) };
        const still = new Map([...parameters].map(([path, w]) => [path, w.zerosLike()]));
        return { updates: still, state, phase: 'accumulate', reports: pendingAll([]) };
      },
    };
    const parameters = start();
    const state = { base: null, step: 0, linears: new Map() };
    const plan = { ...planOf([rows(a), rows(b, c, d)]), optimizer: watching };
    await takeStep(t, { parameters, state }, plan);
    // Expert 0 saw 1 row of mean a and 3 rows of mean (b + c + d)/3; expert 1 none at all.
    if (statistic === 'mean') {
      expect([...(await seen!.owners.data())]).toEqual([4, 0]);
      const columns = await seen!.columns.data();
      // (1 · 1 + 3 · 4/3)/4 and (1 · 2 + 3 · 2)/4: of these only 4/3 is rounded, by u·4/3, and then three times more.
      expect(Math.abs(columns[0] - 1.25)).toBeLessThanOrEqual(8 * 2 ** -24);
      expect(columns[1]).toBe(2);
      expect([...columns.slice(2)]).toEqual([0, 0]);
    } else {
      expect(seen!.columns.shape).toEqual([4, 2]);
      expect([...(await seen!.owners.data())]).toEqual([1, 0, 3, 0]);
    }
  });

  it('that score nothing count for nothing, and all of them for a loss of 0', async () => {
    const whole = await step([rows(a, b)]);
    expect(await step([rows(a, b), { x: [[5, 5]], scored: 0 }])).toEqual(whole);
    const nothing = { x: [[0, 0]], scored: 0 };
    expect(await step([nothing, nothing])).toMatchObject({ loss: 0, w: [1, -2] });
  });
});

describe('a step that is no number', () => {
  it.each([
    [[rows([Number.NaN, 0])], /NaN in the squares/],
    [[rows([1, 1]), rows([Number.NaN, 0])], /NaN in the loss of micro-batch 1/],
  ])('is not taken, and says where it went bad', async (batches, message) => {
    const parameters = start();
    const state = optimizer.initial(new Map([['w', parameters.w]]));
    const before = backend.stats().buffers;
    const error = await takeStep(t, { parameters, state }, planOf(batches)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DivergedError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/exact, step 7/);
    expect(backend.stats().buffers).toBe(before);
    expect([...(await parameters.w.data())]).toEqual([1, -2]);
  });
});
