/** Texts with marked words as a model is given them. */
import { longestFirst } from '../../text/template.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Sequence, TokenSpan } from '../types.ts';
import { keepMarked, type Marked, tokensOf } from './marked.ts';

export interface MarkedText {
  readonly text: string;
  readonly marks: readonly Marked[];
}

/**
 * One text or two, as long as joining them would leave each, but with the marked words kept.
 *
 * @returns the tokens, the span of each mark in their order (that of the first token where none is left of it), and whether
 *   anything was cut
 */
export function markedSequence(
  texts: readonly [MarkedText, MarkedText?],
  tokenizer: Tokenizer,
  length: number,
): Sequence & { readonly spans: readonly TokenSpan[]; readonly cut: boolean } {
  const present = texts.filter((text) => text !== undefined);
  const whole = present.map(({ text }) => tokenizer.pieces(text));
  const room = length - tokenizer.specials(present.length === 2);
  const rooms = present.length === 2 ? longestFirst(whole[0].length, whole[1].length, room) : [room];
  const kept = whole.map((pieces, i) => keepMarked(pieces, present[i].marks, rooms[i]));
  const encoding = tokenizer.join(kept[0], kept[1] ?? null, length);
  const { tokens, segments } = encoding;
  return {
    ...(present.length === 2 ? { tokens, segments } : { tokens }),
    spans: present.flatMap(({ marks }, i) => marks.map((mark) => tokensOf(mark, kept[i], encoding, i === 0 ? 0 : 1))),
    cut: whole.some((pieces, i) => pieces.length > kept[i].length),
  };
}

/**
 * A text whose words are marked by hand: `the [[bank]] of the river`.
 *
 * @returns null where brackets are left open, stand in one another, or hold nothing
 */
export function readMarks(written: string): MarkedText | null {
  const marks: Marked[] = [];
  let text = '';
  for (const [i, part] of written.split(/(\[\[|\]\])/).entries()) {
    // Texts and brackets take turns; text 4n + 2 stands inside.
    if (i % 2 === 1 && part !== (i % 4 === 1 ? '[[' : ']]')) return null;
    if (i % 2 === 1) continue;
    if (i % 4 === 2) {
      if (part.trim() === '') return null;
      marks.push({ start: text.length, end: text.length + part.length, how: 'given' });
    }
    text += part;
  }
  return written.split(/\[\[|\]\]/).length % 2 === 1 ? { text, marks } : null;
}
