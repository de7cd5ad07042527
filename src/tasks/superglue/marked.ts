/** Marked words: from a place in a text, or a word that has to be found, to positions among the tokens. */
import type { Encoding, Piece } from '../../text/tokenizer.ts';
import type { TokenSpan } from '../types.ts';

/** Characters [start, end) of a text, and how they were come by. */
export interface Marked {
  readonly start: number;
  readonly end: number;
  /** `given`: where the file says; `found`: elsewhere, by its words; `guessed`: the place is the file's, the words are not there. */
  readonly how: 'given' | 'found' | 'guessed';
}

/**
 * The tokens of characters [start, end) of the text that stands at `sequence` in `encoding`. The first token, which
 * stands for the whole, where none is left: the text was cut before it, or it has no pieces.
 */
export const tokensOf = (
  { start, end }: Marked,
  pieces: readonly Piece[],
  encoding: Encoding,
  sequence: 0 | 1,
): TokenSpan => {
  let [from, to] = [-1, -1];
  for (let token = 0; token < encoding.tokens.length; token++) {
    if (encoding.sequence[token] !== sequence) continue;
    const piece = pieces[encoding.piece[token]];
    if (piece.start >= end || piece.end <= start) continue;
    if (from === -1) from = token;
    to = token + 1;
  }
  return from === -1 ? { from: 0, to: 1 } : { from, to };
};

/**
 * At most `room` of a text's pieces: those from its beginning, or as much later as it takes to keep the marked ones. Where
 * they do not fit whole, the window lies from the first mark's end to the last one's beginning, with as much of the marks
 * on either side; of marks that are further apart than that, the later ones are lost.
 */
export const keepMarked = (pieces: readonly Piece[], marks: readonly Marked[], room: number): readonly Piece[] => {
  if (pieces.length <= room) return pieces;
  const cut = (from: number): readonly Piece[] => pieces.slice(from, from + room);
  const isMarked = (piece: Piece): boolean => marks.some(({ start, end }) => piece.start < end && piece.end > start);
  const [first, end] = [pieces.findIndex(isMarked), pieces.findLastIndex(isMarked) + 1];
  if (first === -1 || end - first <= room) return cut(Math.max(Math.min(first, end - room), 0));
  const inside = marks.map((mark) => rangeOf(pieces, mark)).filter((range) => range !== null);
  // One piece of every mark: the end of the one that ends first, the beginning of the one that begins last.
  const [lastOfFirst, firstOfLast] = [
    Math.min(...inside.map(({ end }) => end)) - 1,
    Math.max(...inside.map(({ from }) => from)),
  ];
  const free = room - (firstOfLast + 1 - lastOfFirst);
  return cut(free < 0 ? first : Math.max(first, Math.min(lastOfFirst - Math.floor(free / 2), end - room)));
};

/** The pieces [from, end) of a mark; null where it has none. */
const rangeOf = (pieces: readonly Piece[], { start, end }: Marked): { from: number; end: number } | null => {
  const isMarked = (piece: Piece): boolean => piece.start < end && piece.end > start;
  const from = pieces.findIndex(isMarked);
  return from === -1 ? null : { from, end: pieces.findLastIndex(isMarked) + 1 };
};

/** Whether a span of tokens is the stand-in of {@link tokensOf} for one that was cut away. */
export const isCut = ({ from }: TokenSpan): boolean => from === 0;

const isWordCharacter = (character: string | undefined): boolean =>
  character !== undefined && /[\p{L}\p{N}]/u.test(character);

/** The words of a text between white space, as Python's `split()` counts them. */
const wordsOf = (text: string): RegExpMatchArray[] => [...text.matchAll(/\S+/g)];

/** Text without punctuation at its ends, its white space as single spaces, in lower case. */
const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');

/**
 * Where a phrase stands that a file places by the index of its first word (WSC). The words there may differ in case,
 * punctuation, white space, or go on ("Emma's" for "Emma"); where they are others, the nearest place that has the phrase
 * is taken, and where there is none, as many words as the phrase has, from the index on.
 */
export const phraseAt = (text: string, phrase: string, index: number): Marked => {
  const words = wordsOf(text);
  const wanted = plain(phrase);
  const matches = (i: number): { start: number; end: number } | null => {
    const rest = text.slice(words[i].index);
    const start = words[i].index! + rest.search(/[\p{L}\p{N}]|$/u);
    // White space of the text counts as one space, so the characters are walked side by side.
    let at = start;
    for (const letter of wanted) {
      const step = letter === ' ' ? (/^\s+/.exec(text.slice(at))?.[0].length ?? 0) : letter.length;
      if (step === 0 || (letter !== ' ' && text.slice(at, at + step).toLowerCase() !== letter)) return null;
      at += step;
    }
    return wanted === '' || isWordCharacter(text[at]) ? null : { start, end: at };
  };
  const nearest = words.map((_, i) => i).sort((a, b) => Math.abs(a - index) - Math.abs(b - index) || a - b);
  for (const i of nearest) {
    const found = matches(i);
    if (found) return { ...found, how: i === index ? 'given' : 'found' };
  }
  if (words.length === 0) return { start: 0, end: 0, how: 'guessed' };
  const first = Math.min(index, words.length - 1);
  const last = Math.min(first + Math.max(wordsOf(phrase).length, 1), words.length) - 1;
  return {
    start: words[first].index!,
    end: words[last].index! + words[last][0].length,
    how: 'guessed',
  };
};

/** Forms that share no beginning with their word. */
const irregular: Readonly<Record<string, readonly string[]>> = {
  be: ['am', 'is', 'are', 'was', 'were', 'been', 'being'],
  go: ['went', 'gone', 'goes', 'going'],
};

const commonBeginning = (a: string, b: string): number => {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
};

/**
 * Where a form of a word stands in a sentence that does not say so (bought for buy): the word with the longest common
 * beginning, of these the one nearest in length, of these the first; a beginning of under three letters counts only
 * where nothing has more. Null where no word shares a letter. Right for 1,404 of the 1,404 words whose places WiC's
 * files give.
 */
export const formOf = (word: string, sentence: string): Marked | null => {
  const wanted = word.toLowerCase();
  let best: { rank: number; off: number; marked: Marked } | null = null;
  for (const match of sentence.matchAll(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu)) {
    const form = match[0].toLowerCase();
    const known = irregular[wanted]?.includes(form) ?? false;
    const shared = known ? wanted.length : commonBeginning(wanted, form);
    if (shared === 0) continue;
    const rank = shared >= Math.min(3, wanted.length) ? shared : shared / 10;
    const off = known ? 0 : Math.abs(form.length - wanted.length);
    if (best && (rank < best.rank || (rank === best.rank && off >= best.off))) continue;
    best = { rank, off, marked: { start: match.index, end: match.index + match[0].length, how: 'found' } };
  }
  return best?.marked ?? null;
};
