/** Named entities as tasks: CoNLL-2003, WNUT-17 and wikigold. */
import { DataError } from '../../errors.ts';
import { foldIn, key, permutation } from '../../random.ts';
import { type ReadFile, splitLines } from '../../text/lines.ts';
import { type FoundFile, findFile, requireFile } from '../folder.ts';
import type { LoadOptions } from '../load.ts';
import { accuracyMetric } from '../metrics.ts';
import { hubFile, readParquet } from '../parquet.ts';
import { sampleRows } from '../sample.ts';
import type { CheckedFile, TaskSource } from '../task-source.ts';
import type { Task } from '../types.ts';
import { type ConllRecords, conllLayout, parseConll, type TaggedSentence } from './conll.ts';
import { entities, entityScores } from './entities.ts';
import { tagClasses, taggingFeatures, usualOverlap } from './features.ts';
import { hubLayout, tagsOfRows } from './hub.ts';

export { type ConllRecords, parseConll, type Scheme, type TaggedSentence } from './conll.ts';
export { type Entity, type EntityScores, entities, entityScores, type Reading, toIob2 } from './entities.ts';
export { type TaggingFeatures, tagClasses, taggingFeatures } from './features.ts';

type Split = 'train' | 'dev' | 'test';

interface NerTask {
  readonly title: string;
  /** Names a file of a split may have; the first that is there is read. No dev file: the train file is split by document. */
  readonly files: Readonly<Record<Split, readonly string[]>>;
  readonly licence: string;
  /** Hugging Face numbers the tags of its Parquet files by these. Absent: it has none of this data set. */
  readonly hubTags?: readonly string[];
}

/** O, then B- and I- of each type, as Hugging Face numbers them. */
const numbered = (...types: readonly string[]): readonly string[] => [
  'O',
  ...types.flatMap((type) => [`B-${type}`, `I-${type}`]),
];

const nerTasks = {
  conll2003: {
    title: 'CoNLL-2003',
    files: {
      train: ['train.txt', 'eng.train', 'train.conll', hubFile('train')],
      dev: ['valid.txt', 'eng.testa', 'dev.txt', 'valid.conll', 'dev.conll', hubFile('validation')],
      test: ['test.txt', 'eng.testb', 'test.conll', hubFile('test')],
    },
    licence: 'Reuters corpus: research only, by agreement',
    hubTags: numbered('PER', 'ORG', 'LOC', 'MISC'),
  },
  wnut17: {
    title: 'WNUT-17',
    files: {
      train: ['wnut17train.conll', hubFile('train')],
      dev: ['emerging.dev.conll', hubFile('validation')],
      test: ['emerging.test.annotated', hubFile('test')],
    },
    licence: 'CC BY 4.0',
    hubTags: numbered('corporation', 'creative-work', 'group', 'location', 'person', 'product'),
  },
  wikigold: {
    title: 'wikigold',
    files: { train: ['wikigold.conll.txt'], dev: [], test: [] },
    licence: 'CC BY 4.0',
  },
} satisfies Record<string, NerTask>;

export type NerName = keyof typeof nerTasks;
export const nerNames: readonly NerName[] = ['conll2003', 'wnut17', 'wikigold'];

/** The first is reported. `strict_f1` reads predictions by IOB2 alone. */
const metrics = ['f1', 'precision', 'recall', 'strict_f1', 'accuracy'];

const layoutOf = ({ hubTags }: NerTask): string => (hubTags ? `${conllLayout}; or ${hubLayout}` : conllLayout);

const recordsOf = async ({ hubTags }: NerTask, { path, bytes }: FoundFile): Promise<ConllRecords> =>
  hubTags && path.endsWith('.parquet')
    ? tagsOfRows(await readParquet(bytes, path), path, hubTags)
    : parseConll(splitLines(bytes, path), path);

const readTagged = async (task: NerTask, split: Split, folder: string, read: ReadFile) => {
  const expected = `the ${split} file of ${task.title}; ${layoutOf(task)}`;
  const found = await requireFile(folder, task.files[split], expected, read);
  return { name: found.name, records: await recordsOf(task, found) };
};

/**
 * A file split by document where its data set has no split: a fifth of the documents (rounded, at least one) to measure on,
 * 29 of wikigold's 145. Which ones does not depend on a run's seed: the places
 * permutation(foldIn(key(0), 'documents'), n) begins with.
 *
 * @throws DataError for fewer than two documents
 */
export const splitByDocument = ({ sentences, documents }: Pick<ConllRecords, 'sentences' | 'documents'>) => {
  if (documents < 2)
    throw new DataError({
      operation: 'split by document',
      received: `${documents} document`,
      expected: 'at least two, so that each side has one',
      advice: 'A line -DOCSTART- begins a document.',
    });
  const measured = Math.max(1, Math.round(documents / 5));
  const held = new Set(permutation(foldIn(key(0), 'documents'), documents).subarray(0, measured));
  return {
    train: sentences.filter(({ document }) => !held.has(document)),
    dev: sentences.filter(({ document }) => held.has(document)),
    documents: { train: documents - measured, dev: measured },
  };
};

export interface NerOptions extends LoadOptions {
  /** Which file is measured on. Default `dev`. */
  readonly measure?: 'dev' | 'test';
  /** Pieces that two windows of a long sentence share. Default: a quarter of `length`. */
  readonly overlap?: number;
}

interface NerSplit {
  readonly train: readonly TaggedSentence[];
  readonly dev: readonly TaggedSentence[];
  readonly types: readonly string[];
  readonly split?: string;
}

const readSplit = async (
  task: NerTask,
  { data, read, measure = 'dev' }: Pick<NerOptions, 'data' | 'read' | 'measure'>,
): Promise<NerSplit> => {
  const train = await readTagged(task, 'train', data, read);
  if (task.files.dev.length === 0) {
    const { documents, ...parted } = splitByDocument(train.records);
    const split = `${train.name} by document, ${documents.train} to train on and ${documents.dev} to measure on`;
    return { ...parted, types: train.records.types, split };
  }
  const dev = await readTagged(task, measure, data, read);
  return {
    train: train.records.sentences,
    dev: dev.records.sentences,
    types: [...train.records.types, ...dev.records.types],
    split: measure === 'test' ? `measured on ${dev.name}` : undefined,
  };
};

/**
 * Loads a data set of named entities. Limits count sentences. `score` gives the entities' micro-averaged F1, precision and
 * recall as conlleval reads them, `strict_f1`, and the share of right tags.
 *
 * @throws DataError for a missing or malformed file; UsageError for a length without room.
 */
export const loadNer = async (name: NerName, options: NerOptions): Promise<Task> => {
  const { data, tokenizer, seed, length, trainLimit, devLimit } = options;
  const { train, dev, types, split } = await readSplit(nerTasks[name], options);
  const classes = tagClasses(types);
  const windowing = { length, overlap: options.overlap ?? usualOverlap(length) };
  const features = (sentences: readonly TaggedSentence[]) => taggingFeatures(sentences, tokenizer, classes, windowing);
  const measured = sampleRows(dev, devLimit, seed, 'dev');
  const devFeatures = features(measured);
  return {
    name,
    source: data,
    train: features(sampleRows(train, trainLimit, seed, 'train')).examples,
    dev: devFeatures.examples,
    classes,
    vocabularySize: tokenizer.size,
    padToken: tokenizer.pad,
    domains: null,
    length,
    metric: accuracyMetric,
    head: 'tag',
    spans: 0,
    choices: 0,
    metrics,
    score: (outputs) =>
      tagScores(
        measured.map(({ tags }) => tags),
        devFeatures.tags(outputs),
      ),
    split,
  };
};

/** What a tagger's task reports. */
export const tagScores = (gold: readonly (readonly string[])[], predicted: readonly (readonly string[])[]) => {
  const { f1, precision, recall, accuracy } = entityScores(gold, predicted);
  return { f1, precision, recall, strict_f1: entityScores(gold, predicted, 'strict').f1, accuracy };
};

const countsOf = ({ sentences, documents }: ConllRecords): Record<string, number> => {
  const found = sentences.flatMap(({ tags }) => entities(tags));
  const byType: Record<string, number> = {};
  for (const { type } of found) byType[type] = (byType[type] ?? 0) + 1;
  const words = sentences.reduce((sum, sentence) => sum + sentence.words.length, 0);
  const types = Object.keys(byType).sort();
  return {
    documents,
    words,
    entities: found.length,
    ...Object.fromEntries(types.map((type) => [type, byType[type]])),
  };
};

const check = async (task: NerTask, folder: string, read: ReadFile): Promise<{ files: CheckedFile[] }> => {
  const files: CheckedFile[] = [];
  for (const split of ['train', 'dev', 'test'] as const) {
    const needed = split !== 'test' && task.files[split].length > 0;
    if (!needed && !(await findFile(folder, task.files[split], conllLayout, read))) continue;
    const { name, records } = await readTagged(task, split, folder, read);
    files.push({ name, rows: records.sentences.length, labels: countsOf(records) });
  }
  return { files };
};

const textsOf = (sentences: readonly TaggedSentence[]): string[] => sentences.map(({ words }) => words.join(' '));

export const nerSources: readonly TaskSource[] = nerNames.map((name) => {
  const task: NerTask = nerTasks[name];
  const wanted = (['train', 'dev', 'test'] as const).map((split) => task.files[split][0]).filter(Boolean);
  return {
    name,
    title: task.title,
    layout: `${wanted.join(', ')}${task.files.dev.length === 0 ? ' (split by document)' : ''}; ${layoutOf(task)}`,
    metric: metrics[0],
    licence: task.licence,
    sentences: async (folder, read) => textsOf((await readSplit(task, { data: folder, read })).train),
    measured: async (folder, read) => {
      const { dev } = await readSplit(task, { data: folder, read });
      const test = await findFile(folder, task.files.test, conllLayout, read);
      return textsOf(test ? [...dev, ...(await readTagged(task, 'test', folder, read)).records.sentences] : dev);
    },
    check: (folder, read) => check(task, folder, read),
  };
});
