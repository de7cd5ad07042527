import type { Engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { upcycleBound, upcycleError } from '../moe/upcycle.ts';
import { adamw } from '../optim/adamw.ts';
import { omoe } from '../optim/omoe.ts';
import { foldIn, key } from '../random.ts';
import { constantScore } from '../tasks/constant-score.ts';
import { loadTask } from '../tasks/index.ts';
import { mainMetric } from '../tasks/score.ts';
import type { Batch } from '../tasks/types.ts';
import type { ReadFile } from '../text/lines.ts';
import { readTokenizer } from '../text/read-tokenizer.ts';
import { leaves, mapTree } from '../tree.ts';
import { decays } from './classifier-trainee.ts';
import { evaluateTask } from './evaluate.ts';
import type { BlockModel, Learner } from './learner.ts';
import { learnerOf } from './learners.ts';
import { type Run, train } from './loop.ts';
import { expertsOnHost, type Masked, measuredBatches, measureExperts } from './measure.ts';
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
  /** Called now and then in what is no step: loading, evaluating, measuring. */
  alive?(): void;
}

/**
 * The task of a seed, and the model that learns it.
 * @throws DataError, UsageError for files that are missing or malformed, and a model that does not fit the task
 */
export async function begin(plan: ComparePlan, seed: number, read: ReadFile | undefined) {
  const { folder } = plan.pretrained ?? {};
  const files = (): ReadFile => {
    if (read) return read;
    throw new UsageError({ operation: 'compare', received: 'no way to read files', expected: 'read, for --model' });
  };
  const task = await loadTask({
    task: plan.task,
    data: plan.data,
    vocab: plan.vocab,
    ...(folder !== undefined && plan.data !== undefined ? { tokenizer: await readTokenizer(folder, files()) } : {}),
    read,
    seed,
    length: plan.model.length,
    trainLimit: plan.trainLimit,
    devLimit: plan.devLimit,
  });
  return { task, learner: await learnerOf(plan, task, files) };
}

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

export async function trainDense(plan: ComparePlan, seed: number, context: TrainContext): Promise<DenseModel> {
  if (plan.denseSteps === 0 && plan.pretrained) return { seed, metric: null, parameters: null };
  const { engine, read, report } = context;
  using t = engine.region();
  const { task, learner } = await begin(plan, seed, read);
  const optimizer = omoe(adamw({ weightDecay: plan.weightDecay, decays }), { accumulateSteps: 1, orthogonalSteps: 0 });
  const parameters = await train(
    t,
    await learner.dense(t, seed),
    optimizer,
    learner,
    runOf(plan, plan.denseSteps, learner.batchesOf(seed), `dense, seed ${seed}`, seed),
    (step) => report({ ...step, seed, method: 'dense', phase: 'dense' }),
  );
  const stored = leaves(parameters).map(async ({ path, tensor }) => {
    const data = await tensor.data();
    return [path, { shape: tensor.shape, data: data as Float32Array | Float64Array }] as const;
  });
  const scores = await evaluateTask(t, learner, parameters, task, { batch: 2 * plan.batch, onBatch: context.alive });
  return {
    seed,
    metric: scores![mainMetric(task)],
    parameters: Object.fromEntries(await Promise.all(stored)),
  };
}

export async function trainMethod(
  plan: ComparePlan,
  seed: number,
  method: Method,
  dense: DenseModel,
  { engine, read, report, alive }: TrainContext,
): Promise<MethodRun> {
  using t = engine.region();
  const { task, learner } = await begin(plan, seed, read);
  const fresh = await learner.dense(t, seed);
  const denseParameters = dense.parameters
    ? mapTree(fresh, (_, path) => {
        const { shape, data } = dense.parameters![path];
        return t.tensor(data, shape);
      })
    : fresh;
  if (dense.parameters) t.free(fresh);
  const start = learner.upcycle(denseParameters, seed);
  alive?.();
  const seen = measuredBatches(task, plan.batch);
  const receipt = await upcycleReceipt(t, learner, denseParameters, start, seen, plan.model.topK);
  // The weights of a large model fit but a few times: of the start only its experts are needed again, and these wait on the host.
  const startExperts = await expertsOnHost(start);
  t.free(denseParameters, { except: start });

  const base = adamw({ weightDecay: plan.weightDecay, decays });
  const optimizer = omoe(
    base,
    method.omoe ?? { accumulateSteps: 1, orthogonalSteps: 0 },
    foldIn(key(seed), 'rotation'),
  );
  const order = learner.batchesOf(seed);
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
    learner,
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
  const scores = (await evaluateTask(t, learner, parameters, task, { batch: 2 * plan.batch, onBatch: alive }))!;
  return {
    method: method.name,
    seed,
    upcycleError: receipt.error,
    upcycleBound: receipt.bound,
    metric: scores[mainMetric(task)],
    scores,
    constant: constantScore(task),
    ...(await measureExperts(t, learner, { parameters, start: startExperts }, task, seen)),
    normKept: meanOf(events, 'normKept'),
    trace: meanOf(events, 'trace'),
    leakage: meanOf(events, 'leakage'),
    msPerStep: { accumulate: timed('accumulate'), orthogonal: timed('orthogonal') },
    warnings: [...warnings],
  };
}

/**
 * The receipt of the exact upcycle: the largest |MoE − FFN| over blocks and dev tokens, without capacity, and what rounding
 * explains. Gates that are not renormalised (k = 1) do not sum to 1, so there the copy is not exact and the bound is null, as it
 * is for a checkpoint that brought its experts along.
 */
async function upcycleReceipt<P extends BlockModel, B extends Masked>(
  t: Engine,
  learner: Learner<P, B>,
  dense: P,
  start: P,
  batches: readonly Batch[],
  topK: number,
): Promise<{ error: number; bound: number | null }> {
  let [error, largest, copied] = [0, 0, false];
  for (const batch of batches) {
    using pass = t.region();
    const tensors = learner.upload(pass, batch);
    const mask = tensors.mask.reshape([tensors.mask.size]);
    for (const { block, input, output } of learner.layers(start, tensors)) {
      const network = dense.blocks[block].feedForward;
      if (!network) continue;
      copied = true;
      const difference = upcycleError(input, network, output, learner.activation, mask);
      const [off, size] = await Promise.all([difference.item(), output.abs().max().item()]);
      [error, largest] = [Math.max(error, off), Math.max(largest, size)];
    }
  }
  const promised = topK > 1 && copied;
  return { error, bound: promised ? upcycleBound(topK, largest, t.dtype, t.backend.ulps) : null };
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
