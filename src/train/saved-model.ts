import type { Engine } from '../engine.ts';
import { DataError, UsageError } from '../errors.ts';
import { longestInput, type ModelConfig } from '../models/config.ts';
import {
  areMadeUp,
  type HeadSpec,
  loadModel,
  readModelConfig,
  savedClasses,
  savedHead,
  savedLength,
  savedTrainedOn,
  type TrainedOn,
} from '../models/folder.ts';
import type { ModelParameters } from '../models/parameters.ts';
import { taskModel } from '../models/task-model.ts';
import type { Task } from '../tasks/types.ts';
import type { ReadFile } from '../text/lines.ts';
import { type Trainee, taskTrainee } from './objective.ts';
import { headOf } from './pretrained.ts';
import type { TaskTensors } from './upload.ts';

/** A model with its head, as `omoe train --model` leaves it, to be evaluated and used. */
export interface SavedModel {
  readonly folder: string;
  readonly config: ModelConfig;
  readonly head: HeadSpec;
  /** Of `classify` and `tag`: as many as the head's outputs; empty for the other heads. */
  readonly classes: readonly string[];
  /** Whether somebody gave the classes these names; else they are LABEL_0, LABEL_1, … */
  readonly named: boolean;
  /** The positions it was trained on; 128, or fewer, where the folder does not say. */
  readonly length: number;
  /** null where the folder does not say. */
  readonly trainedOn: TrainedOn | null;
}

/** Longer examples are rare in the tasks that such heads are for. */
const usualLength = 128;

/** What a folder says of its head, without reading its weights. @throws DataError for a folder without a head */
export async function readSavedModel(folder: string, read: ReadFile): Promise<SavedModel> {
  const config = await readModelConfig(folder, read);
  const head = savedHead(config);
  if (!head)
    throw new DataError({
      operation: `load ${folder}`,
      received: 'a model without the head of a task',
      expected: 'one that was trained on a task',
      advice: 'omoe train --model trains one and leaves it in model/ of its run folder.',
    });
  const length = savedLength(config) ?? Math.min(usualLength, longestInput(config));
  const trainedOn = savedTrainedOn(config);
  if (head.kind !== 'classify' && head.kind !== 'tag')
    return { folder, config, head, classes: [], named: false, length, trainedOn };
  const classes = savedClasses(config) ?? Array.from({ length: head.outputs }, (_, i) => `LABEL_${i}`);
  if (classes.length !== head.outputs)
    throw new DataError({
      operation: `load ${folder}`,
      received: `${classes.length} names of classes for a head of ${head.outputs}`,
      expected: 'one for each (id2label in config.json)',
    });
  return { folder, config, head, classes, named: !areMadeUp(classes), length, trainedOn };
}

/** @throws DataError as `loadModel` */
export const loadSavedModel = async (
  t: Engine,
  { folder, head }: SavedModel,
  read: ReadFile,
): Promise<ModelParameters> => (await loadModel(t, folder, read, { head })).parameters;

/** What the model says; nothing is dropped, and no expert has a capacity. */
export const predictorOf = ({
  config,
  head,
}: SavedModel): Pick<Trainee<ModelParameters, TaskTensors>, 'upload' | 'predict'> =>
  taskTrainee(taskModel(config, head), head.kind, { balanceLoss: 0, zLoss: 0 });

/**
 * @throws UsageError for a task that this head does not answer: another kind, marked words, other classes or the same in
 *   another order; and for examples that the model cannot take
 */
export function requireTask({ folder, config, head, classes, named }: SavedModel, task: Task): void {
  const refuse = (received: string, expected: string, advice?: string) =>
    new UsageError({ operation: `${folder} on ${task.name}`, received, expected, advice });
  const asked = headOf(task);
  if (head.kind !== asked.kind) throw refuse(`a head that does ${head.kind}`, asked.kind);
  if (head.spans !== asked.spans) throw refuse(`a head for ${head.spans} marked words`, `${asked.spans}`);
  if (head.outputs !== asked.outputs)
    throw refuse(
      `a head of ${head.outputs} classes${named ? `: ${classes.join(', ')}` : ''}`,
      `${asked.outputs}: ${task.classes.join(', ')}`,
    );
  if (named && classes.some((name, i) => name !== task.classes[i])) {
    const same = new Set(task.classes);
    const order = classes.every((name) => same.has(name)) ? ' in this order' : '';
    throw refuse(
      `a head for the classes ${classes.join(', ')}`,
      `${task.classes.join(', ')}${order}`,
      'If they mean the same, say so in id2label and label2id of its config.json.',
    );
  }
  if (task.length > longestInput(config))
    throw refuse(`${task.length} positions`, `at most ${longestInput(config)}`, 'Use a smaller --length.');
  requireVocabulary({ folder, config }, task.vocabularySize);
}

/** @throws DataError for a tokenizer that knows more pieces than the model */
export function requireVocabulary({ folder, config }: Pick<SavedModel, 'folder' | 'config'>, size: number): void {
  if (size <= config.vocabulary) return;
  throw new DataError({
    operation: `load ${folder}`,
    received: `${size} word pieces and a model of ${config.vocabulary}`,
    expected: 'a model that has a vector for each',
  });
}
