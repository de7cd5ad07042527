import { ShapeError } from '../errors.ts';
import { foldIn, key, permutation } from '../random.ts';
import { collate, requireCount } from './collate.ts';
import { endlessLine } from './endless-line.ts';
import type { Batch, Example, Task } from './types.ts';

/**
 * Batches of examples of like length, so that little of a batch is padding.
 *
 * The training examples stand in one endless line, epoch after epoch, as in `trainingBatches`. A window is the next
 * batch · window places of it; its examples are sorted by length, cut into batches, and the batches shuffled. So every epoch
 * still visits each example once, the order is as random as a window is long, and a batch depends on seed and step alone.
 */

export interface Buckets {
  readonly batch: number;
  readonly seed: number;
  /** Batches in a window. Default 32; 1 leaves the examples of a batch where `trainingBatches` has them. */
  readonly window?: number;
  /** Lengths are rounded up to a multiple of it, so that only a few shapes occur. Default 8. */
  readonly multiple?: number;
}

/** Tokens of the longest sequence of an example. */
export const lengthOf = ({ tokens, choices }: Example): number =>
  choices ? choices.reduce((most, choice) => Math.max(most, choice.tokens.length), 0) : tokens.length;

/** The longest of the examples, rounded up to the multiple, at least 1 and at most what the task allows. */
export function paddedLength(examples: readonly Example[], most: number, multiple = 8): number {
  const longest = examples.reduce((length, example) => Math.max(length, lengthOf(example)), 1);
  return Math.min(most, Math.ceil(longest / multiple) * multiple);
}

/**
 * The training batches of a run as a function of the step, from 0.
 * @throws UsageError for sizes below 1, a step below 0 or a seed that `key` does not take; ShapeError without training examples
 */
export function bucketedBatches(
  task: Task,
  { batch, seed, window = 32, multiple = 8 }: Buckets,
): (step: number) => Batch {
  requireCount('bucketed batch', 'batch', batch, 1);
  requireCount('bucketed batch', 'window', window, 1);
  requireCount('bucketed batch', 'multiple', multiple, 1);
  const n = task.train.length;
  if (n === 0)
    throw new ShapeError({
      operation: 'bucketed batch',
      received: `task ${task.name} without training examples`,
      expected: 'at least one',
    });
  const line = endlessLine(n, foldIn(key(seed), 'order'));
  const shuffle = foldIn(key(seed), 'windows');
  // The last window is remembered; that changes the speed, not the results.
  let current = { number: -1, batches: [] as Example[][] };
  const batchesOf = (number: number): Example[][] => {
    const examples = Array.from(
      { length: batch * window },
      (_, i) => task.train[line(number * batch * window + i).index],
    );
    examples.sort((a, b) => lengthOf(a) - lengthOf(b)); // stable: ties stay in the order of the line
    const slots = permutation(foldIn(shuffle, number), window);
    return Array.from(slots, (slot) => examples.slice(slot * batch, (slot + 1) * batch));
  };
  return (step) => {
    requireCount('bucketed batch', 'step', step, 0);
    const number = Math.floor(step / window);
    if (current.number !== number) current = { number, batches: batchesOf(number) };
    const examples = current.batches[step % window];
    return collate(examples, paddedLength(examples, task.length, multiple), task.padToken, task.head);
  };
}

/** A batch, and where its examples stand among all that are evaluated. */
export interface PlacedBatch extends Batch {
  /** [size] */
  readonly places: Int32Array;
}

/**
 * All examples once, sorted by length, in batches of `batch`; `places` gives back their order.
 * @throws UsageError for sizes below 1
 */
export function* bucketedEvaluation(
  examples: readonly Example[],
  { length, padToken, head }: Pick<Task, 'length' | 'padToken' | 'head'>,
  { batch, multiple = 8 }: { readonly batch: number; readonly multiple?: number },
): Generator<PlacedBatch> {
  requireCount('evaluation batches', 'batch', batch, 1);
  requireCount('evaluation batches', 'multiple', multiple, 1);
  const sorted = Int32Array.from(examples.keys()).sort(
    (a, b) => lengthOf(examples[a]) - lengthOf(examples[b]) || a - b,
  );
  for (let from = 0; from < sorted.length; from += batch) {
    const places = sorted.slice(from, from + batch);
    const members = Array.from(places, (place) => examples[place]);
    yield { ...collate(members, paddedLength(members, length, multiple), padToken, head), places };
  }
}
