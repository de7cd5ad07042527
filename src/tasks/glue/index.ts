/** GLUE's tasks as data sets: rows of their files, examples, metrics. */

import type { Tokenizer } from '../../text/tokenizer.ts';
import { readWordPieces } from '../../text/wordpiece.ts';
import { type Counts, type Dataset, hiddenLabel } from '../dataset.ts';
import { type LoadOptions, splitRecords, taskOf } from '../load.ts';
import { pearsonCorrelation, spearmanCorrelation } from '../metrics/correlation.ts';
import { f1 } from '../metrics/f1.ts';
import { accuracy, matthewsCorrelation, multiclassCorrelation } from '../metrics.ts';
import { checkOutputs, choicesOf } from '../outputs.ts';
import type { Example, Output, Scores, Task } from '../types.ts';
import { type GlueRow, glueRecords, layoutOf } from './parse.ts';
import { type GlueMetric, type GlueName, type GlueTask, glueNames, glueTable } from './table.ts';

export { type GlueRow, parseGlue } from './parse.ts';
export { type GlueName, glueNames } from './table.ts';

type Measure = (predicted: ArrayLike<number>, labels: ArrayLike<number>) => number;
const meanOf =
  (a: Measure, b: Measure): Measure =>
  (predicted, labels) =>
    (a(predicted, labels) + b(predicted, labels)) / 2;

const measures: Readonly<Record<GlueMetric, Measure>> = {
  accuracy,
  'accuracy mismatched': accuracy,
  matthews: matthewsCorrelation,
  f1,
  'accuracy-f1': meanOf(accuracy, f1),
  pearson: pearsonCorrelation,
  spearman: spearmanCorrelation,
  'pearson-spearman': meanOf(pearsonCorrelation, spearmanCorrelation),
};

const countsOf = (task: GlueTask, rows: readonly GlueRow[]): Counts => {
  const labels = Object.fromEntries(task.classes.map((name) => [name, 0]));
  let [hidden, empty, sum] = [0, 0, 0];
  for (const { sentence, pair, label } of rows) {
    if (label === null) hidden++;
    else if (task.classes.length > 0) labels[task.classes[label]]++;
    else sum += label;
    if (sentence === '' || pair === '') empty++;
  }
  const mean = Math.round((100 * sum) / rows.length) / 100;
  return {
    labels: hidden === rows.length ? {} : labels,
    others: { 'hidden labels': hidden, 'empty texts': empty, 'mean score': mean },
  };
};

const exampleOf = ({ sentence, pair, label }: GlueRow, tokenizer: Tokenizer, length?: number): Example => {
  const second = pair === undefined ? null : tokenizer.pieces(pair);
  const { tokens, segments } = tokenizer.join(tokenizer.pieces(sentence), second, length);
  return { tokens, label: label ?? hiddenLabel, ...(second === null ? {} : { segments }) };
};

/** The metrics of a task but for MNLI's second dev file, which the loader puts beside the first. */
const scoreOf = (task: GlueTask, rows: readonly GlueRow[], outputs: readonly Output[]): Scores => {
  const regress = task.classes.length === 0;
  const width = regress ? 1 : task.classes.length;
  checkOutputs(task.title, outputs, rows.length, width, regress ? 'regress' : 'classify');
  const predicted = regress ? outputs.map(([value]) => value) : choicesOf(outputs);
  const labels = rows.map(({ label }) => label ?? hiddenLabel);
  const own = task.metrics.filter((name) => name !== 'accuracy mismatched');
  const measureOf = (name: GlueMetric) =>
    name === 'matthews' && task.classes.length > 2 ? multiclassCorrelation : measures[name];
  return Object.fromEntries(own.map((name) => [name, measureOf(name)(predicted, labels)]));
};

const datasetOf = (name: GlueName): Dataset<GlueRow> => {
  const task: GlueTask = glueTable[name];
  const { title, about, licence, parts, classes, metrics, unit, diagnosticOf } = task;
  return {
    name,
    title,
    suite: 'GLUE',
    about,
    licence,
    layout: task.jsonl ? `${layoutOf(task)}; or JSONL with ${task.jsonl.join(', ')}, label` : layoutOf(task),
    parts,
    head: classes.length === 0 ? 'regress' : 'classify',
    classes,
    metrics,
    diagnosticOf,
    pairs: task.texts.length === 2,
    spans: 0,
    choices: 0,
    unit: unit?.name ?? null,
    texts: ({ sentence, pair }) => (unit?.texts ?? [0]).map((which) => (which === 0 ? sentence : (pair ?? ''))),
    sentences: ({ sentence, pair }) => (pair === undefined ? [sentence] : [sentence, pair]),
    records: (source, labels) => glueRecords(name, source, labels),
    counts: (rows) => countsOf(task, rows),
    examples: (rows, tokenizer, length) => rows.map((row) => exampleOf(row, tokenizer, length)),
    score: (rows, _, outputs) => scoreOf(task, rows, outputs),
  };
};

export const glueDatasets: readonly Dataset<GlueRow>[] = glueNames.map(datasetOf);

/** The same with a BERT vocab.txt for a tokenizer. */
export interface GlueOptions extends Omit<LoadOptions, 'tokenizer'> {
  readonly vocab: string;
}

/**
 * Loads a task of GLUE.
 *
 * @throws DataError for a missing folder, file or vocabulary, bytes that are not UTF-8, or a malformed line (named);
 *   UsageError for a limit below 1.
 */
export const loadGlue = async (glue: GlueName, { vocab, ...options }: GlueOptions): Promise<Task> => {
  const dataset = datasetOf(glue);
  // The files are looked at first: a folder that is wrong is said so before a vocabulary that is.
  const records = await splitRecords(dataset, options.data, options.read);
  return taskOf(dataset, records, { ...options, tokenizer: (await readWordPieces(vocab, options.read)).tokenizer });
};
