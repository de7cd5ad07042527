import { DataError } from '../errors.ts';
import { type BertOptions, bertSettings, bertSpecials } from './families.ts';
import { type ReadFile, readLines } from './lines.ts';
import { buildTokenizer } from './pipeline.ts';
import type { PieceTokenizer } from './tokenizer.ts';

export const expectedVocabulary = 'a BERT vocab.txt: one word piece a line, its id the line number from 0';

export interface WordPieces {
  /** Ids lie in [0, size). */
  readonly size: number;
  readonly pad: number;
  readonly unknown: number;
  readonly cls: number;
  readonly sep: number;
  /** The pieces of a text, without special tokens: `unaffable` -> `un`, `##aff`, `##able`. */
  pieces(text: string): string[];
  /** [CLS] text [SEP], or [CLS] text [SEP] pair [SEP], as ids. Uncut: a task's length is applied to its batches. */
  encode(text: string, pair?: string): Int32Array;
  /** One piece per id; ids outside the vocabulary are [UNK]. */
  decode(ids: ArrayLike<number>): string[];
  /** The same vocabulary with the places of pieces in the text. */
  readonly tokenizer: PieceTokenizer;
}

/**
 * Reads ids off the lines of a vocabulary, refusing what would make two pieces one or shift an id.
 *
 * @throws DataError for an empty or repeated line (with its number) or a missing special piece.
 */
export const numberPieces = (lines: readonly string[], name: string): Map<string, number> => {
  const fault = (received: string, advice?: string): DataError =>
    new DataError({ operation: 'read vocabulary', received, expected: expectedVocabulary, advice });
  const ids = new Map<string, number>();
  for (const [id, piece] of lines.entries()) {
    if (piece.trim() === '')
      throw fault(`an empty line, ${name}:${id + 1}`, 'Every line is a piece; take the line out.');
    const earlier = ids.get(piece);
    if (earlier !== undefined)
      throw fault(`${JSON.stringify(piece)} twice, ${name}:${earlier + 1} and ${name}:${id + 1}`);
    ids.set(piece, id);
  }
  for (const piece of bertSpecials)
    if (!ids.has(piece))
      throw fault(`no line ${piece} in ${name} (${lines.length} lines)`, `BERT needs ${bertSpecials.join(', ')}.`);
  return ids;
};

/**
 * BERT's word pieces over a vocabulary (Wu et al. 2016, Devlin et al. 2019), uncased unless `options` say otherwise:
 * text is cleaned, lower-cased and split at spaces and punctuation; each word becomes its longest known beginning,
 * then the longest known continuation (`##…`), and so on; a word that does not come out even, or is longer than 100
 * characters, is one [UNK].
 *
 * A special token written out in a text ([SEP], say) is read as that token, as the reference tokenizer does.
 * A text may have no pieces at all: characters such as U+FE0F vanish in the cleaning.
 *
 * @param lines the vocabulary: line i (from 0) is the piece with id i.
 * @param name what to call the vocabulary in an error, usually its path.
 * @throws DataError for an empty or repeated line (with its number) or a missing special piece.
 */
export const wordPieces = (lines: readonly string[], name = 'vocab.txt', options: BertOptions = {}): WordPieces => {
  const tokenizer = buildTokenizer(bertSettings(numberPieces(lines, name), options));
  const { size, pad, unknown, cls, sep } = tokenizer;
  return {
    size,
    pad,
    unknown,
    cls,
    sep,
    pieces: (text) => tokenizer.pieces(text).map(({ id }) => lines[id]!),
    encode: (text, pair) =>
      tokenizer.join(tokenizer.pieces(text), pair === undefined ? null : tokenizer.pieces(pair)).tokens,
    decode: (tokens) => Array.from(tokens, (token) => lines[token] ?? '[UNK]'),
    tokenizer,
  };
};

/**
 * {@link wordPieces} from a `vocab.txt`.
 *
 * @throws DataError where the file is missing, is not UTF-8 or is not a vocabulary; names file and line.
 */
export const readWordPieces = async (path: string, read: ReadFile): Promise<WordPieces> =>
  wordPieces(await readLines(path, expectedVocabulary, read), path);
