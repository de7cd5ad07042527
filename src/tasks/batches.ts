import { ShapeError } from '../errors.ts';
import { foldIn, key } from '../random.ts';
import { collate, requireCount } from './collate.ts';
import { endlessLine } from './endless-line.ts';
import type { Batch, Example, HeadKind, Task } from './types.ts';

export { collate };

/**
 * The training batches of a run, as a function of the step (from 0).
 *
 * Epoch e visits the n training examples in the order permutation(foldIn(foldIn(key(seed), 'order'), e)). The epochs
 * stand one after the other, and step s takes places s·batch … s·batch + batch − 1 of that endless line. So a batch
 * depends on seed and step alone, resuming equals never having stopped, every batch is full, and any `batch` works.
 *
 * @throws UsageError for a batch below 1, a step below 0 or a seed that `key` does not take; ShapeError without
 *   training examples.
 */
export const trainingBatches = (
  task: Task,
  { batch, seed }: { readonly batch: number; readonly seed: number },
): ((step: number) => Batch) => {
  requireCount('training batch', 'batch', batch, 1);
  const n = task.train.length;
  if (n === 0)
    throw new ShapeError({
      operation: 'training batch',
      received: `task ${task.name} without training examples`,
      expected: 'at least one',
    });
  const line = endlessLine(n, foldIn(key(seed), 'order'));
  return (step) => {
    requireCount('training batch', 'step', step, 0);
    const examples = Array.from({ length: batch }, (_, i) => task.train[line(step * batch + i).index]);
    return collate(examples, task.length, task.padToken, task.head);
  };
};

/** One batch of {@link trainingBatches}; where many steps follow each other, keep that function instead. */
export const trainingBatch = (
  task: Task,
  { batch, seed, step }: { readonly batch: number; readonly seed: number; readonly step: number },
): Batch => trainingBatches(task, { batch, seed })(step);

/**
 * All examples once, in their order, in batches of `batch`; the last one is smaller where they do not come out even.
 *
 * @param length positions per sentence; @param pad the padding token; @param head what the examples are for.
 * @throws UsageError for a batch or length below 1.
 */
export const evaluationBatches = (
  examples: readonly Example[],
  batch: number,
  length: number,
  pad: number,
  head: HeadKind = 'classify',
): readonly Batch[] => {
  requireCount('evaluation batches', 'batch', batch, 1);
  requireCount('evaluation batches', 'length', length, 1);
  const count = Math.ceil(examples.length / batch);
  return Array.from({ length: count }, (_, b) =>
    collate(examples.slice(b * batch, (b + 1) * batch), length, pad, head),
  );
};
