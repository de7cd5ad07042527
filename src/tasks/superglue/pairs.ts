/** The tasks of SuperGLUE that classify a pair of texts: BoolQ, CB, and the diagnostics AX-b and AX-g. */
import * as v from 'valibot';
import type { Dataset, Part } from '../dataset.ts';
import { hiddenLabel } from '../dataset.ts';
import { macroF1 } from '../metrics/f1.ts';
import { accuracy, matthewsCorrelation } from '../metrics.ts';
import { checkOutputs, choicesOf } from '../outputs.ts';
import type { Scores } from '../types.ts';
import { countLabels, superglueParts } from './common.ts';
import { check, labelOf, readObjects, words } from './objects.ts';

export interface TextPair {
  /** The text that comes first in the model's input. */
  readonly first: string;
  readonly second: string;
  readonly label: number | null;
}

interface PairTask {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly licence: string;
  /** The fields of the two texts. */
  readonly fields: readonly [string, string];
  readonly classes: readonly string[];
  /** What the files write for the classes. */
  readonly labels: readonly unknown[];
  readonly metrics: readonly string[];
  readonly parts?: readonly Part[];
  readonly diagnosticOf?: string;
  readonly unit?: string;
  score(predicted: Int32Array, labels: readonly number[]): Scores;
}

const entailment = ['entailment', 'not_entailment'];

const pairTasks: readonly PairTask[] = [
  {
    // Clark et al. 2019.
    name: 'boolq',
    title: 'BoolQ',
    about: 'is the answer to the question yes, by the passage?',
    licence: 'CC BY-SA 3.0',
    fields: ['question', 'passage'],
    classes: ['false', 'true'],
    labels: [false, true],
    metrics: ['accuracy'],
    unit: 'passage',
    score: (predicted, labels) => ({ accuracy: accuracy(predicted, labels) }),
  },
  {
    // De Marneffe et al. 2019.
    name: 'cb',
    title: 'CB',
    about: 'does the text commit its author to the hypothesis, to its contrary, or to neither?',
    licence: 'none stated; CommitmentBank',
    fields: ['premise', 'hypothesis'],
    classes: ['entailment', 'contradiction', 'neutral'],
    labels: ['entailment', 'contradiction', 'neutral'],
    metrics: ['accuracy-macro-f1', 'accuracy', 'macro-f1'],
    score: (predicted, labels) => {
      const [share, mean] = [accuracy(predicted, labels), macroF1(predicted, labels)];
      return { 'accuracy-macro-f1': (share + mean) / 2, accuracy: share, 'macro-f1': mean };
    },
  },
  {
    name: 'axb',
    title: 'AX-b',
    about: 'the broad diagnostic set: measured on a model of RTE, no training file',
    licence: 'for research',
    fields: ['sentence1', 'sentence2'],
    classes: entailment,
    labels: entailment,
    metrics: ['matthews'],
    parts: [{ name: 'dev', split: 'dev', files: ['AX-b.jsonl', 'test-00000-of-00001.parquet'] }],
    diagnosticOf: 'rte',
    score: (predicted, labels) => ({ matthews: matthewsCorrelation(predicted, labels) }),
  },
  {
    // Rudinger et al. 2018, as SuperGLUE has it.
    name: 'axg',
    title: 'AX-g',
    about: 'the Winogender diagnostic set: measured on a model of RTE, no training file',
    licence: 'MIT',
    fields: ['premise', 'hypothesis'],
    classes: entailment,
    labels: entailment,
    metrics: ['accuracy'],
    parts: [{ name: 'dev', split: 'dev', files: ['AX-g.jsonl', 'test-00000-of-00001.parquet'] }],
    diagnosticOf: 'rte',
    score: (predicted, labels) => ({ accuracy: accuracy(predicted, labels) }),
  },
];

const datasetOf = (task: PairTask): Dataset<TextPair> => {
  const { name, title, about, licence, classes, metrics, diagnosticOf } = task;
  const [one, two] = task.fields;
  const schema = v.looseObject({ [one]: words, [two]: words });
  // BoolQ's passage, which several questions may be about, comes second.
  const shared = ({ first, second }: TextPair): string => (one === 'question' ? second : first);
  return {
    name,
    title,
    suite: 'SuperGLUE',
    about,
    licence,
    layout: `JSONL with ${one}, ${two}, label`,
    parts: task.parts ?? superglueParts,
    head: 'classify',
    classes,
    metrics,
    diagnosticOf,
    pairs: true,
    spans: 0,
    choices: 0,
    unit: task.unit ?? null,
    texts: (row) => [shared(row)],
    sentences: ({ first, second }) => [first, second],
    records: (source, labels) =>
      readObjects(title, source, labels, (value, origin) => {
        const cells: Record<string, unknown> = check(schema, value, origin);
        const [first, second] = [String(cells[one]).trim(), String(cells[two]).trim()];
        return [{ first, second, label: labelOf(cells.label, task.labels, origin) }];
      }),
    counts: (rows) => ({
      labels: countLabels(classes, rows),
      others: task.unit ? { [`${task.unit}s`]: new Set(rows.map(shared)).size } : {},
    }),
    examples: (rows, tokenizer, length) =>
      rows.map(({ first, second, label }) => {
        const { tokens, segments } = tokenizer.join(tokenizer.pieces(first), tokenizer.pieces(second), length);
        return { tokens, segments, label: label ?? hiddenLabel };
      }),
    score: (rows, _, outputs) => {
      checkOutputs(title, outputs, rows.length, classes.length);
      return task.score(
        choicesOf(outputs),
        rows.map(({ label }) => label ?? hiddenLabel),
      );
    },
  };
};

export const pairDatasets: readonly Dataset<TextPair>[] = pairTasks.map(datasetOf);
