/** Tagged sentences as a model reads them: pieces, windows where a sentence is long, and tags out of what it says. */
import { DataError, DivergedError, ShapeError, UsageError } from '../../errors.ts';
import type { Piece, Tokenizer } from '../../text/tokenizer.ts';
import { piecesOfWords } from '../../text/words.ts';
import type { Example, Output } from '../types.ts';
import type { TaggedSentence } from './conll.ts';

export interface TaggingOptions {
  /** Tokens of an example, special ones included. */
  readonly length: number;
  /** Pieces that two windows of a long sentence share at least, as far as whole words allow. */
  readonly overlap: number;
}

export interface TaggingFeatures {
  /** One for each window; `row` is the sentence it belongs to. */
  readonly examples: readonly Example[];
  /** The tags of every sentence, in order. @param outputs one for each example, in order */
  tags(outputs: readonly Output[]): string[][];
}

/** Pieces that two windows share unless somebody says otherwise. */
export const usualOverlap = (length: number): number => Math.floor(length / 4);

/** The classes of a tagger: O, then B- and I- of each type, in alphabetical order. */
export const tagClasses = (types: Iterable<string>): string[] => [
  'O',
  ...[...new Set(types)].sort().flatMap((type) => [`B-${type}`, `I-${type}`]),
];

/**
 * Windows [first, last) over words of `counts` pieces each, none above `room`: each begins so that it shares up to
 * `overlap` pieces with the one before and holds at least one word that that one does not.
 */
export const wordWindows = (counts: readonly number[], room: number, overlap: number): [number, number][] => {
  const windows: [number, number][] = [];
  for (let first = 0; ; ) {
    let [last, used] = [first, 0];
    while (last < counts.length && used + counts[last] <= room) used += counts[last++];
    windows.push([first, last]);
    if (last === counts.length) return windows;
    let [next, shared] = [last, 0];
    const fits = (pieces: number) => pieces <= overlap && pieces + counts[last] <= room;
    while (next - 1 > first && fits(shared + counts[next - 1])) shared += counts[--next];
    first = next;
  }
};

/** For each word the window in which it has most words on its poorer side; the first of equals. */
const owners = (windows: readonly (readonly [number, number])[], words: number): Int32Array => {
  const owner = new Int32Array(words).fill(-1);
  const most = new Int32Array(words).fill(-1);
  for (const [w, [first, last]] of windows.entries())
    for (let word = first; word < last; word++) {
      const context = Math.min(word - first, last - 1 - word);
      if (context > most[word]) [most[word], owner[word]] = [context, w];
    }
  return owner;
};

/**
 * Sentences in pieces. The first piece of a word carries its tag, the others -1; so does every piece of a word that another
 * window shows more context of: each word is learnt and scored once. A word of more pieces than fit keeps its first ones.
 * A word without any (U+FE0F in BERT) has no place to be tagged at: it is predicted as O, and its gold tag still counts.
 * Windows in which nothing is tagged are left out.
 *
 * @throws UsageError for a length without room; DataError for a tag that is not among the classes; from `tags`, ShapeError
 *   for outputs that do not fit and DivergedError for NaN in them.
 */
export const taggingFeatures = (
  sentences: readonly TaggedSentence[],
  tokenizer: Tokenizer,
  classes: readonly string[],
  { length, overlap }: TaggingOptions,
): TaggingFeatures => {
  const room = length - tokenizer.specials(false);
  if (!Number.isSafeInteger(length) || room < 1 || !Number.isSafeInteger(overlap) || overlap < 0)
    throw new UsageError({
      operation: 'tagging windows',
      received: `length ${length} and overlap ${overlap} beside ${tokenizer.specials(false)} special tokens`,
      expected: 'whole numbers, with room for at least one piece',
    });
  const classOf = new Map(classes.map((name, index) => [name, index]));
  const examples: Example[] = [];
  /** Of each example: its words that are scored there, and the token each is scored at. */
  const places: { readonly row: number; readonly word: number; readonly token: number }[][] = [];
  for (const [row, { words, tags }] of sentences.entries()) {
    const { pieces, word } = piecesOfWords(tokenizer, words);
    const groups = words.map((): Piece[] => []);
    for (const [p, piece] of pieces.entries()) if (groups[word[p]].length < room) groups[word[p]].push(piece);
    const windows = wordWindows(
      groups.map((group) => group.length),
      room,
      overlap,
    );
    const owner = owners(windows, words.length);
    for (const [w, [first, last]] of windows.entries()) {
      const { tokens, segments, piece } = tokenizer.join(groups.slice(first, last).flat());
      const tokenOf = new Map(Array.from(piece, (index, token) => [index, token]));
      const scored: (typeof places)[number] = [];
      const labels = new Int32Array(tokens.length).fill(-1);
      let before = 0;
      for (let word = first; word < last; before += groups[word].length, word++) {
        if (groups[word].length === 0 || owner[word] !== w) continue;
        const token = tokenOf.get(before)!;
        const label = classOf.get(tags[word]);
        if (label === undefined)
          throw new DataError({
            operation: 'tagging labels',
            received: `the tag ${tags[word]}`,
            expected: `one of ${classes.join(', ')}`,
          });
        labels[token] = label;
        scored.push({ row, word, token });
      }
      if (scored.length === 0) continue;
      examples.push({ tokens, segments, label: 0, tags: labels, row });
      places.push(scored);
    }
  }
  return {
    examples,
    tags: (outputs) => {
      if (outputs.length !== examples.length)
        throw new ShapeError({
          operation: 'predicted tags',
          received: `${outputs.length} outputs`,
          expected: `${examples.length}, one for each window`,
        });
      const predicted = sentences.map(({ words }) => new Array<string>(words.length).fill('O'));
      for (const [e, scored] of places.entries())
        for (const { row, word, token } of scored)
          predicted[row][word] = classes[classAt(outputs[e], token, classes.length)];
      return predicted;
    },
  };
};

/** The class of a token with the largest logit, the first of equals. Output: [token · class], padding may follow. */
export const classAt = (output: Output, token: number, classes: number): number => {
  const logits = output.subarray(token * classes, (token + 1) * classes);
  if (logits.length < classes || output.length % classes !== 0)
    throw new ShapeError({
      operation: 'predicted tags',
      received: `an output of ${output.length} numbers`,
      expected: `${classes} for each token, the token ${token} among them`,
    });
  if (logits.some(Number.isNaN))
    throw new DivergedError({ operation: 'predicted tags', received: 'an output with NaN', expected: 'numbers' });
  return logits.reduce((best, logit, index) => (logit > logits[best] ? index : best), 0);
};
