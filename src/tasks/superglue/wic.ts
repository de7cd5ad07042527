/** WiC (Pilehvar and Camacho-Collados 2019): does a word mean the same in two sentences? */
import * as v from 'valibot';
import { type Dataset, hiddenLabel } from '../dataset.ts';
import { accuracyOf, countMarked, partsWith, sameMeaning } from './common.ts';
import { formOf, type Marked } from './marked.ts';
import { markedSequence } from './marked-sequence.ts';
import { check, labelOf, type Origin, place, readObjects, unitsOf, words } from './objects.ts';

export interface WicRow {
  readonly word: string;
  readonly sentences: readonly [string, string];
  /** Where the word, or a form of it, stands in each. */
  readonly marked: readonly [Marked, Marked];
  readonly label: number | null;
}

const schema = v.looseObject({
  word: words,
  sentence1: words,
  sentence2: words,
  start1: place,
  end1: place,
  start2: place,
  end2: place,
});
/** 5,228 of the 5,428 training records, and 124 that share a sentence with the dev file, as prompts are written. */
const flatTrain = 'train_flat5228.jsonl';
/** The same in one text without places. */
const flat = v.looseObject({ text: words, label: v.number() });
const flatPattern = /^Word: (.*?)\. Sentence 1: (.*) Sentence 2: (.*)$/s;

const given = (sentence: string, start: number, end: number, origin: Origin): Marked => {
  const unit = unitsOf(sentence);
  if (start >= end || unit(end) > sentence.length)
    throw origin.fault(
      `the word at ${start} to ${end} of a sentence of ${sentence.length} characters`,
      'a range inside it',
    );
  return { start: unit(start), end: unit(end), how: 'given' };
};

const rowOf = (value: unknown, origin: Origin): WicRow[] => {
  if (typeof value === 'object' && value !== null && 'text' in value && !('word' in value)) {
    const { text, label } = check(flat, value, origin);
    const parts = flatPattern.exec(text);
    if (!parts) throw origin.fault('another text', '"Word: w. Sentence 1: … Sentence 2: …"');
    const [, word, one, two] = parts;
    // A word that is nowhere is marked over the whole sentence: its mean state is the sentence's.
    const [a, b] = [one, two].map(
      (sentence): Marked => formOf(word, sentence) ?? { start: 0, end: sentence.length, how: 'guessed' },
    );
    return [{ word, sentences: [one, two], marked: [a, b], label: labelOf(label, [0, 1], origin) }];
  }
  const { word, sentence1, sentence2, start1, end1, start2, end2, ...rest } = check(schema, value, origin);
  const marked = [given(sentence1, start1, end1, origin), given(sentence2, start2, end2, origin)] as const;
  return [{ word, sentences: [sentence1, sentence2], marked, label: labelOf(rest.label, [false, true], origin) }];
};

export const wic: Dataset<WicRow> = {
  ...sameMeaning,
  pairs: true,
  name: 'wic',
  title: 'WiC',
  about: 'does a word mean the same in two sentences?',
  licence: 'CC BY-NC 4.0',
  layout: 'JSONL with word, sentence1, sentence2, start1, end1, start2, end2, label',
  parts: partsWith(flatTrain),
  overlapping: [flatTrain],
  texts: ({ sentences }) => sentences,
  sentences: ({ sentences }) => sentences,
  records: (source, labels) => readObjects('WiC', source, labels, rowOf),
  counts: (rows) => countMarked(rows, 'words found by likeness', 'words not found'),
  examples: (rows, tokenizer, length = Number.POSITIVE_INFINITY) =>
    rows.map(({ sentences: [one, two], marked: [a, b], label }) => {
      const texts = [
        { text: one, marks: [a] },
        { text: two, marks: [b] },
      ] as const;
      const { cut: _, ...sequence } = markedSequence(texts, tokenizer, length);
      return { ...sequence, label: label ?? hiddenLabel };
    }),
  score: (rows, _, outputs) => accuracyOf('WiC', rows, outputs),
};
