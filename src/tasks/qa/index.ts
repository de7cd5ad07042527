/** SQuAD as a task: files found, split where there is no train file, sampled, windowed. */
import type { ReadFile } from '../../text/lines.ts';
import { type FoundFile, findFile, requireFile } from '../folder.ts';
import type { LoadOptions } from '../load.ts';
import { accuracyMetric } from '../metrics.ts';
import { hubFile } from '../parquet.ts';
import { sampleRows } from '../sample.ts';
import type { CheckedFile, TaskSource } from '../task-source.ts';
import type { Task } from '../types.ts';
import { splitByArticle } from './articles.ts';
import { goldOf, questionFeatures, scoreSpans1, scoreSpans2 } from './features.ts';
import { hubLayout } from './hub.ts';
import { readSquad } from './read.ts';
import { usualLongest } from './spans.ts';
import { fault, readIds, type SquadQuestion, type SquadRecords, squadLayout } from './squad.ts';
import { usualWindows } from './windows.ts';

export { splitByArticle } from './articles.ts';
export { goldOf, type QuestionFeatures, questionFeatures, scoreSpans1, scoreSpans2 } from './features.ts';
export { answerF1, evaluateSquad1, evaluateSquad2, exactMatch, type Gold } from './metrics.ts';
export { normalizeAnswer } from './normalize.ts';
export { readSquad } from './read.ts';
export { bestSpans, type SpanCandidate, type SpanOptions, type Spans } from './spans.ts';
export { parseSquad, type SquadAnswer, type SquadQuestion, type SquadRecords } from './squad.ts';
export { type ContextWindow, contextWindows, type WindowOptions } from './windows.ts';

const versions = {
  squad1: { title: 'SQuAD 1.1', file: 'v1.1', metrics: ['f1', 'exact'] },
  squad2: { title: 'SQuAD 2.0', file: 'v2.0', metrics: ['f1', 'exact', 'best_f1', 'best_exact'] },
} as const;

export type SquadName = keyof typeof versions;
export const squadNames: readonly SquadName[] = ['squad1', 'squad2'];

const filesOf = (name: SquadName, split: 'train' | 'dev'): string[] => {
  const file = `${split}-${versions[name].file}.json`;
  return [file, `${file}.gz`, hubFile(split === 'dev' ? 'validation' : split)];
};
const expectedOf = (name: SquadName, split: string): string =>
  `the ${split} file of ${versions[name].title}, packed by gzip or not; ${squadLayout}; or ${hubLayout}`;

/** @throws DataError for what is malformed, and for a question without an answer where the version has none such. */
const readVersion = async (name: SquadName, { bytes, path }: FoundFile): Promise<SquadRecords> => {
  const records = await readSquad(bytes, path);
  const impossible = name === 'squad1' ? records.questions.find((question) => question.impossible) : undefined;
  if (impossible)
    throw fault(
      `the question ${impossible.id} without an answer`,
      path,
      'answers to every question, as SQuAD 1.1 has',
      'SQuAD 2.0 is the task squad2.',
    );
  return records;
};

/** Beside `dev-v1.1.json` there may stand `dev-v1.1.guessed-offsets.json`: ids whose answers have offsets nobody vouches for. */
const guessedOffsets = async (squad: FoundFile, folder: string, read: ReadFile): Promise<ReadonlySet<string>> => {
  const name = squad.name.replace(/\.(json(\.gz)?|parquet)$/, '.guessed-offsets.json');
  const found = await findFile(folder, [name], 'a JSON list of question ids', read);
  return found ? readIds(found.bytes, found.path) : new Set();
};

export interface SquadOptions extends LoadOptions {
  /** How many pieces further each window begins. Default: a third of `length`, as in BERT's 128 of 384. */
  readonly stride?: number;
  /** A question is cut to so many pieces. Default: 64, and at most a third of `length`. */
  readonly questionLength?: number;
  /** Pieces of an answer at most. Default 30. */
  readonly longestAnswer?: number;
  /** Whether to train on questions listed in `*.guessed-offsets.json` beside the file. Default: no. */
  readonly trainOnGuessed?: boolean;
}

interface SquadSplit {
  readonly train: readonly SquadQuestion[];
  readonly dev: readonly SquadQuestion[];
  readonly split?: string;
}

/** What is trained on, and what is measured on. @throws DataError for a missing or malformed file */
const readSplit = async (
  name: SquadName,
  { data, read, trainOnGuessed = false }: Pick<SquadOptions, 'data' | 'read' | 'trainOnGuessed'>,
): Promise<SquadSplit> => {
  const devFile = await requireFile(data, filesOf(name, 'dev'), expectedOf(name, 'dev'), read);
  const devRecords = await readVersion(name, devFile);
  const trainFile = await findFile(data, filesOf(name, 'train'), expectedOf(name, 'train'), read);
  const parted = trainFile ? null : splitByArticle(devRecords);
  const rows = parted ?? {
    train: (await readVersion(name, trainFile!)).questions,
    dev: devRecords.questions,
  };
  const guessed = trainOnGuessed ? new Set() : await guessedOffsets(trainFile ?? devFile, data, read);
  return {
    train: rows.train.filter(({ id }) => !guessed.has(id)),
    dev: rows.dev,
    split:
      parted === null
        ? undefined
        : `${devFile.name} by article, ${parted.articles.train} to train on and ${parted.articles.dev} to measure on`,
  };
};

/**
 * Loads SQuAD 1.1 or 2.0. Without the train file, which is the larger one, the dev file is split by article and `split`
 * says so. Limits count questions, not windows.
 *
 * @throws DataError for a missing or malformed file; UsageError for a length that leaves no room beside the question.
 */
export const loadSquad = async (name: SquadName, options: SquadOptions): Promise<Task> => {
  const { data, tokenizer, seed, length, trainLimit, devLimit } = options;
  const rows = await readSplit(name, options);
  const usual = usualWindows(length);
  const { stride = usual.stride, questionLength = usual.questionLength } = options;
  const windowing = { length, stride, questionLength };
  const features = (questions: readonly SquadQuestion[]) => questionFeatures(questions, tokenizer, windowing);
  const devQuestions = sampleRows(rows.dev, devLimit, seed, 'dev');
  const dev = features(devQuestions);
  const gold = devQuestions.map(goldOf);
  const spanOptions = { best: 1, longest: options.longestAnswer ?? usualLongest };
  const score = name === 'squad1' ? scoreSpans1 : scoreSpans2;
  return {
    name,
    source: data,
    train: features(sampleRows(rows.train, trainLimit, seed, 'train')).examples,
    dev: dev.examples,
    classes: [],
    vocabularySize: tokenizer.size,
    padToken: tokenizer.pad,
    domains: null,
    length,
    metric: accuracyMetric,
    head: 'span',
    spans: 0,
    choices: 0,
    metrics: versions[name].metrics,
    score: (outputs) => score(gold, dev.spans(outputs, spanOptions)),
    split: rows.split,
  };
};

const countsOf = ({ articles, paragraphs, questions }: SquadRecords, guessed: number): Record<string, number> => ({
  articles,
  paragraphs,
  answers: questions.reduce((sum, { answers }) => sum + answers.length, 0),
  unanswerable: questions.filter(({ impossible }) => impossible).length,
  'guessed offsets': guessed,
});

const check = async (name: SquadName, folder: string, read: ReadFile): Promise<{ files: CheckedFile[] }> => {
  const files: CheckedFile[] = [];
  for (const split of ['train', 'dev'] as const) {
    const expected = expectedOf(name, split);
    const find = split === 'dev' ? requireFile : findFile;
    const found = await find(folder, filesOf(name, split), expected, read);
    if (found === null) continue;
    const records = await readVersion(name, found);
    const guessed = await guessedOffsets(found, folder, read);
    files.push({ name: found.name, rows: records.questions.length, labels: countsOf(records, guessed.size) });
  }
  return { files };
};

const textsOf = (questions: readonly SquadQuestion[]): string[] =>
  questions.flatMap(({ context, question }) => [context, question]);

export const squadSources: readonly TaskSource[] = squadNames.map((name) => ({
  name,
  title: versions[name].title,
  layout: `${filesOf(name, 'train')[0]} and ${filesOf(name, 'dev')[0]}, packed by gzip or not (without the train file the dev file is split by article); ${squadLayout}; or ${hubLayout}`,
  metric: versions[name].metrics[0],
  licence: 'CC BY-SA 4.0',
  sentences: async (folder, read) => textsOf((await readSplit(name, { data: folder, read })).train),
  measured: async (folder, read) => textsOf((await readSplit(name, { data: folder, read })).dev),
  check: (folder, read) => check(name, folder, read),
}));
