import { UsageError } from '../errors.ts';
import type { ReadFile } from '../text/lines.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { readWordPieces } from '../text/wordpiece.ts';
import { datasets, findDataset } from './datasets.ts';
import { findDiagnostic, refuseTraining } from './diagnostic.ts';
import { findGenerated, generatedTasks } from './generated.ts';
import { splitRecords, taskOf } from './load.ts';
import { loadNer, nerNames } from './ner/index.ts';
import { loadSquad, squadNames } from './qa/index.ts';
import type { Task } from './types.ts';

export { collate, evaluationBatches, trainingBatch, trainingBatches } from './batches.ts';
export { type Buckets, bucketedBatches, bucketedEvaluation, type PlacedBatch } from './buckets.ts';
export { constantScore } from './constant-score.ts';
export type { Dataset, Records } from './dataset.ts';
export { datasets, findDataset } from './datasets.ts';
export { type Diagnostic, diagnosticNames, findDiagnostic, loadDiagnostic } from './diagnostic.ts';
export { detokenize, embedded, embeddedLength, embeddedVocabulary } from './embedded.ts';
export { embeddedJoinedLength, embeddedJoinedVocabulary, wordsOfJoined } from './embedded-joined.ts';
export { embeddedPairs } from './embedded-pairs.ts';
export { embeddedSpans } from './embedded-spans.ts';
export { embeddedTags, embeddedTagTypes } from './embedded-tags.ts';
export { glueNames, loadGlue } from './glue/index.ts';
export { type LoadOptions, loadDataset, splitRecords } from './load.ts';
export { pearsonCorrelation, spearmanCorrelation } from './metrics/correlation.ts';
export { f1, macroF1 } from './metrics/f1.ts';
export { multircScores, recordScores } from './metrics/reading.ts';
export { accuracy, accuracyMetric, matthewsCorrelation, matthewsMetric } from './metrics.ts';
export {
  type ConllRecords,
  entities,
  entityScores,
  loadNer,
  nerNames,
  parseConll,
  taggingFeatures,
  toIob2,
} from './ner/index.ts';
export { readParquet } from './parquet.ts';
export {
  bestSpans,
  contextWindows,
  evaluateSquad1,
  evaluateSquad2,
  loadSquad,
  normalizeAnswer,
  parseSquad,
  questionFeatures,
  readSquad,
  type SquadRecords,
  splitByArticle,
  squadNames,
} from './qa/index.ts';
export { mainMetric, scoreTask } from './score.ts';
export { parseSource, type Source } from './source.ts';
export { taskSources } from './sources.ts';
export type { TaskSource } from './task-source.ts';
export type {
  Batch,
  Example,
  HeadKind,
  Metric,
  Output,
  Scores,
  Sequence,
  Task,
  TokenSpan,
} from './types.ts';
export { type Answer, answerText, type WrittenLine, type WrittenOptions, writtenExamples } from './written-lines.ts';
export type { ReadFile };

/** Every task that can be trained on; `diagnosticNames` are those that a model of another task answers. */
export const taskNames: readonly string[] = [
  ...generatedTasks.map(({ name }) => name),
  ...datasets.filter(({ diagnosticOf }) => diagnosticOf === undefined).map(({ name }) => name),
  ...squadNames,
  ...nerNames,
];

export interface TaskRequest {
  readonly task: string;
  /** The folder of a real task. */
  readonly data?: string;
  /** What cuts the texts of a real task; or a BERT vocab.txt, which makes one. */
  readonly tokenizer?: Tokenizer;
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
  /** Which part `dev` holds. Default `dev`; `test` only where its labels are public: CoNLL-2003 and WNUT-17. */
  readonly measure?: 'dev' | 'test';
}

const withTest: readonly string[] = ['conll2003', 'wnut17'];

/**
 * A task by name.
 * @throws UsageError for an unknown name, a diagnostic set (`loadDiagnostic` reads those), a real task without folder,
 *   vocabulary or `read`, and a test part without labels; DataError for what is wrong in its files
 */
export async function loadTask({
  task,
  data,
  tokenizer,
  vocab,
  read,
  seed,
  length,
  trainLimit = null,
  devLimit = null,
  measure = 'dev',
}: TaskRequest): Promise<Task> {
  if (!Number.isSafeInteger(length) || length < 2)
    throw new UsageError({
      operation: 'load task',
      received: `length ${length}`,
      expected: 'a whole number, at least 2',
    });
  if (measure === 'test' && !withTest.includes(task))
    throw new UsageError({
      operation: `load task ${task}`,
      received: 'its test part to measure on',
      expected: `dev; only ${withTest.join(' and ')} have a test part with public labels`,
    });
  const generated = findGenerated(task);
  if (generated) {
    // A sentence that is cut still says something; of two texts the end is what the task is about, and tags need their words.
    if (length < generated.length && task !== 'embedded')
      throw new UsageError({
        operation: `load task ${task}`,
        received: `length ${length}`,
        expected: `at least ${generated.length}, which holds every example`,
      });
    return { ...generated.make({ seed, trainLimit, devLimit }), length };
  }
  const diagnostic = findDiagnostic(task);
  if (diagnostic) throw refuseTraining('load task', diagnostic);
  if (!taskNames.includes(task))
    throw new UsageError({
      operation: 'load task',
      received: `the task "${task}"`,
      expected: `one of ${taskNames.join(', ')}`,
    });
  if (data === undefined || (vocab === undefined && tokenizer === undefined))
    throw new UsageError({
      operation: `load task ${task}`,
      received: `no ${data === undefined ? 'folder (--data)' : 'vocabulary (--vocab)'}`,
      expected: 'the folder of the official files and a BERT vocab.txt',
      advice: 'Only the embedded tasks need neither.',
    });
  if (typeof read !== 'function')
    throw new UsageError({
      operation: `load task ${task}`,
      received: 'no way to read files',
      expected: 'read, a function from a path to a promise of its bytes',
      advice: 'In Node pass readFile of node:fs/promises; in a browser a function that fetches.',
    });
  const cut = async (): Promise<Tokenizer> => tokenizer ?? (await readWordPieces(vocab!, read)).tokenizer;
  const options = { data, read, seed, length, trainLimit, devLimit };
  if (isOneOf(squadNames, task)) return loadSquad(task, { ...options, tokenizer: await cut() });
  if (isOneOf(nerNames, task)) return loadNer(task, { ...options, measure, tokenizer: await cut() });
  const dataset = findDataset(task)!;
  // The files are looked at first: a folder that is wrong is said so before a vocabulary that is.
  const records = await splitRecords(dataset, data, read);
  return taskOf(dataset, records, { ...options, tokenizer: await cut() });
}

const isOneOf = <Name extends string>(names: readonly Name[], name: string): name is Name =>
  (names as readonly string[]).includes(name);
