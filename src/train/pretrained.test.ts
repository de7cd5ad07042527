import { beforeAll, describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { DataError, UsageError } from '../errors.ts';
import { freshConfig, initModel, type ModelConfig, readModelConfig, saveModel, upcycleModel } from '../models/index.ts';
import { key } from '../random.ts';
import { bucketedBatches } from '../tasks/buckets.ts';
import { generatedTasks } from '../tasks/generated.ts';
import { loadTask } from '../tasks/index.ts';
import type { Task } from '../tasks/types.ts';
import type { ReadFile } from '../text/lines.ts';
import { leaves } from '../tree.ts';
import { readBaseModel } from './base-model.ts';
import { trainDense, trainMethod } from './compare.ts';
import { evaluateTask } from './evaluate.ts';
import { parseMethods } from './parse-methods.ts';
import { comparePlan } from './plan.ts';
import { headOf, pretrained } from './pretrained.ts';
import { pretrainedPlan, withShapeOf } from './pretrained-plan.ts';
import type { ComparePlan } from './types.ts';

const t = engine(cpu());
const longest = Math.max(...generatedTasks.map(({ length }) => length));
const fresh = freshConfig('bert', {
  ...{ vocabulary: 200, pad: 0, positions: longest, width: 8, hidden: 12, heads: 2, layers: 2 },
});

/** Files that are nowhere but here. */
const folderOf = (files: ReadonlyMap<string, Uint8Array>): ReadFile => {
  return async (path) => {
    const bytes = files.get(path.replace('here/', ''));
    if (bytes) return bytes;
    throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
  };
};

let config: ModelConfig;
let read: ReadFile;
let sparseRead: ReadFile;
let sparse: ModelConfig;
beforeAll(async () => {
  const parameters = initModel(t, key(5), fresh, { pooler: false, mlm: true });
  read = folderOf(await saveModel(parameters, fresh));
  config = await readModelConfig('here', read);
  const upcycled = upcycleModel(parameters, fresh, { experts: 2, key: key(6), layers: [1] });
  sparseRead = folderOf(await saveModel(upcycled.parameters, upcycled.config));
  sparse = await readModelConfig('here', sparseRead);
});

const planFor = (task: string, changes: Partial<ComparePlan> = {}): ComparePlan => {
  const flags = {
    task,
    model: 'here',
    steps: '4',
    batch: '4',
    warmup: '1',
    trainLimit: '16',
    devLimit: '8',
    seeds: '1',
  };
  const plan = comparePlan({ ...flags, experts: '3', methods: 'adamw,omoe:accumulateSteps=1,orthogonalSteps=1' });
  return { ...withShapeOf(plan, config, {}, 'compare'), ...changes };
};
const taskOf = (plan: ComparePlan): Promise<Task> => loadTask({ ...plan, seed: 0, length: plan.model.length });
const learnerFor = async (plan: ComparePlan, from: ModelConfig = config, files: ReadFile = read) => {
  const task = await taskOf(plan);
  return { task, learner: pretrained({ ...plan, pretrained: plan.pretrained! }, task, from, files) };
};

describe('a checkpoint on a task', () => {
  it('starts from its weights, with a pooler and a head of the seed, and leaves the decoder of pretraining behind', async () => {
    const { learner } = await learnerFor(planFor('embedded'));
    const [one, again, other] = [await learner.dense(t, 1), await learner.dense(t, 1), await learner.dense(t, 2)];
    const stored = initModel(t, key(5), config, { pooler: false, mlm: true });
    const of = async (parameters: object) =>
      new Map(
        await Promise.all(
          leaves(parameters).map(async ({ path, tensor }) => [path, [...(await tensor.data())]] as const),
        ),
      );
    const [kept, drawn, drawnAgain, others] = [await of(stored), await of(one), await of(again), await of(other)];
    expect(drawn).toEqual(drawnAgain);
    expect([...drawn.keys()].filter((path) => path.startsWith('mlm'))).toEqual([]);
    for (const [path, values] of drawn) {
      if (kept.has(path)) expect(values, path).toEqual(kept.get(path));
      else expect(path).toMatch(/^(pooler|head)\./);
      if (path === 'pooler.weight' || path === 'head.weight') expect(values).not.toEqual(others.get(path));
    }
  });

  it('keeps nothing but its sizes where it is asked to begin afresh', async () => {
    const plan = planFor('embedded');
    const { learner } = await learnerFor({ ...plan, pretrained: { ...plan.pretrained!, fresh: true } });
    const [one, again, other] = [await learner.dense(t, 1), await learner.dense(t, 1), await learner.dense(t, 2)];
    const stored = await (await learnerFor(plan)).learner.dense(t, 1);
    const words = async (parameters: typeof one) => [...(await parameters.embeddings.words.data())];
    expect(await words(one)).toEqual(await words(again));
    expect(await words(one)).not.toEqual(await words(other));
    expect(await words(one)).not.toEqual(await words(stored));
    expect(leaves(one).map(({ path, tensor }) => [path, tensor.shape])).toEqual(
      leaves(stored).map(({ path, tensor }) => [path, tensor.shape]),
    );
  });

  it('gets experts in the layers that were asked for, and in all where none were', async () => {
    for (const [moeLayers, expected] of [
      [null, [3, 3]],
      [[1], [undefined, 3]],
    ] as const) {
      const plan = planFor('embedded');
      const { learner } = await learnerFor({ ...plan, pretrained: { ...plan.pretrained!, moeLayers } });
      const start = learner.upcycle(await learner.dense(t, 0), 0);
      expect(start.blocks.map(({ moe }) => moe?.fc1.weight.shape[0])).toEqual(expected);
    }
  });

  it('keeps the experts that a checkpoint brought along', async () => {
    const plan = withShapeOf(planFor('embedded'), sparse, {}, 'compare');
    expect(plan.model).toMatchObject({ experts: 2, topK: 2 });
    const { learner } = await learnerFor(plan, sparse, sparseRead);
    const dense = await learner.dense(t, 0);
    expect(learner.upcycle(dense, 0)).toBe(dense);
    const run = await trainMethod(
      plan,
      0,
      plan.methods[1],
      await trainDense(plan, 0, context(sparseRead)),
      context(sparseRead),
    );
    expect([run.upcycleError, run.upcycleBound]).toEqual([0, null]);
  });

  it('learns from batches of like length, and answers without the capacity it is trained under', async () => {
    const plan = planFor('embedded', { capacityFactor: 0.05 });
    const { learner, task } = await learnerFor(plan);
    const { learner: roomy } = await learnerFor({ ...plan, capacityFactor: null });
    expect(learner.batchesOf(3)(5)).toEqual(bucketedBatches(task, { batch: plan.batch, seed: 3 })(5));
    const start = learner.upcycle(await learner.dense(t, 0), 0);
    const batch = learner.upload(t, learner.batchesOf(0)(0));
    const [tight, loose] = [learner, roomy].map((one) => one.predict(start, batch));
    expect([...(await tight.data())]).toEqual([...(await loose.data())]);
    const losses = [learner, roomy].map((one) => one.loss(start, batch, null, key(0))[0].item());
    expect(await losses[0]).not.toBe(await losses[1]);
  });

  it('refuses weights that are not those of its plan', async () => {
    const plan = planFor('embedded');
    const from = (sum: number, fresh = false) => ({ ...plan, pretrained: { ...plan.pretrained!, fresh, sum } });
    const { sum } = await readBaseModel('here', read);
    await (await learnerFor(from(sum))).learner.dense(t, 0);
    const other = (await learnerFor(from(sum + 1))).learner.dense(t, 0);
    await expect(other).rejects.toThrow(DataError);
    await expect(other).rejects.toThrow(/^load here: received other weights than at the start/);
    // A run of the worker reads config.json anew, so that its sum is all that tells.
    const changed = folderOf(await saveModel(initModel(t, key(6), fresh, { pooler: false, mlm: true }), fresh));
    await expect(trainDense({ ...from(sum), denseSteps: 1 }, 0, context(changed))).rejects.toThrow(/other weights/);
  });

  it('refuses sentences that are too long, and more pieces than it has vectors for', async () => {
    const task = await taskOf(planFor('embedded'));
    const plan = { ...planFor('embedded'), pretrained: { folder: 'here', moeLayers: null, dropout: 0, fresh: false } };
    const short = { ...config, positions: task.length - 1 };
    expect(() => pretrained(plan, task, short, read)).toThrow(UsageError);
    expect(() => pretrained(plan, task, { ...config, vocabulary: 3 }, read)).toThrow(/3.*vector for each piece/);
    const changed = pretrained(plan, task, { ...config, epsilon: 1 }, read);
    await expect(changed.dense(t, 0)).rejects.toThrow(DataError);
  });
});

const context = (files: ReadFile) => ({ engine: t, read: files, report: () => {} });

describe('a comparison from a checkpoint', () => {
  for (const { name } of generatedTasks)
    it(`runs ${name}, and gives the same numbers again`, async () => {
      const plan = planFor(name);
      const run = async (method: number) => {
        const dense = await trainDense(plan, 0, context(read));
        expect(dense).toEqual({ seed: 0, metric: null, parameters: null });
        const { msPerStep, ...numbers } = await trainMethod(plan, 0, plan.methods[method], dense, context(read));
        return numbers;
      };
      const [adamw, omoe] = [await run(0), await run(1)];
      expect(await run(1)).toEqual(omoe);
      expect(omoe.weightDeltaCosine).not.toBe(adamw.weightDeltaCosine);
      const task = await taskOf(plan);
      expect(Object.keys(omoe.scores)).toContain(task.metrics?.[0] ?? 'accuracy');
      expect(Object.values(omoe.scores)).toContain(omoe.metric);
      expect(omoe.upcycleError).toBeLessThanOrEqual(omoe.upcycleBound!);
      const hasLabels = headOf(task).kind === 'classify';
      expect(omoe.routing.labelNmi === null).toBe(!hasLabels);
    });

  it('measures the model that it trained', async () => {
    const plan = planFor('embedded-tags', { steps: 0 });
    const dense = await trainDense(plan, 0, context(read));
    let signs = 0;
    const watched = { ...context(read), alive: () => signs++ };
    const { scores } = await trainMethod(plan, 0, plan.methods[0], dense, watched);
    expect(signs, 'signs of life: before the measures, and one a batch of the evaluation').toBeGreaterThanOrEqual(2);
    const { learner, task } = await learnerFor(plan);
    const start = learner.upcycle(await learner.dense(t, 0), 0);
    expect(scores).toEqual(await evaluateTask(t, learner, start, task, { batch: 3 }));
  });

  it('takes dense steps first where they are asked for', async () => {
    const plan = planFor('embedded', { denseSteps: 2 });
    const dense = await trainDense(plan, 0, context(read));
    expect(dense.metric).toBeGreaterThanOrEqual(0);
    const fresh = await (await learnerFor(plan)).learner.dense(t, 0);
    expect(dense.parameters?.['head.weight'].data).not.toEqual(await fresh.head!.weight.data());
    const [first] = parseMethods('adamw');
    await trainMethod({ ...plan, steps: 1 }, 0, first, dense, context(read));
  });
});

describe('its options', () => {
  it('are none without a model', () => expect(pretrainedPlan({}, 'compare')).toBeUndefined());
  for (const [flags, message] of [
    [{ dropout: '0.1' }, /--dropout: received no --model/],
    [{ moeLayers: '1' }, /--moe-layers: received no --model/],
    [{ fresh: true }, /--fresh: received no --model/],
    [{ model: 'm', vocab: 'v' }, /--vocab: received --model m as well/],
    [{ model: 'm', width: '8' }, /--width/],
    [{ model: 'm', dropout: '1' }, /--dropout.*below 1/],
    [{ model: 'm', moeLayers: '1,1' }, /--moe-layers.*each once/],
    [{ model: 'm', moeLayers: '-1' }, /--moe-layers/],
  ] as const)
    it(`refuse ${JSON.stringify(flags)}`, () => expect(() => pretrainedPlan(flags, 'compare')).toThrow(message));
  it('sort the layers', () => expect(pretrainedPlan({ model: 'm', moeLayers: '2,0' }, 'c')?.moeLayers).toEqual([0, 2]));
  it('refuse layers that a folder does not have', () => {
    const plan = planFor('embedded');
    const asked = { ...plan, pretrained: { ...plan.pretrained!, moeLayers: [0, 2] } };
    expect(() => withShapeOf(asked, config, {}, 'compare')).toThrow(
      /--moe-layers: received 0,2, expected numbers below 2/,
    );
  });
  it('refuse other experts than a folder has', () =>
    expect(() => withShapeOf(planFor('embedded'), sparse, { experts: '4' }, 'compare')).toThrow(
      /has 2 experts already/,
    ));
});
