import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { paddingIsNotMeasured, taskOf, tinyPlan, variedModel } from '../../property-tests/meta/training.checks.ts';
import { engine } from '../engine.ts';
import { type EncoderParameters, encoder } from '../nn/encoder.ts';
import { evaluationBatches } from '../tasks/batches.ts';
import type { Metric, Task } from '../tasks/types.ts';
import { encoderOptions, upload } from './classifier.ts';
import { trainDense, trainMethod } from './compare.ts';
import { evaluateTask } from './evaluate.ts';
import { measuredBatches, measureExperts } from './measure.ts';
import { smallEncoder } from './small-encoder.ts';
import type { ComparePlan } from './types.ts';

const t = engine(cpu());
const evaluated = (parameters: EncoderParameters, task: Task, given: ComparePlan) =>
  evaluateTask(t, smallEncoder(given, task), parameters, task, { batch: 2 * given.batch });
const measured = (parameters: EncoderParameters, start: EncoderParameters, task: Task, given: ComparePlan) =>
  measureExperts(t, smallEncoder(given, task), { parameters, start }, task, measuredBatches(task, given.batch));

/** Two layers, so that what the first one drops would show in the second. */
const plan = tinyPlan({ devLimit: 24 });
const deep = { ...plan, model: { ...plan.model, layers: 2 } };

/** A task whose metric notes what it is asked. */
async function notedTask(): Promise<{ task: Task; asked: { predicted: number[]; labels: number[] }[] }> {
  const asked: { predicted: number[]; labels: number[] }[] = [];
  const metric: Metric = {
    name: 'accuracy',
    evaluate(predicted, labels) {
      asked.push({ predicted: Array.from(predicted), labels: Array.from(labels) });
      return 0.625;
    },
  };
  return { task: { ...(await taskOf(deep, 0)), metric }, asked };
}

const scoresOf = async (parameters: EncoderParameters, task: Task, given: ComparePlan): Promise<number[]> => {
  const [all] = evaluationBatches(task.dev, task.dev.length, task.length, task.padToken);
  const logits = await encoder(parameters, upload(t, all), encoderOptions(given)).logits.data();
  return task.dev.map((_, i) => logits[2 * i + 1] - logits[2 * i]);
};

/** The varied model with its classifier's bias moved to where half of the sentences get a yes. */
async function undecidedModel(task: Task): Promise<EncoderParameters> {
  const { parameters } = variedModel(t, deep, task);
  const sorted = (await scoresOf(parameters, task, deep)).sort((a, b) => a - b);
  const middle = (sorted[11] + sorted[12]) / 2;
  return { ...parameters, classifier: { ...parameters.classifier, bias: t.tensor([middle / 2, -middle / 2]) } };
}

describe('evaluate', () => {
  it('asks the metric about every dev sentence once, in their order, with the largest logit as the answer', async () => {
    const { task, asked } = await notedTask();
    const parameters = await undecidedModel(task);
    // 24 sentences in batches of 2 · 5 leave a smaller one at the end.
    expect(await evaluated(parameters, task, { ...deep, batch: 5 })).toEqual({ accuracy: 0.625 });
    const [{ predicted, labels }] = asked;
    expect(asked).toHaveLength(1);
    expect(labels).toEqual(task.dev.map(({ label }) => label));
    expect(predicted).toEqual((await scoresOf(parameters, task, deep)).map((score) => Number(score > 0)));
    expect(new Set(predicted).size).toBe(2);
  });
});

describe('capacity', () => {
  const tight = { ...deep, capacityFactor: 0.05 };
  it('drops nothing while a model is evaluated', async () => {
    const { task, asked } = await notedTask();
    const parameters = await undecidedModel(task);
    await evaluated(parameters, task, deep);
    await evaluated(parameters, task, tight);
    expect(asked[1]).toEqual(asked[0]);
    // That it could have shown: dropping changes the answers of this model.
    const dropped = (await scoresOf(parameters, task, tight)).map((score) => Number(score > 0));
    expect(dropped).not.toEqual(asked[0].predicted);
  });
  it('drops nothing while experts are measured', async () => {
    const { task } = await notedTask();
    const { start, parameters } = variedModel(t, deep, task);
    const loose = await measured(parameters, start, task, deep);
    expect(await measured(parameters, start, task, tight)).toEqual(loose);
  });
});

describe('measureExperts', () => {
  it('leaves padding out', () => paddingIsNotMeasured({ trainDense, trainMethod, evaluateTask, measureExperts }));

  it('finds copies alike in everything, and nothing learnt', async () => {
    const { task } = await notedTask();
    const { start } = variedModel(t, deep, task);
    const measures = await measured(start, start, task, deep);
    // Cosines of equal vectors: a few roundings of Float64 below 1 (8 + 4 terms; weights 212 terms).
    expect(measures.outputCosine).toBeGreaterThan(1 - 100 * Number.EPSILON);
    expect(measures.weightCosine).toBeGreaterThan(1 - 1000 * Number.EPSILON);
    expect(measures.cka).toBeGreaterThan(1 - 1000 * Number.EPSILON);
    expect(measures.weightDeltaCosine).toBeNull();
    const { experts } = deep.model;
    expect(measures.similarity.map((row) => row.length)).toEqual(new Array(experts).fill(experts));
  });

  it('is the mean over layers', async () => {
    const { task } = await notedTask();
    const { start, parameters } = variedModel(t, deep, task);
    const both = await measured(parameters, start, task, deep);
    // Weights are what they are whatever stands before them, so a model of one of the layers alone has that layer's measures.
    const only = async (block: number) => {
      const [now, then] = [parameters, start].map((model) => ({ ...model, blocks: [model.blocks[block]] }));
      const { weightCosine, weightDeltaCosine } = await measured(now, then, task, plan);
      return { weightCosine, weightDeltaCosine: weightDeltaCosine! };
    };
    const [first, second] = [await only(0), await only(1)];
    expect(first.weightCosine).not.toBe(second.weightCosine);
    expect(both.weightCosine).toBe((first.weightCosine + second.weightCosine) / 2);
    expect(both.weightDeltaCosine).toBe((first.weightDeltaCosine + second.weightDeltaCosine) / 2);
  });

  it('knows no domains where the task knows none', async () => {
    const { task } = await notedTask();
    const { start, parameters } = variedModel(t, plan, task);
    const dev = task.dev.map(({ tokens, label }) => ({ tokens, label }));
    const known = await measured(parameters, start, task, plan);
    const unknown = await measured(parameters, start, { ...task, dev, domains: null }, plan);
    expect(known.routing.domainNmi).toBeGreaterThan(0);
    expect(unknown).toEqual({ ...known, routing: { ...known.routing, domainNmi: null } });
  });
});
