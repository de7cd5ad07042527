import type { Engine, Region } from '../engine.ts';
import { mergeRecorded, type Recorded, type Recording } from '../moe/statistics.ts';
import { clipByGlobalNorm } from '../optim/clip.ts';
import type { OmoeOptimizer, OmoeState } from '../optim/omoe.ts';
import type { LinearReport } from '../optim/omoe-report.ts';
import { type Parameters as Gradients, parametersOf } from '../optim/optimizer.ts';
import { pendingNumber, readTogether } from '../pending.ts';
import { foldIn, type Key } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import { byPath, leaves, mapTree } from '../tree.ts';
import { refuseNonFinite } from './guard.ts';
import type { Objective } from './objective.ts';
import type { StepEvent } from './types.ts';

/** What one step hands to the next. */
export interface Generation<P, S> {
  readonly parameters: P;
  readonly state: OmoeState<S>;
}

/** A batch on the host, as far as the trainer looks at it. */
export interface Scored {
  /** What its loss is a mean over. */
  readonly scored: number;
}

export interface StepPlan<P, S, D extends Scored, B> {
  readonly objective: Objective<P, D, B>;
  readonly optimizer: OmoeOptimizer<S>;
  /** One batch, or the micro-batches whose gradients are added up. */
  readonly batches: readonly D[];
  readonly learningRate: number;
  readonly clip: number;
  /** For messages, e.g. `omoe, seed 0`. */
  readonly name: string;
  readonly step: number;
  /** The step's own. */
  readonly key: Key;
}

/** What a step tells of itself. */
export type StepFigures = Pick<
  StepEvent,
  'phase' | 'loss' | 'taskLoss' | 'balanceLoss' | 'gradientNorm' | 'milliseconds'
>;

export interface StepResult<P, S> {
  /** Tensors of `t`. Those of `current` are still there: the caller frees them. */
  readonly next: Generation<P, S>;
  readonly figures: StepFigures;
  /** Of the expert linears, in orthogonal steps. */
  readonly reports: readonly LinearReport[];
}

/**
 * One step: loss and gradients, clipping, the optimizer's step, one read, a finite check, and only then the new parameters.
 * All else that it computes is freed.
 * @throws DivergedError where the loss or the gradient norm is NaN or infinite; the step is not applied then
 */
export async function takeStep<P, S, D extends Scored, B>(
  t: Engine,
  current: Generation<P, S>,
  plan: StepPlan<P, S, D, B>,
): Promise<StepResult<P, S>> {
  const { optimizer, name, step } = plan;
  const begun = performance.now();
  using region = t.region();
  const { parameters, state } = region.borrow(current);
  const { value, aux, gradients, records } =
    plan.batches.length === 1
      ? differentiateWhole(region, parameters, optimizer.recording(state), plan)
      : addMicroBatches(region, parameters, optimizer.recording(state), plan);
  const clipped = clip(region, parametersOf(gradients), plan.clip);
  region.free(gradients);
  const result = await optimizer.step({
    parameters: parametersOf(parameters),
    gradients: clipped.gradients,
    state,
    learningRate: plan.learningRate,
    records,
  });
  const next = {
    parameters: mapTree(parameters, (parameter, path) => parameter.add(result.updates.get(path)!)),
    state: result.state,
  };

  const [loss, taskLoss, balanceLoss, gradientNorm, reports] = await readTogether(
    pendingNumber(value),
    pendingNumber(aux.task),
    pendingNumber(aux.balance),
    pendingNumber(clipped.norm),
    result.reports,
  );
  await refuseNonFinite(
    name,
    step,
    { loss, gradientNorm },
    suspects(parameters, aux.watched, value, clipped.gradients),
  );
  const kept = region.keep(next);
  await t.backend.flush();
  const milliseconds = performance.now() - begun;
  return {
    next: kept,
    figures: { phase: result.phase, loss, taskLoss, balanceLoss, gradientNorm, milliseconds },
    reports,
  };
}

/** A loss with its gradients, of one batch or of several. */
interface Differentiated<P> {
  readonly value: Tensor;
  readonly aux: {
    readonly task: Tensor;
    readonly balance: Tensor;
    readonly watched: readonly (readonly [string, Tensor])[];
  };
  readonly gradients: P;
  readonly records: ReadonlyMap<string, Recorded>;
}

function differentiateWhole<P, S, D extends Scored, B>(
  region: Region,
  parameters: P,
  recording: Recording | null,
  { objective, batches: [batch], key }: StepPlan<P, S, D, B>,
): Differentiated<P> {
  using pass = region.region();
  // A method of an object may need its `this`, and the engine calls the function by itself.
  const lossAndGradients = pass.valueAuxAndGrad((...given: Parameters<typeof objective.loss>) =>
    objective.loss(...given),
  );
  const inside = pass.borrow(parameters);
  const { value, aux, gradients } = lossAndGradients(inside, objective.upload(pass, batch), recording, key);
  // What the passes left behind goes before the update comes: at no time are both there.
  return pass.keep({ value, aux, gradients, records: aux.records });
}

/** `clipByGlobalNorm`, of which only the results stay. What is NaN or infinite in a gradient is so behind the clipping as well. */
function clip(region: Region, gradients: Gradients, limit: number): ReturnType<typeof clipByGlobalNorm> {
  using scratch = region.region();
  return scratch.keep(clipByGlobalNorm(scratch.borrow(gradients), limit));
}

/**
 * g = Σ_m n_m g_m / Σ_m n_m over micro-batches m that score n_m: the gradient of the mean over all of them, so that it equals
 * the big batch's within rounding. Likewise the task loss; the balance loss, which is no mean over what is scored, is averaged
 * with the same weights. The intermediates of a micro-batch are freed before the next begins.
 */
function addMicroBatches<P, S, D extends Scored, B>(
  region: Region,
  parameters: P,
  recording: Recording | null,
  plan: StepPlan<P, S, D, B>,
): Differentiated<P> {
  const total = plan.batches.reduce((sum, { scored }) => sum + scored, 0);
  interface Sum {
    readonly value: Tensor;
    readonly task: Tensor;
    readonly balance: Tensor;
    readonly gradients: P;
  }
  let sum: Sum | null = null;
  const records: ReadonlyMap<string, Recorded>[] = [];
  const watched: (readonly [string, Tensor])[] = [];
  for (const [index, batch] of plan.batches.entries()) {
    using micro = region.region();
    const one = { ...plan, batches: [batch], key: foldIn(plan.key, index) };
    const done = differentiateWhole(micro, micro.borrow(parameters), recording, one);
    // Where nothing at all is scored every loss is 0, and any weights do.
    const share = total === 0 ? 1 / plan.batches.length : batch.scored / total;
    const { task, balance } = done.aux;
    const parts: Sum = { value: done.value, task, balance, gradients: done.gradients };
    const weighed = mapTree(parts, (x) => x.multiply(share));
    const before: Sum | null = sum;
    const soFar = before && byPath(before);
    const added: Sum = soFar ? mapTree(weighed, (x, path) => soFar.get(path).add(x)) : weighed;
    const kept: { sum: Sum; records: ReadonlyMap<string, Recorded>; loss: Tensor } = micro.keep({
      sum: added,
      records: done.records,
      loss: done.value,
    });
    if (before) region.free(before);
    sum = kept.sum;
    records.push(kept.records);
    watched.push([`the loss of micro-batch ${index}`, kept.loss]);
  }
  const { value, task, balance, gradients } = sum!;
  return { value, aux: { task, balance, watched }, gradients, records: joinRecords(records, recording) };
}

/** The records of micro-batches as those of one batch. */
function joinRecords(
  parts: readonly ReadonlyMap<string, Recorded>[],
  recording: Recording | null,
): ReadonlyMap<string, Recorded> {
  if (!recording) return new Map();
  const join = (records: readonly Recorded[]) => records.reduce((a, b) => mergeRecorded(a, b, recording.statistic));
  return new Map([...parts[0].keys()].map((name) => [name, join(parts.map((part) => part.get(name)!))]));
}

/** In the order of computation: parameters, what the loss watches, loss, gradients. */
function* suspects(
  parameters: unknown,
  watched: Iterable<readonly [string, Tensor]>,
  loss: Tensor,
  gradients: unknown,
) {
  for (const { path, tensor } of leaves(parameters)) yield [`the parameter ${path}`, tensor] as const;
  yield* watched;
  yield ['the loss', loss] as const;
  for (const { path, tensor } of leaves(gradients)) yield [`the gradient of ${path}`, tensor] as const;
}
