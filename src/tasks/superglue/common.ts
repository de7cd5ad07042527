import type { Piece, Tokenizer } from '../../text/tokenizer.ts';
import type { Part } from '../dataset.ts';
import type { Sequence } from '../types.ts';

/** The official names of SuperGLUE's files, and Hugging Face's. */
export const superglueParts: readonly Part[] = [
  { name: 'train', split: 'train', files: ['train.jsonl', 'train-00000-of-00001.parquet'] },
  { name: 'dev', split: 'dev', files: ['val.jsonl', 'validation-00000-of-00001.parquet'] },
  { name: 'test', split: 'test', files: ['test.jsonl', 'test-00000-of-00001.parquet'] },
];

/** {@link superglueParts} with further names for the training and the dev file. */
export const partsWith = (train: readonly string[], dev: readonly string[] = []): readonly Part[] =>
  superglueParts.map((part) => ({
    ...part,
    files: [...part.files, ...(part.split === 'train' ? train : part.split === 'dev' ? dev : [])],
  }));

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
