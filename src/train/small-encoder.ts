import { type EncoderParameters, encoder, upcycleEncoder } from '../nn/encoder.ts';
import { foldIn, key } from '../random.ts';
import { trainingBatches } from '../tasks/batches.ts';
import type { Task } from '../tasks/types.ts';
import { type BatchTensors, type ClassifierPlan, encoderOptions } from './classifier.ts';
import { classifierTrainee, newEncoder } from './classifier-trainee.ts';
import type { Learner } from './learner.ts';

/** The encoder of the main job, drawn afresh by the seed. */
export const smallEncoder = (
  plan: ClassifierPlan & { readonly batch: number },
  task: Task,
): Learner<EncoderParameters, BatchTensors> => ({
  ...classifierTrainee(plan),
  activation: 'gelu',
  dense: async (t, seed) => newEncoder(t, plan, task, seed),
  upcycle: (dense, seed) => upcycleEncoder(dense, plan.model.experts, foldIn(key(seed), 'upcycle')),
  batchesOf: (seed) => trainingBatches(task, { batch: plan.batch, seed }),
  layers: (parameters, batch) => encoder(parameters, batch, { ...encoderOptions(plan), capacityFactor: null }).layers,
});
