/** COPA (Roemmele et al. 2011): which of two sentences is the cause, or the effect, of the first? */
import * as v from 'valibot';
import { type Dataset, hiddenLabel } from '../dataset.ts';
import { accuracyOf, countLabels, superglueParts } from './common.ts';
import { check, labelOf, readObjects, words } from './objects.ts';

export interface CopaRow {
  readonly premise: string;
  readonly question: 'cause' | 'effect';
  readonly choices: readonly [string, string];
  /** 0 or 1: which choice is right. */
  readonly label: number | null;
}

const schema = v.looseObject({
  premise: words,
  choice1: words,
  choice2: words,
  question: v.picklist(['cause', 'effect']),
});

/** The two questions as the task puts them to people. */
const asked = { cause: 'What was the cause of this?', effect: 'What happened as a result?' };

export const copa: Dataset<CopaRow> = {
  name: 'copa',
  title: 'COPA',
  suite: 'SuperGLUE',
  about: 'which of two sentences is the cause, or the effect, of the first?',
  licence: 'BSD 2-Clause',
  layout: 'JSONL with premise, question (cause or effect), choice1, choice2, label',
  parts: superglueParts,
  head: 'choose',
  classes: [],
  metrics: ['accuracy'],
  pairs: true,
  spans: 0,
  choices: 2,
  unit: null,
  texts: ({ premise }) => [premise],
  sentences: ({ premise, choices }) => [premise, ...choices],
  records: (source, labels) =>
    readObjects('COPA', source, labels, (value, origin) => {
      // Hugging Face keeps the question as the word it is.
      const { premise, choice1, choice2, question, ...rest } = check(schema, value, origin);
      return [{ premise, question, choices: [choice1, choice2], label: labelOf(rest.label, [0, 1], origin) }];
    }),
  counts: (rows) => ({
    labels: countLabels(['first', 'second'], rows),
    others: {
      causes: rows.filter(({ question }) => question === 'cause').length,
      effects: rows.filter(({ question }) => question === 'effect').length,
    },
  }),
  examples: (rows, tokenizer, length) =>
    rows.map(({ premise, question, choices, label }) => {
      const first = tokenizer.pieces(`${premise.trim()} ${asked[question]}`);
      const sequences = choices.map((choice) => {
        const { tokens, segments } = tokenizer.join(first, tokenizer.pieces(choice), length);
        return { tokens, segments };
      });
      return { ...sequences[0], choices: sequences, label: label ?? hiddenLabel };
    }),
  score: (rows, _, outputs) => accuracyOf('COPA', rows, outputs),
};
