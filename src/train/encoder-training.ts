import type { Engine } from '../engine.ts';
import { type EncoderParameters, upcycleEncoder } from '../nn/encoder.ts';
import { type AdamWState, adamw } from '../optim/adamw.ts';
import { omoe } from '../optim/omoe.ts';
import { foldIn, key } from '../random.ts';
import { bucketedBatches } from '../tasks/buckets.ts';
import { mainMetric } from '../tasks/score.ts';
import type { Batch, Task } from '../tasks/types.ts';
import type { BatchTensors } from './classifier.ts';
import { classifierTrainee, decays, newEncoder, requireSingleTexts } from './classifier-trainee.ts';
import { evaluateTask } from './evaluate.ts';
import { recordOf, scheduleOf, type TrainPlan } from './train-plan.ts';
import type { Training } from './training.ts';

export type EncoderTraining = Training<EncoderParameters, AdamWState, Batch, BatchTensors>;

/**
 * `omoe train`: the small encoder of the main job on a task. It is upcycled where it begins, so that dense and MoE start from
 * the same function, or left dense.
 * @throws UsageError for a task whose head the small encoder does not have
 */
export function encoderTraining(plan: TrainPlan, task: Task): EncoderTraining {
  requireSingleTexts('train', task);
  const trainee = classifierTrainee(plan);
  const seed = key(plan.seed);
  return {
    name: `${plan.method.name}, seed ${plan.seed}`,
    plan: {
      steps: plan.steps,
      seed: plan.seed,
      examples: plan.batch * plan.accumulate,
      accumulate: plan.accumulate,
      schedule: scheduleOf(plan),
      clip: plan.clip,
      evaluateEvery: plan.evaluateEvery,
      patience: plan.patience,
      saveEvery: plan.saveEvery,
    },
    record: recordOf(plan, task),
    objective: trainee,
    optimizer: omoe(
      adamw({ weightDecay: plan.weightDecay, decays }),
      plan.method.omoe ?? { accumulateSteps: 1, orthogonalSteps: 0 },
      foldIn(seed, 'rotation'),
    ),
    start(t: Engine) {
      using scratch = t.region();
      const dense = newEncoder(scratch, plan, task, plan.seed);
      return scratch.keep(plan.dense ? dense : upcycleEncoder(dense, plan.model.experts, foldIn(seed, 'upcycle')));
    },
    batchOf: bucketedBatches(task, { batch: plan.batch, seed: plan.seed, window: plan.buckets }),
    evaluate: (t, parameters, signal) => evaluateTask(t, trainee, parameters, task, { batch: 2 * plan.batch, signal }),
    metric: mainMetric(task),
  };
}
