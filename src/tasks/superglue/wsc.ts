/** WSC (Levesque et al. 2011): does the pronoun mean the noun? */
import * as v from 'valibot';
import { type Dataset, hiddenLabel } from '../dataset.ts';
import { accuracyOf, countMarked, sameMeaning, superglueParts } from './common.ts';
import { type Marked, phraseAt } from './marked.ts';
import { markedSequence } from './marked-sequence.ts';
import { check, labelOf, place, readObjects, words } from './objects.ts';

export interface WscRow {
  readonly text: string;
  /** Noun and pronoun, as the file writes them. */
  readonly phrases: readonly [string, string];
  readonly marked: readonly [Marked, Marked];
  readonly label: number | null;
}

const target = v.looseObject({ span1_text: words, span1_index: place, span2_text: words, span2_index: place });
const schema = v.looseObject({ text: words, target });
/** Hugging Face has the fields of the target beside the text. */
const flat = v.looseObject({ ...target.entries, text: words });

export const wsc: Dataset<WscRow> = {
  ...sameMeaning,
  pairs: false,
  name: 'wsc',
  title: 'WSC',
  about: 'does the pronoun mean the noun?',
  licence: 'CC BY 4.0',
  layout: 'JSONL with text, target.span1_text, .span1_index, .span2_text, .span2_index (words between spaces), label',
  parts: superglueParts,
  texts: ({ text }) => [text],
  sentences: ({ text }) => [text],
  records: (source, labels) =>
    readObjects('WSC', source, labels, (value, origin) => {
      const where = origin.hub ? check(flat, value, origin) : check(schema, value, origin).target;
      const { text, label } = value as { text: string; label?: unknown };
      const marked = [
        phraseAt(text, where.span1_text, where.span1_index),
        phraseAt(text, where.span2_text, where.span2_index),
      ] as const;
      const phrases = [where.span1_text, where.span2_text] as const;
      return [{ text, phrases, marked, label: labelOf(label, [false, true], origin) }];
    }),
  counts: (rows) => countMarked(rows, 'phrases found at another word', 'phrases not in the text'),
  examples: (rows, tokenizer, length = Number.POSITIVE_INFINITY) =>
    rows.map(({ text, marked, label }) => {
      const { cut: _, ...sequence } = markedSequence([{ text, marks: marked }], tokenizer, length);
      return { ...sequence, label: label ?? hiddenLabel };
    }),
  score: (rows, _, outputs) => accuracyOf('WSC', rows, outputs),
};
