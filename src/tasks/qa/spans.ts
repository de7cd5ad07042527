/** Answers out of start and end logits, over all windows of a context. */
import { DivergedError, ShapeError, UsageError } from '../../errors.ts';
import type { Piece } from '../../text/tokenizer.ts';
import type { Output } from '../types.ts';
import { contextOf, type SpanWindow } from './windows.ts';

export interface SpanCandidate {
  /** As it stands in the context. */
  readonly text: string;
  /** UTF-16 range [start, end) of the context. */
  readonly start: number;
  readonly end: number;
  /** Start logit plus end logit. */
  readonly score: number;
}

export interface SpanOptions {
  /** How many candidates are kept. */
  readonly best: number;
  /** Pieces of an answer at most. */
  readonly longest: number;
}

/** Pieces of an answer at most, unless somebody says otherwise. */
export const usualLongest = 30;

export interface Spans {
  /** Best first; ties keep the order of the windows, then of the text. Empty where the context has no pieces. */
  readonly candidates: readonly SpanCandidate[];
  /** Start plus end logit of the first token, the least of all windows: a question has no answer if no window has one. */
  readonly noAnswer: number;
}

/** Start and end logits of a window, as a head's output lays them out: starts, then ends; padding may follow each. */
const halves = (output: Output, tokens: number): [Float32Array, Float32Array] => {
  const width = output.length / 2;
  if (!Number.isInteger(width) || width < tokens)
    throw new ShapeError({
      operation: 'answer spans',
      received: `an output of ${output.length} numbers for ${tokens} tokens`,
      expected: 'a start and an end logit for each token',
    });
  if (output.some(Number.isNaN))
    throw new DivergedError({ operation: 'answer spans', received: 'an output with NaN', expected: 'numbers' });
  return [output.subarray(0, width), output.subarray(width)];
};

/**
 * The best spans of a context. A span begins and ends in the context, never in the question, holds at most `longest`
 * pieces, and is judged once, in the window where it has most context on its poorer side. (BERT's rule asks this of the
 * start alone, and so can lose an answer that only a later window holds whole.)
 *
 * @param outputs one for each window.
 * @throws ShapeError for outputs that do not fit their windows, DivergedError for NaN in them, UsageError for counts below 1.
 */
export const bestSpans = (
  context: string,
  pieces: readonly Piece[],
  windows: readonly SpanWindow[],
  outputs: readonly Output[],
  { best, longest }: SpanOptions,
): Spans => {
  if (outputs.length !== windows.length || windows.length === 0)
    throw new ShapeError({
      operation: 'answer spans',
      received: `${outputs.length} outputs for ${windows.length} windows`,
      expected: 'one each, at least one',
    });
  if (!Number.isSafeInteger(best) || best < 1 || !Number.isSafeInteger(longest) || longest < 1)
    throw new UsageError({
      operation: 'answer spans',
      received: `best ${best}, longest ${longest}`,
      expected: 'whole numbers, at least 1',
    });
  const kept: SpanCandidate[] = [];
  const keep = (candidate: SpanCandidate): void => {
    let place = kept.length;
    while (place > 0 && kept[place - 1].score < candidate.score) place--;
    kept.splice(place, 0, candidate);
    if (kept.length > best) kept.pop();
  };
  const ownedBy = (w: number, first: number, last: number): boolean => {
    const own = contextOf(windows[w], first, last);
    return windows.every((window, other) => {
      const context = contextOf(window, first, last);
      return other < w ? context < own : context <= own;
    });
  };
  let noAnswer = Number.POSITIVE_INFINITY;
  for (const [w, { tokens, from, to, positions }] of windows.entries()) {
    const [starts, ends] = halves(outputs[w], tokens);
    noAnswer = Math.min(noAnswer, starts[0] + ends[0]);
    for (let first = from; first < to; first++) {
      const startLogit = starts[positions[first - from]];
      for (let last = first; last < Math.min(to, first + longest); last++) {
        const score = startLogit + ends[positions[last - from]];
        if (kept.length === best && score <= kept[best - 1].score) continue;
        if (!ownedBy(w, first, last)) continue;
        const [start, end] = [pieces[first].start, pieces[last].end];
        const text = context.slice(start, end);
        if (text.trim() !== '') keep({ text, start, end, score });
      }
    }
  }
  return { candidates: kept, noAnswer };
};
