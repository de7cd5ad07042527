/** A data set on disk as a task: files found, split where they have to be, sampled, tokenised. */
import { DataError, UsageError } from '../errors.ts';
import type { ReadFile } from '../text/lines.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type Dataset, isOfficial, type Part, type Records } from './dataset.ts';
import { folded, heldOutShare, splitHeldOut } from './held-out.ts';
import { accuracyMetric, matthewsMetric } from './metrics.ts';
import { sampleRows } from './sample.ts';
import { findSource } from './source.ts';
import { isCut } from './superglue/marked.ts';
import type { Example, Output, Scores, Task } from './types.ts';

export interface LoadOptions {
  /** The folder with the files. */
  readonly data: string;
  readonly tokenizer: Tokenizer;
  readonly read: ReadFile;
  readonly seed: number;
  /** Positions of an example. */
  readonly length: number;
  /** At most so many records, sampled by the seed; null takes all. Only these are tokenised. */
  readonly trainLimit: number | null;
  readonly devLimit: number | null;
}

/** The records of a part, and the file they are of. */
export interface PartRecords<Row> extends Records<Row> {
  readonly file: string;
}

/** What a file of a data set should be, for errors. */
export const expectedOf = (dataset: Dataset<unknown>, file: string): string =>
  `${file} of ${dataset.suite}'s ${dataset.title} in the folder of the data: ${dataset.layout}`;

/**
 * The records of the files of a part that are there: all of them, or the first only.
 *
 * @throws DataError for a file that is there and malformed.
 */
export async function* findRecords<Row>(
  dataset: Dataset<Row>,
  part: Part,
  data: string,
  read: ReadFile,
): AsyncGenerator<PartRecords<Row>> {
  for (const file of namesOf(part)) {
    const source = await findSource(data, file, expectedOf(dataset, file), read);
    const labels = part.split === 'test' || dataset.diagnosticOf !== undefined ? 'optional' : 'required';
    if (source !== null) yield { file, ...dataset.records(source, labels) };
  }
}

const namesOf = ({ files, few = [] }: Part): readonly string[] => [...files, ...few];

/** {@link findRecords} of a part's few records. */
const fewOf = (part: Part): Part => ({ ...part, files: part.few ?? [] });

const firstRecords = async <Row>(
  dataset: Dataset<Row>,
  part: Part,
  data: string,
  read: ReadFile,
): Promise<PartRecords<Row> | null> => {
  for await (const records of findRecords(dataset, { ...part, few: [] }, data, read)) return records;
  return null;
};

/** What is measured on: one file, but MNLI has two. */
interface DevPart<Row> {
  /** '' for the only one; else what tells it from the others: `matched`. */
  readonly name: string;
  readonly rows: readonly Row[];
}

export interface SplitRecords<Row> {
  readonly train: readonly Row[];
  readonly dev: readonly DevPart<Row>[];
  /** How the two came about, where it is not two official files. */
  readonly split?: string;
}

/**
 * The records to train and to measure on. Where one of the two official files is not there, and the task says what
 * its records may share, the other is split; the result says so. Files of a few records (train32, dev32) are taken where
 * the folder has no other file of the task, or a task that cannot be split lacks one.
 *
 * @throws DataError for what is missing or malformed; UsageError for a task that has no labels (AX).
 */
export const splitRecords = async <Row>(
  dataset: Dataset<Row>,
  data: string,
  read: ReadFile,
): Promise<SplitRecords<Row>> => {
  const trainPart = dataset.parts.find(({ split }) => split === 'train');
  const devParts = dataset.parts.filter(({ split }) => split === 'dev');
  if (trainPart === undefined || devParts.length === 0)
    throw new UsageError({
      operation: `load task ${dataset.name}`,
      received: 'a task without labelled files',
      expected: 'one that can be trained on',
      advice: dataset.about,
    });
  const devOf = async (parts: readonly Part[]) => {
    const found: (DevPart<Row> & { file: string })[] = [];
    for (const part of parts) {
      const records = await firstRecords(dataset, part, data, read);
      if (records) found.push({ name: part.name.slice('dev '.length), rows: records.rows, file: records.file });
    }
    return found;
  };
  let train = await firstRecords(dataset, trainPart, data, read);
  let dev = await devOf(devParts);
  // A whole file split in two says more than a few records do: these come in where there is none, or none to be split.
  const [noTrain, noDev] = [train === null, dev.length === 0];
  if (dataset.unit === null || (noTrain && noDev)) {
    train ??= await firstRecords(dataset, fewOf(trainPart), data, read);
    if (noDev) dev = await devOf(devParts.map(fewOf));
  }
  if (train && dev.length > 0) {
    const apart = dataset.overlapping?.includes(train.file) ? withoutOverlap(dataset, train.rows, dev) : train.rows;
    const left = train.rows.length - apart.length;
    const notes = [
      isOfficial(trainPart, train.file) ? [] : [`trained on ${train.file}, a part of the official rows`],
      left > 0 ? [`without ${left} of its ${train.rows.length} records, which share a text with ${dev[0].file}`] : [],
      dev
        .filter(({ file }) => dev.length < devParts.length || !isOfficial(devParts[0], file))
        .map(({ file }) => `measured on ${file}`),
    ].flat();
    return { train: apart, dev, split: notes.length > 0 ? notes.join('; ') : undefined };
  }
  const whole = train ?? (dev.length > 0 ? dev[0] : null);
  if (whole === null || dataset.unit === null) {
    const missing = train ? devParts[0].files[0] : trainPart.files[0];
    throw new DataError({
      operation: 'read file',
      received: `no such file, ${data.replace(/\/+$/, '')}/${missing}`,
      expected: expectedOf(dataset, missing),
      advice: `Known names: ${namesOf(train ? devParts[0] : trainPart).join(', ')}.`,
    });
  }
  const { train: kept, heldOut } = splitHeldOut(whole.rows, (row) => dataset.texts(row));
  if (kept.length === 0 || heldOut.length === 0)
    throw new DataError({
      operation: `split ${dataset.title}`,
      received: `${whole.file} with ${whole.rows.length} records, too few to hold some out`,
      expected: 'records of several texts',
    });
  const percent = `${Math.round(100 * heldOutShare)} % held out`;
  return { train: kept, dev: [{ name: '', rows: heldOut }], split: `${whole.file} by ${dataset.unit}, ${percent}` };
};

/** What shares no text with the dev records. */
const withoutOverlap = <Row>(
  dataset: Dataset<Row>,
  rows: readonly Row[],
  dev: readonly DevPart<Row>[],
): readonly Row[] => {
  const measured = new Set(dev.flatMap((part) => part.rows.flatMap((row) => dataset.texts(row).map(folded))));
  return rows.filter((row) => !dataset.texts(row).some((text) => measured.has(folded(text))));
};

/** The dev parts one after the other, and what each is worth. */
const scoring =
  <Row>(dataset: Dataset<Row>, parts: readonly (DevPart<Row> & { readonly examples: readonly Example[] })[]) =>
  (outputs: readonly Output[], split?: string): Scores => {
    const asked = split === undefined ? parts : parts.filter(({ name }) => name === split);
    if (asked.length === 0)
      throw new UsageError({
        operation: `score ${dataset.name}`,
        received: `the part "${split}"`,
        expected: parts.map(({ name }) => name || 'no part').join(', '),
      });
    const scores: Record<string, number> = {};
    let start = 0;
    for (const [i, { name, rows, examples }] of asked.entries()) {
      const last = i === asked.length - 1;
      const own = outputs.slice(start, last ? undefined : start + examples.length);
      start += examples.length;
      // The first part's metrics have their plain names: it is the one that is reported.
      const suffix = parts.length > 1 && name !== parts[0].name ? ` ${name}` : '';
      for (const [metric, value] of Object.entries(dataset.score(rows, examples, own)))
        scores[`${metric}${suffix}`] = value;
    }
    return scores;
  };

/**
 * Records as a task: sampled, then tokenised.
 *
 * @throws UsageError for a limit below 1.
 */
export const taskOf = <Row>(
  dataset: Dataset<Row>,
  records: SplitRecords<Row>,
  { data, tokenizer, seed, length, trainLimit, devLimit }: Omit<LoadOptions, 'read'>,
): Task => {
  const train = sampleRows(records.train, trainLimit, seed, 'train');
  let before = 0;
  const dev = records.dev.map(({ name, rows }) => {
    const sampled = sampleRows(rows, devLimit, seed, name ? `dev ${name}` : 'dev');
    const examples = dataset.examples(sampled, tokenizer, length);
    // Records are numbered on through the parts, so that those of two parts are never taken for one.
    const numbered = before === 0 ? examples : examples.map((one, i) => ({ ...one, row: before + (one.row ?? i) }));
    before += sampled.length;
    return { name, rows: sampled, examples: numbered };
  });
  const trained = dataset.examples(train, tokenizer, length);
  const measured = dev.flatMap(({ examples }) => examples);
  const cut = [...trained, ...measured].filter(({ spans = [] }) => spans.some(isCut)).length;
  const lost =
    cut > 0
      ? `in ${cut} examples ${length} tokens leave no room for a marked word: the first token stands for it`
      : undefined;
  return {
    name: dataset.name,
    source: data,
    train: trained,
    dev: measured,
    classes: dataset.classes,
    vocabularySize: tokenizer.size,
    padToken: tokenizer.pad,
    domains: null,
    length,
    metric: dataset.metrics[0] === 'matthews' ? matthewsMetric : accuracyMetric,
    head: dataset.head,
    spans: dataset.spans,
    choices: dataset.choices,
    metrics: dev.length > 1 ? dataset.metrics : dataset.metrics.filter((name) => !name.endsWith(' mismatched')),
    score: scoring(dataset, dev),
    split: [records.split, lost].filter((note) => note !== undefined).join('; ') || undefined,
  };
};

/**
 * Loads a data set.
 *
 * @throws DataError for a missing folder or file, bytes that are not UTF-8, or a malformed line (named); UsageError for
 *   a limit below 1, or a task without labels.
 */
export const loadDataset = async <Row>(dataset: Dataset<Row>, options: LoadOptions): Promise<Task> =>
  taskOf(dataset, await splitRecords(dataset, options.data, options.read), options);
