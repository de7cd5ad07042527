import type { Piece, Tokenizer } from '../../text/tokenizer.ts';
import { type Counts, hiddenLabel, type Part } from '../dataset.ts';
import { accuracy } from '../metrics.ts';
import { checkOutputs, choicesOf } from '../outputs.ts';
import type { Output, Scores, Sequence } from '../types.ts';
import type { Marked } from './marked.ts';

/** The official names of SuperGLUE's files, and Hugging Face's; those of FewGLUE's 32 records (Schick and Schütze 2021). */
export const superglueParts: readonly Part[] = [
  { name: 'train', split: 'train', files: ['train.jsonl', 'train-00000-of-00001.parquet'], few: ['train32.jsonl'] },
  { name: 'dev', split: 'dev', files: ['val.jsonl', 'validation-00000-of-00001.parquet'], few: ['dev32.jsonl'] },
  { name: 'test', split: 'test', files: ['test.jsonl', 'test-00000-of-00001.parquet'] },
];

/** {@link superglueParts} with a further name for the training file. */
export const partsWith = (train: string): readonly Part[] =>
  superglueParts.map((part) => (part.split === 'train' ? { ...part, files: [...part.files, train] } : part));

interface MarkedRow {
  readonly marked: readonly Marked[];
  readonly label: number | null;
}

const yesNo = ['false', 'true'] as const;

/** Marked words of one text or two, of which it is asked whether they mean the same (WiC, WSC). */
export const sameMeaning = {
  suite: 'SuperGLUE',
  head: 'classify',
  classes: yesNo,
  metrics: ['accuracy'],
  spans: 2,
  choices: 0,
  unit: null,
} as const;

/** @param found what words are called that were found; @param guessed those that were not */
export const countMarked = (rows: readonly MarkedRow[], found: string, guessed: string): Counts => {
  const how = (kind: Marked['how']) => rows.flatMap(({ marked }) => marked).filter((one) => one.how === kind).length;
  return { labels: countLabels(yesNo, rows), others: { [found]: how('found'), [guessed]: how('guessed') } };
};

/** @throws ShapeError unless there are two numbers for each row; DivergedError as `refuseDiverged` */
export const accuracyOf = (
  title: string,
  rows: readonly { readonly label: number | null }[],
  outputs: readonly Output[],
): Scores => {
  checkOutputs(title, outputs, rows.length, 2);
  return {
    accuracy: accuracy(
      choicesOf(outputs),
      rows.map(({ label }) => label ?? hiddenLabel),
    ),
  };
};

/** Rows by class, in the order of the classes, and how many hide theirs; no classes where all do. */
export const countLabels = (
  classes: readonly string[],
  rows: readonly { readonly label: number | null }[],
): Readonly<Record<string, number>> => {
  const count = (wanted: number | null): number => rows.filter(({ label }) => label === wanted).length;
  const hidden = count(null);
  const known = hidden === rows.length ? [] : classes.map((name, i) => [name, count(i)] as const);
  return Object.fromEntries(hidden > 0 ? [...known, ['hidden labels', hidden]] : known);
};

/**
 * A passage and what is said of it. Where the two are too long it is the passage that is cut, as long as it lasts: the
 * other ends in what tells one candidate from the next.
 */
export const joinPassage = (
  tokenizer: Tokenizer,
  passage: readonly Piece[],
  statement: readonly Piece[],
  length = Number.POSITIVE_INFINITY,
): Sequence => {
  const room = Math.max(length - tokenizer.specials(true) - statement.length, 0);
  const { tokens, segments } = tokenizer.join(
    room < passage.length ? passage.slice(0, room) : passage,
    statement,
    Number.isFinite(length) ? length : undefined,
  );
  return { tokens, segments };
};
