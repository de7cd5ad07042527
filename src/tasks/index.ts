import { UsageError } from '../errors.ts';
import type { ReadFile } from '../text/lines.ts';
import { embedded } from './embedded.ts';
import { type GlueName, glueNames, loadGlue } from './glue.ts';
import { sampleRows } from './sample.ts';
import type { Task } from './types.ts';

export { collate, evaluationBatches, trainingBatch, trainingBatches } from './batches.ts';
export { detokenize, embedded, embeddedLength, embeddedVocabulary } from './embedded.ts';
export { glueNames, loadGlue } from './glue.ts';
export { accuracy, accuracyMetric, matthewsCorrelation, matthewsMetric } from './metrics.ts';
export type { Batch, Example, Metric, Task } from './types.ts';
export type { ReadFile };

export const taskNames: readonly string[] = ['embedded', ...glueNames];

export interface TaskRequest {
  readonly task: string;
  /** The folder of a real task. */
  readonly data?: string;
  /** A BERT vocab.txt; real tasks need one. */
  readonly vocab?: string;
  /** How to read those files; real tasks need it. In Node: `readFile` of node:fs/promises. */
  readonly read?: ReadFile;
  /** Of the embedded sentences, and of the sample that a limit takes. */
  readonly seed: number;
  /** Positions per sentence. */
  readonly length: number;
  /** At most so many examples, sampled by the seed; null or absent takes all. */
  readonly trainLimit?: number | null;
  readonly devLimit?: number | null;
}

/**
 * A task by name.
 * @throws UsageError for an unknown name or a real task without folder, vocabulary or `read`; DataError for what is wrong in its files
 */
export async function loadTask({
  task,
  data,
  vocab,
  read,
  seed,
  length,
  trainLimit = null,
  devLimit = null,
}: TaskRequest): Promise<Task> {
  if (!Number.isSafeInteger(length) || length < 2)
    throw new UsageError({
      operation: 'load task',
      received: `length ${length}`,
      expected: 'a whole number, at least 2',
    });
  if (task === 'embedded') {
    const whole = embedded({ seed });
    const cut = (split: 'train' | 'dev', limit: number | null) => sampleRows(whole[split], limit, seed, split);
    return { ...whole, length, train: cut('train', trainLimit), dev: cut('dev', devLimit) };
  }
  if (!(glueNames as readonly string[]).includes(task))
    throw new UsageError({
      operation: 'load task',
      received: `the task "${task}"`,
      expected: `one of ${taskNames.join(', ')}`,
    });
  if (data === undefined || vocab === undefined)
    throw new UsageError({
      operation: `load task ${task}`,
      received: `no ${data === undefined ? 'folder (--data)' : 'vocabulary (--vocab)'}`,
      expected: 'the folder of the official files and a BERT vocab.txt',
      advice: 'Only the embedded task needs neither.',
    });
  if (typeof read !== 'function')
    throw new UsageError({
      operation: `load task ${task}`,
      received: 'no way to read files',
      expected: 'read, a function from a path to a promise of its bytes',
      advice: 'In Node pass readFile of node:fs/promises; in a browser a function that fetches.',
    });
  return loadGlue(task as GlueName, { data, vocab, read, seed, length, trainLimit, devLimit });
}
