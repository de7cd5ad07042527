import type { Engine } from '../engine.ts';
import type { EncoderParameters } from '../nn/encoder.ts';
import { type AdamWState, adamw } from '../optim/adamw.ts';
import { omoe } from '../optim/omoe.ts';
import { foldIn, key } from '../random.ts';
import { bucketedBatches } from '../tasks/buckets.ts';
import { mainMetric } from '../tasks/score.ts';
import type { Batch, Task } from '../tasks/types.ts';
import type { BatchTensors } from './classifier.ts';
import { decays, requireSingleTexts } from './classifier-trainee.ts';
import { evaluateTask } from './evaluate.ts';
import type { BlockModel, Learner } from './learner.ts';
import { smallEncoder } from './small-encoder.ts';
import { recordOf, scheduleOf, type TrainPlan } from './train-plan.ts';
import type { Training } from './training.ts';

export type TaskTraining<P, B> = Training<P, AdamWState, Batch, B>;

/** Examples in a batch of an evaluation, which keeps nothing for a backward pass. */
export const evaluationBatch = (batch: number): number => 2 * batch;

/**
 * `omoe train`: a model on a task. It is upcycled where it begins, so that dense and MoE start from the same function, or left
 * dense.
 */
export function taskTraining<P extends BlockModel, B>(
  plan: TrainPlan,
  task: Task,
  learner: Learner<P, B>,
): TaskTraining<P, B> {
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
    objective: learner,
    optimizer: omoe(
      adamw({ weightDecay: plan.weightDecay, decays }),
      plan.method.omoe ?? { accumulateSteps: 1, orthogonalSteps: 0 },
      foldIn(key(plan.seed), 'rotation'),
    ),
    async start(t: Engine) {
      using scratch = t.region();
      const dense = await learner.dense(scratch, plan.seed);
      return scratch.keep(plan.dense ? dense : learner.upcycle(dense, plan.seed));
    },
    batchOf: bucketedBatches(task, { batch: plan.batch, seed: plan.seed, window: plan.buckets }),
    evaluate: (t, parameters, signal) =>
      evaluateTask(t, learner, parameters, task, { batch: evaluationBatch(plan.batch), signal }),
    metric: mainMetric(task),
  };
}

/**
 * The same of the small encoder of the main job.
 * @throws UsageError for a task whose head the small encoder does not have
 */
export function encoderTraining(plan: TrainPlan, task: Task): TaskTraining<EncoderParameters, BatchTensors> {
  requireSingleTexts('train', task);
  return taskTraining(plan, task, smallEncoder(plan, task));
}
