import type { Engine } from '../engine.ts';
import type { OmoeOptimizer } from '../optim/omoe.ts';
import type { LinearReport } from '../optim/omoe-report.ts';
import { parametersOf } from '../optim/optimizer.ts';
import { learningRate, type Schedule } from '../optim/schedule.ts';
import { foldIn, type Key } from '../random.ts';
import type { Objective } from './objective.ts';
import { type Generation, type Scored, takeStep } from './step.ts';
import type { StepEvent } from './types.ts';

export interface Run<D extends Scored> {
  readonly steps: number;
  /** The batch of a step, or its micro-batches. */
  readonly batchesOf: (step: number) => readonly D[];
  readonly schedule: Schedule;
  readonly clip: number;
  /** For messages, e.g. `omoe, seed 0`. */
  readonly name: string;
  /** Step s draws with foldIn(key, s). */
  readonly key: Key;
}
export type TrainedStep = Omit<StepEvent, 'seed' | 'method'>;

/**
 * A training from its start to its end, all in one go: `training.ts` has the one that can be stopped, evaluated and taken up again.
 * Parameters and state are kept from step to step, all else lives in a region of the step.
 * @param start taken over: its tensors are freed with the first step, as there is no room for the weights of a large model twice
 * @throws DivergedError at the first step whose loss or gradient norm is NaN or infinite; that step is not applied
 */
export async function train<P, S, D extends Scored, B>(
  t: Engine,
  start: P,
  optimizer: OmoeOptimizer<S>,
  objective: Objective<P, D, B>,
  { steps, batchesOf, schedule, clip, name, key }: Run<D>,
  onStep: (step: TrainedStep, reports: readonly LinearReport[]) => void,
): Promise<P> {
  let current: Generation<P, S> = { parameters: start, state: optimizer.initial(parametersOf(start)) };
  for (let step = 0; step < steps; step++) {
    const plan = { objective, optimizer, clip, name, step };
    const { next, figures, reports } = await takeStep(t, current, {
      ...plan,
      batches: batchesOf(step),
      learningRate: learningRate(step, schedule),
      key: foldIn(key, step),
    });
    t.free(current, { except: next });
    current = next;
    onStep({ step, steps, ...figures }, reports);
  }
  t.free(current.state, { except: current.parameters });
  return current.parameters;
}
