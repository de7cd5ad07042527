import type { Piece, Tokenizer } from './tokenizer.ts';

/** The pieces of words that were split beforehand, for a class per word. */
export interface WordsInPieces {
  readonly pieces: readonly Piece[];
  /** Per word the index of its first piece, or -1 for a word without any. Shape [word]. */
  readonly first: Int32Array;
  /** Per piece the word it belongs to. Shape [piece]. */
  readonly word: Int32Array;
}

/**
 * The pieces of each word by itself; their ranges are of their word. A word of characters that vanish (U+FE0F alone)
 * has no piece; where the model splits at punctuation a word is split so too; a run of over 100 letters is one [UNK].
 *
 * A tokenizer that counts the space before a word into its pieces says so by `wordPrefix`; every word is then read
 * with it, the first too, as the reference does with `add_prefix_space`.
 */
export const piecesOfWords = (
  tokenizer: Tokenizer & { readonly wordPrefix?: string },
  words: readonly string[],
): WordsInPieces => {
  const prefix = tokenizer.wordPrefix ?? '';
  const pieces: Piece[] = [];
  const word: number[] = [];
  const first = new Int32Array(words.length).fill(-1);
  for (const [i, text] of words.entries())
    for (const { id, start, end } of text === '' ? [] : tokenizer.pieces(prefix + text)) {
      if (first[i] === -1) first[i] = pieces.length;
      pieces.push({ id, start: Math.max(start - prefix.length, 0), end: Math.max(end - prefix.length, 0) });
      word.push(i);
    }
  return { pieces, first, word: Int32Array.from(word) };
};
