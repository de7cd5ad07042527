import type { Engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { type EncoderParameters, encoder, initEncoder } from '../nn/encoder.ts';
import { foldIn, key } from '../random.ts';
import type { Task } from '../tasks/types.ts';
import { type BatchTensors, type ClassifierPlan, classifierLoss, encoderOptions, upload } from './classifier.ts';
import type { Trainee } from './objective.ts';

/** The sentence classifier of the main job, as a trainer sees it. */
export const classifierTrainee = (plan: ClassifierPlan): Trainee<EncoderParameters, BatchTensors> => ({
  upload,
  loss: (parameters, batch, recording) => classifierLoss(parameters, batch, plan, recording),
  // Dropless: under a capacity a sentence's answer would depend on the batch it happens to stand in.
  predict: (parameters, batch) => encoder(parameters, batch, { ...encoderOptions(plan), capacityFactor: null }).logits,
});

/** The dense encoder that a seed begins with. */
export const newEncoder = (
  t: Engine,
  plan: Pick<ClassifierPlan, 'model'>,
  task: Task,
  seed: number,
): EncoderParameters =>
  initEncoder(t, foldIn(key(seed), 'dense'), {
    vocabulary: task.vocabularySize,
    positions: task.length,
    width: plan.model.width,
    hidden: plan.model.ffn,
    heads: plan.model.heads,
    layers: plan.model.layers,
    classes: task.classes.length,
  });

/**
 * The small encoder answers with a class, from one text: it has neither segments nor other heads.
 * @throws UsageError for a task that asks for more
 */
export function requireSingleTexts(command: string, task: Task): void {
  const { head = 'classify', spans = 0 } = task;
  const paired = task.train.some(({ segments }) => segments?.some((segment) => segment !== 0));
  if (head === 'classify' && spans === 0 && !paired) return;
  throw new UsageError({
    operation: `${command} --task ${task.name}`,
    received: head !== 'classify' ? `the head ${head}` : spans > 0 ? 'marked words' : 'pairs of texts',
    expected: 'classes of single texts',
    advice: '`omoe/models` and `omoe/train` have the parts for the others.',
  });
}

/** Norms and biases are not pulled toward 0, as is usual in fine-tuning. */
export const decays = (path: string): boolean => !/(^|\.)(bias|norm\d?\.weight)$/.test(path);
