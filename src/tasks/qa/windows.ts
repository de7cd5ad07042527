/**
 * A long context in windows (Devlin et al. 2019, §4.2): the question stands before each, and they overlap, so that an
 * answer cut by one window's end lies whole in another.
 */
import { UsageError } from '../../errors.ts';
import type { Encoding, Piece, Tokenizer } from '../../text/tokenizer.ts';
import { windows } from '../../text/windows.ts';

/** A window over the context's pieces [from, to). */
export interface SpanWindow {
  /** Tokens of the window, all of them. */
  readonly tokens: number;
  readonly from: number;
  readonly to: number;
  /** The token at which each of those pieces stands: [to − from]. */
  readonly positions: Int32Array;
}

export interface ContextWindow extends SpanWindow {
  readonly encoding: Encoding;
}

export interface WindowOptions {
  /** Tokens of a window, special ones and question included. */
  readonly length: number;
  /** How many pieces further each window begins; never more than fit, so that none is skipped. */
  readonly stride: number;
  /** The question is cut to so many pieces. */
  readonly questionLength: number;
}

/** How long contexts are cut unless somebody says otherwise, by the tokens of a window. */
export const usualWindows = (length: number): WindowOptions => ({
  length,
  stride: Math.max(1, Math.floor(length / 3)),
  questionLength: Math.max(1, Math.min(64, Math.floor(length / 3))),
});

/**
 * The windows of a context, left to right, as {@link windows} cuts them; one, without pieces, where the context has none.
 *
 * @throws UsageError for options that are no counts and where no piece of context fits beside the question.
 */
export const contextWindows = (
  tokenizer: Tokenizer,
  question: readonly Piece[],
  context: readonly Piece[],
  { length, stride, questionLength }: WindowOptions,
): ContextWindow[] => {
  if (!Number.isSafeInteger(questionLength) || questionLength < 1)
    throw new UsageError({
      operation: 'context windows',
      received: `question length ${questionLength}`,
      expected: 'a whole number, at least 1',
    });
  const asked = question.slice(0, questionLength);
  const room = length - tokenizer.specials(true) - asked.length;
  return windows(tokenizer, asked, context, length, Math.min(room, stride)).map(({ encoding, from, to, first }) => ({
    encoding,
    tokens: encoding.tokens.length,
    from,
    to,
    positions: Int32Array.from({ length: to - from }, (_, i) => first + i),
  }));
};

/**
 * How much context a span [first, last] of pieces has in a window: pieces on its poorer side, and a hundredth of the
 * window's length, which prefers the longer of two; −1 where it does not lie in the window.
 */
export const contextOf = ({ from, to }: SpanWindow, first: number, last: number): number =>
  first < from || last >= to ? -1 : Math.min(first - from, to - 1 - last) + 0.01 * (to - from);

/**
 * The pieces [from, to) that a range [start, end) of the text touches; null where it touches none (its characters
 * vanished in the tokenizer's cleaning).
 */
export const piecesOf = (
  pieces: readonly Piece[],
  start: number,
  end: number,
): { readonly from: number; readonly to: number } | null => {
  const from = pieces.findIndex((piece) => piece.end > start && piece.start < end);
  if (from < 0) return null;
  let to = from + 1;
  while (to < pieces.length && pieces[to].start < end) to++;
  return { from, to };
};
