import type { Engine } from '../engine.ts';
import { upcycleBound, upcycleError } from '../moe/upcycle.ts';
import { type EncoderParameters, encoder, upcycleEncoder } from '../nn/encoder.ts';
import { adamw } from '../optim/adamw.ts';
import { omoe } from '../optim/omoe.ts';
import { foldIn, key } from '../random.ts';
import { evaluationBatches, trainingBatches } from '../tasks/batches.ts';
import { loadTask } from '../tasks/index.ts';
import type { Batch, Task } from '../tasks/types.ts';
import type { ReadFile } from '../text/lines.ts';
import { leaves, mapTree } from '../tree.ts';
import { encoderOptions, upload } from './classifier.ts';
import { classifierTrainee, decays, newEncoder } from './classifier-trainee.ts';
import { type Run, train } from './loop.ts';
import { evaluate, measureExperts } from './measure.ts';
import { averageReport, warningsOf } from './step-report.ts';
import type { ComparePlan, DenseModel, Method, MethodRun, StepEvent } from './types.ts';

/**
 * The two jobs of a comparison. One dense model is trained for each seed; every method starts from it by exact upcycling and
 * sees the same batches in the same order, so that methods are paired by seed.
 */

export interface TrainContext {
  readonly engine: Engine;
  /** How to read the files of a real task; the embedded one has none. */
  readonly read?: ReadFile;
  /** Called after every step. */
  report(event: StepEvent): void;
}

const taskOf = (plan: ComparePlan, seed: number, read: ReadFile | undefined): Promise<Task> =>
  loadTask({
    task: plan.task,
    data: plan.data,
    vocab: plan.vocab,
    read,
    seed,
    length: plan.model.length,
    trainLimit: plan.trainLimit,
    devLimit: plan.devLimit,
  });

const runOf = (
  plan: ComparePlan,
  steps: number,
  batchOf: (step: number) => Batch,
  name: string,
  seed: number,
): Run<Batch> => ({
  ...{ steps, name, clip: plan.clip },
  batchesOf: (step) => [batchOf(step)],
  schedule: { peak: plan.learningRate, warmup: Math.min(plan.warmup, steps), total: steps, decay: 'linear' },
  key: foldIn(key(seed), 'steps'),
});

export async function trainDense(
  plan: ComparePlan,
  seed: number,
  { engine, read, report }: TrainContext,
): Promise<DenseModel> {
  using t = engine.region();
  const task = await taskOf(plan, seed, read);
  const optimizer = omoe(adamw({ weightDecay: plan.weightDecay, decays }), { accumulateSteps: 1, orthogonalSteps: 0 });
  const batchOf = trainingBatches(task, { batch: plan.batch, seed });
  const parameters = await train(
    t,
    newEncoder(t, plan, task, seed),
    optimizer,
    classifierTrainee(plan),
    runOf(plan, plan.denseSteps, batchOf, `dense, seed ${seed}`, seed),
    (step) => report({ ...step, seed, method: 'dense', phase: 'dense' }),
  );
  const stored = leaves(parameters).map(async ({ path, tensor }) => {
    const data = await tensor.data();
    return [path, { shape: tensor.shape, data: data as Float32Array | Float64Array }] as const;
  });
  return {
    seed,
    metric: await evaluate(t, parameters, task, plan),
    parameters: Object.fromEntries(await Promise.all(stored)),
  };
}

export async function trainMethod(
  plan: ComparePlan,
  seed: number,
  method: Method,
  dense: DenseModel,
  { engine, read, report }: TrainContext,
): Promise<MethodRun> {
  using t = engine.region();
  const task = await taskOf(plan, seed, read);
  const denseParameters = mapTree(newEncoder(t, plan, task, seed), (_, path) => {
    const { shape, data } = dense.parameters[path];
    return t.tensor(data, shape);
  });
  const start = upcycleEncoder(denseParameters, plan.model.experts, foldIn(key(seed), 'upcycle'));
  const receipt = await upcycleReceipt(t, denseParameters, start, task, plan);

  const base = adamw({ weightDecay: plan.weightDecay, decays });
  const optimizer = omoe(
    base,
    method.omoe ?? { accumulateSteps: 1, orthogonalSteps: 0 },
    foldIn(key(seed), 'rotation'),
  );
  const order = trainingBatches(task, { batch: plan.batch, seed });
  const batchOf = (step: number) => order(plan.denseSteps + step); // goes on where the dense model stopped
  const events: StepEvent[] = [];
  const warnings = new Set<string>();
  if (receipt.bound !== null && receipt.error > receipt.bound)
    warnings.add(
      `The upcycle is not exact: the layers differ by ${receipt.error.toExponential(1)}, rounding explains ${receipt.bound.toExponential(1)}.`,
    );
  const parameters = await train(
    t,
    start,
    optimizer,
    classifierTrainee(plan),
    runOf(plan, plan.steps, batchOf, `${method.name}, seed ${seed}`, seed),
    (step, reports) => {
      const event: StepEvent = { ...step, ...averageReport(reports), seed, method: method.name };
      events.push(event);
      for (const warning of warningsOf(reports, optimizer.options.plasticityWarning)) warnings.add(warning);
      report(event);
    },
  );

  const timed = (phase: StepEvent['phase']) =>
    median(events.filter((event) => event.phase === phase && event.step >= 5).map(({ milliseconds }) => milliseconds));
  return {
    method: method.name,
    seed,
    upcycleError: receipt.error,
    upcycleBound: receipt.bound,
    metric: await evaluate(t, parameters, task, plan),
    ...(await measureExperts(t, parameters, start, task, plan)),
    normKept: meanOf(events, 'normKept'),
    trace: meanOf(events, 'trace'),
    leakage: meanOf(events, 'leakage'),
    msPerStep: { accumulate: timed('accumulate'), orthogonal: timed('orthogonal') },
    warnings: [...warnings],
  };
}

/**
 * The receipt of the exact upcycle: the largest |MoE − FFN| over blocks and dev tokens, without capacity, and what rounding
 * explains. Gates that are not renormalised (k = 1) do not sum to 1, so there the copy is not exact and the bound is null.
 */
async function upcycleReceipt(
  t: Engine,
  dense: EncoderParameters,
  start: EncoderParameters,
  task: Task,
  plan: ComparePlan,
): Promise<{ error: number; bound: number | null }> {
  const options = { ...encoderOptions(plan), capacityFactor: null };
  let [error, largest] = [0, 0];
  for (const batch of evaluationBatches(task.dev, 2 * plan.batch, task.length, task.padToken)) {
    using pass = t.region();
    const tensors = upload(pass, batch);
    const mask = tensors.mask.reshape([tensors.mask.size]);
    for (const { block, input, output } of encoder(start, tensors, options).layers) {
      const difference = upcycleError(input, dense.blocks[block].feedForward!, output, 'gelu', mask);
      const [off, size] = await Promise.all([difference.item(), output.abs().max().item()]);
      [error, largest] = [Math.max(error, off), Math.max(largest, size)];
    }
  }
  return { error, bound: plan.model.topK === 1 ? null : upcycleBound(plan.model.topK, largest, t.dtype) };
}

function meanOf(events: readonly StepEvent[], field: 'normKept' | 'trace' | 'leakage'): number | null {
  const values = events.map((event) => event[field]).filter((value) => value !== undefined);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return null;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
