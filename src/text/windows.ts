import { UsageError } from '../errors.ts';
import type { Encoding, Piece, Tokenizer } from './tokenizer.ts';

/** A part of a long text that fits the model: the pieces [from, to) of it. */
export interface Window {
  readonly encoding: Encoding;
  readonly from: number;
  readonly to: number;
  /** The token position of piece `from`; the others follow it. Where there are no pieces, of the token behind. */
  readonly first: number;
}

/**
 * A long text in overlapping windows of at most `length` tokens, each behind the whole question where there is one.
 * `stride` is the step from window to window in pieces, as in BERT's script for SQuAD (`doc_stride`; the reference
 * library calls the overlap so). The last window is the first that reaches the end; an empty text has one window.
 *
 * @throws UsageError where no piece fits beside the question, or for a stride that leaves pieces out.
 */
export const windows = (
  tokenizer: Tokenizer,
  question: readonly Piece[] | null,
  context: readonly Piece[],
  length: number,
  stride: number,
): Window[] => {
  const taken = tokenizer.specials(question !== null) + (question?.length ?? 0);
  const room = length - taken;
  if (!Number.isInteger(length) || room < 1)
    throw new UsageError({
      operation: 'windows',
      received: `a length of ${length}`,
      expected: `more than ${taken}, the question and special tokens`,
      advice: 'Cut the question, or allow longer inputs.',
    });
  if (!Number.isInteger(stride) || stride < 1 || stride > room)
    throw new UsageError({
      operation: 'windows',
      received: `a stride of ${stride}`,
      expected: `1 to ${room}, the pieces that fit beside the question`,
    });
  const found: Window[] = [];
  for (let from = 0; ; from += stride) {
    const to = Math.min(from + room, context.length);
    const part = context.slice(from, to);
    const encoding = question === null ? tokenizer.join(part) : tokenizer.join(question, part);
    const own = question === null ? 0 : 1;
    const at = encoding.sequence.indexOf(own);
    const first = at < 0 ? encoding.tokens.length - 1 : at;
    found.push({ encoding, from, to, first });
    if (to === context.length) return found;
  }
};
