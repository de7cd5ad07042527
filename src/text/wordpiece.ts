import { Tokenizer } from '@huggingface/tokenizers';
import { DataError } from '../errors.ts';
import { type ReadFile, readLines } from './lines.ts';

/** The special pieces every BERT vocabulary must hold. */
const required = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'] as const;
/** Special pieces that are used where the vocabulary holds them. */
const special = [...required, '[MASK]'];
/** Longer words become one [UNK], as in BERT. */
const longestWord = 100;

const expectedLayout = 'a BERT vocab.txt: one word piece a line, its id the line number from 0';

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
}

/** Reads ids off the lines of a vocabulary, refusing what would make two pieces one or shift an id. */
const numberPieces = (lines: readonly string[], name: string): Map<string, number> => {
  const fault = (received: string, advice?: string): DataError =>
    new DataError({ operation: 'read vocabulary', received, expected: expectedLayout, advice });
  const ids = new Map<string, number>();
  for (const [id, piece] of lines.entries()) {
    if (piece.trim() === '')
      throw fault(`an empty line, ${name}:${id + 1}`, 'Every line is a piece; take the line out.');
    const earlier = ids.get(piece);
    if (earlier !== undefined)
      throw fault(`${JSON.stringify(piece)} twice, ${name}:${earlier + 1} and ${name}:${id + 1}`);
    ids.set(piece, id);
  }
  for (const piece of required)
    if (!ids.has(piece))
      throw fault(`no line ${piece} in ${name} (${lines.length} lines)`, `BERT needs ${required.join(', ')}.`);
  return ids;
};

/** What `tokenizer.json` of an uncased BERT says, for this vocabulary. */
const bertConfiguration = (ids: ReadonlyMap<string, number>) => {
  const specialToken = (id: string, typeId: number) => ({ SpecialToken: { id, type_id: typeId } });
  const sequence = (id: 'A' | 'B', typeId: number) => ({ Sequence: { id, type_id: typeId } });
  const single = [specialToken('[CLS]', 0), sequence('A', 0), specialToken('[SEP]', 0)];
  return {
    added_tokens: special
      .filter((content) => ids.has(content))
      .map((content) => ({ id: ids.get(content), content, special: true, normalized: false })),
    // Control characters out, spaces around CJK, lower case, accents off.
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: longestWord,
      vocab: Object.fromEntries(ids),
    },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, sequence('B', 1), specialToken('[SEP]', 1)],
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
  };
};

/**
 * Uncased BERT's word pieces over a vocabulary (Wu et al. 2016, Devlin et al. 2019): text is cleaned, lower-cased and
 * split at spaces and punctuation; each word becomes its longest known beginning, then the longest known
 * continuation (`##…`), and so on; a word that does not come out even, or is longer than 100 characters, is one [UNK].
 *
 * A special token written out in a text ([SEP], say) is read as that token, as the reference tokenizer does.
 * A text may have no pieces at all: characters such as U+FE0F vanish in the cleaning.
 *
 * @param lines the vocabulary: line i (from 0) is the piece with id i.
 * @param name what to call the vocabulary in an error, usually its path.
 * @throws DataError for an empty or repeated line (with its number) or a missing special piece.
 */
export const wordPieces = (lines: readonly string[], name = 'vocab.txt'): WordPieces => {
  const ids = numberPieces(lines, name);
  const tokenizer = new Tokenizer(bertConfiguration(ids), {});
  const id = (piece: (typeof required)[number]): number => ids.get(piece)!;
  return {
    size: lines.length,
    pad: id('[PAD]'),
    unknown: id('[UNK]'),
    cls: id('[CLS]'),
    sep: id('[SEP]'),
    pieces: (text) => tokenizer.tokenize(text),
    encode: (text, pair) => {
      if (pair === undefined) return Int32Array.from(tokenizer.encode(text).ids);
      // The package takes an empty pair for none; BERT writes [CLS] A [SEP] [SEP].
      const encoded = tokenizer.encode(text, { text_pair: pair }).ids;
      return Int32Array.from(pair === '' ? [...encoded, id('[SEP]')] : encoded);
    },
    decode: (tokens) => Array.from(tokens, (token) => lines[token] ?? '[UNK]'),
  };
};

/**
 * {@link wordPieces} from a `vocab.txt`.
 *
 * @throws DataError where the file is missing, is not UTF-8 or is not a vocabulary; names file and line.
 */
export const readWordPieces = async (path: string, read: ReadFile): Promise<WordPieces> =>
  wordPieces(await readLines(path, expectedLayout, read), path);
