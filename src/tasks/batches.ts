import { ShapeError, UsageError } from '../errors.ts';
import { foldIn, key, permutation } from '../random.ts';
import type { Batch, Example, Task } from './types.ts';

const requireCount = (operation: string, name: string, value: number, least: number): void => {
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError({ operation, received: `${name} ${value}`, expected: `a whole number, at least ${least}` });
};

/**
 * Writes one sentence into its row. A sentence that is too long loses what stands before its last token: the first
 * `length − 1` tokens and the last one stay, so [CLS] and the final [SEP] do.
 */
const writeRow = (tokens: Int32Array, row: Int32Array): void => {
  if (tokens.length <= row.length) {
    row.set(tokens);
    return;
  }
  row.set(tokens.subarray(0, row.length));
  if (row.length > 1) row[row.length - 1] = tokens[tokens.length - 1];
};

/**
 * Puts examples side by side: tokens and mask [size · length], labels [size], domains [size] or null.
 * The length is given, not taken from the longest sentence, so shapes never depend on data. The mask comes from the
 * sentences' lengths, not from the padding token; a sentence without tokens gives a row that is all padding.
 *
 * @throws UsageError for a length below 1; ShapeError where only some examples have a domain.
 */
export const collate = (examples: readonly Example[], length: number, pad: number): Batch => {
  requireCount('batch', 'length', length, 1);
  const size = examples.length;
  const tokens = new Int32Array(size * length).fill(pad);
  const mask = new Uint8Array(size * length);
  const labels = new Int32Array(size);
  const withDomain = examples.filter((example) => example.domain !== undefined).length;
  if (withDomain !== 0 && withDomain !== size)
    throw new ShapeError({
      operation: 'batch',
      received: `${withDomain} of ${size} examples with a domain`,
      expected: 'all of them or none',
    });
  const domains = withDomain > 0 ? new Int32Array(size) : null;
  for (const [row, example] of examples.entries()) {
    writeRow(example.tokens, tokens.subarray(row * length, (row + 1) * length));
    mask.fill(1, row * length, row * length + Math.min(example.tokens.length, length));
    labels[row] = example.label;
    if (domains) domains[row] = example.domain!;
  }
  return { tokens, mask, labels, domains, size, length };
};

/**
 * The training batches of a run, as a function of the step (from 0).
 *
 * Epoch e visits the n training examples in the order permutation(foldIn(foldIn(key(seed), 'order'), e)). The epochs
 * stand one after the other, and step s takes places s·batch … s·batch + batch − 1 of that endless line. So a batch
 * depends on seed and step alone, resuming equals never having stopped, every batch is full, and any `batch` works.
 * The function remembers the last epoch's order; that changes its speed, not its results.
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
  const stream = foldIn(key(seed), 'order');
  let remembered: { epoch: number; order: Int32Array } = { epoch: -1, order: new Int32Array(0) };
  const orderOf = (epoch: number): Int32Array => {
    if (remembered.epoch !== epoch) remembered = { epoch, order: permutation(foldIn(stream, epoch), n) };
    return remembered.order;
  };
  return (step) => {
    requireCount('training batch', 'step', step, 0);
    const examples = Array.from({ length: batch }, (_, i) => {
      const place = step * batch + i;
      return task.train[orderOf(Math.floor(place / n))[place % n]];
    });
    return collate(examples, task.length, task.padToken);
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
 * @param length positions per sentence; @param pad the padding token.
 * @throws UsageError for a batch or length below 1.
 */
export const evaluationBatches = (
  examples: readonly Example[],
  batch: number,
  length: number,
  pad: number,
): readonly Batch[] => {
  requireCount('evaluation batches', 'batch', batch, 1);
  requireCount('evaluation batches', 'length', length, 1);
  const count = Math.ceil(examples.length / batch);
  return Array.from({ length: count }, (_, b) => collate(examples.slice(b * batch, (b + 1) * batch), length, pad));
};
