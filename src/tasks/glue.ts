/**
 * GLUE's single-sentence tasks (Wang et al. 2018) in the official TSV layout, with word pieces of a BERT vocabulary.
 *
 * - CoLA (Warstadt et al. 2019): is the sentence acceptable English? No header; four columns: source, label,
 *   the authors' own mark (`*` or empty), sentence. Reported: Matthews correlation.
 * - SST-2 (Socher et al. 2013): is the phrase of a film review positive? Header `sentence`, `label`; columns are found by
 *   these names. Reported: accuracy.
 *
 * The files have no quoting: a quote is a letter like any other. Lines are split as `splitLines` says, then at tabs.
 * `test.tsv` is not read: its labels are not public, and dev is what everybody reports.
 */
import { DataError } from '../errors.ts';
import { type ReadFile, readLines } from '../text/lines.ts';
import { readWordPieces } from '../text/wordpiece.ts';
import { accuracyMetric, matthewsMetric } from './metrics.ts';
import { sampleRows } from './sample.ts';
import type { Example, Metric, Task } from './types.ts';

interface GlueTask {
  readonly title: string;
  /** Labels in the files are the indices into these. */
  readonly classes: readonly string[];
  readonly metric: Metric;
  /** Columns by name: taken from the file's first line, or fixed where the files have no header. */
  readonly columns: readonly string[];
  readonly header: boolean;
}

const glueTasks = {
  cola: {
    title: 'CoLA',
    classes: ['unacceptable', 'acceptable'],
    metric: matthewsMetric,
    columns: ['source', 'label', 'mark', 'sentence'],
    header: false,
  },
  sst2: {
    title: 'SST-2',
    classes: ['negative', 'positive'],
    metric: accuracyMetric,
    columns: ['sentence', 'label'],
    header: true,
  },
} satisfies Record<string, GlueTask>;

export type GlueName = keyof typeof glueTasks;
export const glueNames: readonly GlueName[] = ['cola', 'sst2'];

/** One line of a file, before any tokenisation. */
export interface GlueRow {
  readonly sentence: string;
  readonly label: 0 | 1;
}

const layout = ({ columns, header }: GlueTask): string =>
  `${columns.length} tab-separated columns (${columns.join(', ')}), ${header ? 'named in the first line' : 'no header'}`;

/** Where each of the task's columns stands. */
const findColumns = (task: GlueTask, lines: readonly string[], name: string): { width: number; at: number[] } => {
  if (!task.header) return { width: task.columns.length, at: task.columns.map((_, index) => index) };
  const names = lines[0].split('\t');
  const at = task.columns.map((column) => names.indexOf(column));
  if (at.includes(-1))
    throw new DataError({
      operation: `read ${task.title}`,
      received: `the header ${JSON.stringify(lines[0].slice(0, 80))} at ${name}:1`,
      expected: layout(task),
      advice: names[0] === 'index' ? 'This looks like test.tsv, which has no labels.' : undefined,
    });
  return { width: names.length, at };
};

/**
 * The rows of one file of a GLUE task.
 *
 * @param lines the file's lines; @param name its path, for errors.
 * @throws DataError naming file and line for a missing header, a wrong number of columns, a label other than 0 and 1,
 *   or a sentence of nothing but spaces; and for a file without rows.
 */
export const parseGlue = (glue: GlueName, lines: readonly string[], name: string): GlueRow[] => {
  const task: GlueTask = glueTasks[glue];
  const { width, at } = findColumns(task, lines, name);
  const [sentenceAt, labelAt] = [at[task.columns.indexOf('sentence')], at[task.columns.indexOf('label')]];
  const fault = (line: number, received: string, expected: string): DataError =>
    new DataError({ operation: `read ${task.title}`, received: `${received} at ${name}:${line}`, expected });
  const rows: GlueRow[] = [];
  for (let i = task.header ? 1 : 0; i < lines.length; i++) {
    const cells = lines[i].split('\t');
    if (cells.length !== width) throw fault(i + 1, `${cells.length} columns`, `${width}: ${layout(task)}`);
    const label = cells[labelAt];
    if (label !== '0' && label !== '1') throw fault(i + 1, `the label ${JSON.stringify(label.slice(0, 40))}`, '0 or 1');
    // SST-2 ends every sentence with a space, which means nothing.
    const sentence = cells[sentenceAt].trim();
    if (sentence === '') throw fault(i + 1, 'an empty sentence', 'a sentence');
    rows.push({ sentence, label: label === '1' ? 1 : 0 });
  }
  if (rows.length === 0) throw fault(lines.length, 'a header and no rows', 'at least one row');
  return rows;
};

export interface GlueOptions {
  /** The folder with train.tsv and dev.tsv. */
  readonly data: string;
  /** A BERT vocab.txt. */
  readonly vocab: string;
  readonly read: ReadFile;
  readonly seed: number;
  /** Positions per sentence. */
  readonly length: number;
  /** At most so many examples, sampled by the seed; null takes all. Only these are tokenised. */
  readonly trainLimit: number | null;
  readonly devLimit: number | null;
}

/**
 * Loads CoLA or SST-2.
 *
 * @throws DataError for a missing folder, file or vocabulary, bytes that are not UTF-8, or a malformed line (named);
 *   UsageError for a limit below 1.
 */
export const loadGlue = async (glue: GlueName, options: GlueOptions): Promise<Task> => {
  const { data, vocab, read, seed, length, trainLimit, devLimit } = options;
  const task: GlueTask = glueTasks[glue];
  const rowsOf = async (split: 'train' | 'dev'): Promise<GlueRow[]> => {
    const path = `${data.replace(/\/+$/, '')}/${split}.tsv`;
    const expected = `${split}.tsv of GLUE's ${task.title} in the folder of the data: ${layout(task)}`;
    return parseGlue(glue, await readLines(path, expected, read), path);
  };
  const [train, dev] = [await rowsOf('train'), await rowsOf('dev')];
  const pieces = await readWordPieces(vocab, read);
  const encode = ({ sentence, label }: GlueRow): Example => ({ tokens: pieces.encode(sentence), label });
  return {
    name: glue,
    source: data,
    train: sampleRows(train, trainLimit, seed, 'train').map(encode),
    dev: sampleRows(dev, devLimit, seed, 'dev').map(encode),
    classes: task.classes,
    vocabularySize: pieces.size,
    padToken: pieces.pad,
    domains: null,
    length,
    metric: task.metric,
  };
};
