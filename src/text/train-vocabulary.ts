import { UsageError } from '../errors.ts';
import { addedTokenCutter, readAddedTokens } from './added.ts';
import { type BertOptions, bertSettings, bertSpecials, longestWord } from './families.ts';
import { readNormalizer } from './normalizer.ts';
import { readPresplit } from './presplit.ts';

export interface TrainOptions extends BertOptions {
  /** Pairs that occur less often are not joined. Default 2. */
  readonly minFrequency?: number;
  /** At most so many different characters, the most frequent; words with others are left out. Default 1000. */
  readonly alphabet?: number;
  /** Special tokens, in front; default [PAD], [UNK], [CLS], [SEP], [MASK]. */
  readonly specials?: readonly string[];
}

/** Two piece numbers in one key: both stay under 2^26, their product under 2^53. */
const radix = 2 ** 26;

/** How often each word occurs, by BERT's own cleaning and splitting; special tokens in the text are no words. */
export const countWords = (lines: Iterable<string>, options: TrainOptions = {}): Map<string, number> => {
  const specials = options.specials ?? [...bertSpecials, '[MASK]'];
  const config = bertSettings(new Map(specials.map((token, id) => [token, id])), options);
  const cut = addedTokenCutter(readAddedTokens(config.added_tokens), readNormalizer(config.normalizer));
  const presplit = readPresplit(config.pre_tokenizer);
  const counts = new Map<string, number>();
  for (const line of lines)
    for (const { text, token, first } of cut(line))
      if (token === null)
        for (const { text: word } of presplit(text, first)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
};

/** Code-unit order, the same on every machine. */
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The most frequent characters, ties by text order. */
const commonest = (words: ReadonlyMap<string, number>, most: number): Set<string> => {
  const counts = new Map<string, number>();
  for (const [word, count] of words)
    for (const character of word) counts.set(character, (counts.get(character) ?? 0) + count);
  const ordered = [...counts].sort(([a, m], [b, n]) => n - m || byText(a, b));
  return new Set(ordered.slice(0, most).map(([character]) => character));
};

/** A pair of pieces that may be joined, as it was when it was put into the queue. */
interface Candidate {
  readonly key: number;
  readonly count: number;
  readonly left: string;
  readonly right: string;
}

/** Whether a comes before b: more frequent; then the text of the left piece, then of the right. */
const isBefore = (a: Candidate, b: Candidate): boolean =>
  a.count !== b.count ? a.count > b.count : a.left !== b.left ? a.left < b.left : a.right < b.right;

/** A binary heap; the first is taken out first. */
class Queue {
  readonly items: Candidate[] = [];
  put(item: Candidate): void {
    const { items } = this;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }
  take(): Candidate | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && isBefore(items[child + 1]!, items[child]!)) child++;
      if (!isBefore(items[child]!, last)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return top;
  }
}

/** Words as piece numbers, with how often each pair of neighbours occurs and in which words. */
class Pairs {
  readonly counts = new Map<number, number>();
  readonly places = new Map<number, Set<number>>();
  readonly words: number[][];
  readonly times: readonly number[];
  constructor(words: number[][], times: readonly number[]) {
    this.words = words;
    this.times = times;
    for (const i of words.keys()) this.add(i, 1);
  }
  /** Counts the pairs of a word in (1) or out (-1). */
  private add(i: number, sign: 1 | -1): void {
    const word = this.words[i]!;
    for (let j = 0; j + 1 < word.length; j++) {
      const key = word[j]! * radix + word[j + 1]!;
      this.counts.set(key, (this.counts.get(key) ?? 0) + sign * this.times[i]!);
      const places = this.places.get(key) ?? new Set<number>();
      if (sign === 1) this.places.set(key, places.add(i));
      else places.delete(i);
    }
  }
  /** Joins a pair in every word, from left to right; the keys whose counts changed. */
  join(key: number, joined: number): Set<number> {
    const [left, right] = [Math.floor(key / radix), key % radix];
    const changed = new Set<number>();
    const note = (word: readonly number[]): void => {
      for (let j = 0; j + 1 < word.length; j++) changed.add(word[j]! * radix + word[j + 1]!);
    };
    for (const i of [...(this.places.get(key) ?? [])]) {
      const before = this.words[i]!;
      this.add(i, -1);
      const after: number[] = [];
      for (let j = 0; j < before.length; j++) {
        const found = before[j] === left && before[j + 1] === right;
        after.push(found ? joined : before[j]!);
        if (found) j++;
      }
      this.words[i] = after;
      this.add(i, 1);
      note(before);
      note(after);
    }
    return changed;
  }
}

const joinedText = (left: string, right: string): string => left + right.slice(2);

/**
 * A vocabulary of word pieces from text, at most `size` long: special tokens, the characters, then pieces in the order
 * they were joined. Byte-pair encoding over words with `##` continuations (Sennrich et al. 2016), as the trainer of
 * the reference library makes its WordPiece vocabularies: the most frequent pair of neighbours becomes a piece, again
 * and again. (The likelihood score that WordPiece is often told with, count(ab) / (count(a)·count(b)), favours rare
 * pairs and makes poor vocabularies of small texts.)
 *
 * Ties are broken by the text of the pieces, so the result depends on how often words occur, never on their order.
 * Every word of the text whose characters are in the alphabet has pieces, unless it is over 100 characters long.
 *
 * @param lines plain text; `countWords` says how it becomes words.
 * @throws UsageError where `size` has no room for the special tokens and the characters.
 */
export const trainWordPieces = (lines: Iterable<string>, size: number, options: TrainOptions = {}): string[] => {
  const { minFrequency = 2, alphabet = 1000, specials = [...bertSpecials, '[MASK]'] } = options;
  const every = countWords(lines, options);
  const characters = commonest(every, alphabet);
  const kept = [...every]
    .map(([word, count]) => [[...word], count] as const)
    .filter(([letters]) => letters.length <= longestWord && letters.every((letter) => characters.has(letter)));

  const vocabulary = [...specials];
  const numbers = new Map(specials.map((token, i) => [token, i]));
  const numberOf = (piece: string): number => {
    const known = numbers.get(piece);
    if (known !== undefined) return known;
    numbers.set(piece, vocabulary.length);
    return vocabulary.push(piece) - 1;
  };
  const inside = new Set(kept.flatMap(([letters]) => letters.slice(1)));
  for (const letter of [...characters].sort(byText)) numberOf(letter);
  for (const letter of [...inside].sort(byText)) numberOf(`##${letter}`);
  if (!Number.isInteger(size) || size < vocabulary.length)
    throw new UsageError({
      operation: 'train word pieces',
      received: `a size of ${size}`,
      expected: `at least ${vocabulary.length}: ${specials.length} special tokens and the characters of the text`,
      advice: 'Ask for more pieces, or for a smaller alphabet.',
    });

  const pairs = new Pairs(
    kept.map(([letters]) => letters.map((letter, i) => numberOf(i === 0 ? letter : `##${letter}`))),
    kept.map(([, count]) => count),
  );
  const queue = new Queue();
  const enter = (key: number): void => {
    const count = pairs.counts.get(key) ?? 0;
    const [left, right] = [vocabulary[Math.floor(key / radix)]!, vocabulary[key % radix]!];
    if (count >= Math.max(minFrequency, 1)) queue.put({ key, count, left, right });
  };
  for (const key of pairs.counts.keys()) enter(key);
  while (vocabulary.length < size) {
    const best = queue.take();
    if (best === undefined) break;
    // Counts change after a candidate is queued; its newer self is queued too.
    if (best.count !== pairs.counts.get(best.key)) continue;
    for (const key of pairs.join(best.key, numberOf(joinedText(best.left, best.right)))) enter(key);
  }
  return vocabulary;
};

/** A vocab.txt of the pieces, one a line. */
export const vocabularyText = (pieces: readonly string[]): string => `${pieces.join('\n')}\n`;
