/** MultiRC (Khashabi et al. 2018): which answers to a question about a passage are true? Any number of them may be. */
import * as v from 'valibot';
import { type Dataset, hiddenLabel } from '../dataset.ts';
import { multircScores } from '../metrics/reading.ts';
import { checkOutputs, choicesOf } from '../outputs.ts';
import { countLabels, joinPassage, superglueParts } from './common.ts';
import { check, labelOf, type Origin, place, readObjects, words } from './objects.ts';

/** One question with all its answers. */
export interface MultircRow {
  readonly passage: string;
  readonly question: string;
  readonly answers: readonly { readonly text: string; readonly label: number | null }[];
}

const schema = v.looseObject({
  passage: v.looseObject({
    text: words,
    questions: v.array(
      v.looseObject({
        question: words,
        answers: v.pipe(
          v.array(v.looseObject({ text: v.string(), label: v.optional(v.unknown()) })),
          v.minLength(1, 'no answers'),
        ),
      }),
    ),
  }),
});
/** Hugging Face has a row an answer; `idx` says what belongs together. */
const flat = v.looseObject({
  paragraph: words,
  question: words,
  answer: v.string(),
  idx: v.looseObject({ paragraph: place, question: place }),
  label: v.optional(v.unknown()),
});

const truth = [0, 1];

const nested = (value: unknown, origin: Origin): MultircRow[] => {
  const { passage } = check(schema, value, origin);
  return passage.questions.map(({ question, answers }) => ({
    passage: passage.text,
    question,
    answers: answers.map(({ text, label }) => ({ text, label: labelOf(label, truth, origin) })),
  }));
};

/** Rows of one answer each, put together by question. */
const gathered = (rows: readonly (MultircRow & { readonly key: string })[]): MultircRow[] => {
  const questions = new Map<string, MultircRow>();
  for (const { key, passage, question, answers } of rows) {
    const known = questions.get(key);
    questions.set(key, { passage, question, answers: [...(known?.answers ?? []), ...answers] });
  }
  return [...questions.values()];
};

const answersOf = (rows: readonly MultircRow[]) => rows.flatMap(({ answers }) => answers);

export const multirc: Dataset<MultircRow> = {
  name: 'multirc',
  title: 'MultiRC',
  suite: 'SuperGLUE',
  about: 'is the answer to the question true, by the passage? several may be',
  licence: 'for research',
  layout: 'JSONL of passages: passage.text, passage.questions[].question, .answers[].text and .label',
  parts: superglueParts,
  head: 'classify',
  classes: ['false', 'true'],
  metrics: ['f1a-em', 'f1a', 'em'],
  pairs: true,
  spans: 0,
  choices: 0,
  unit: 'passage',
  texts: ({ passage }) => [passage],
  sentences: ({ passage, question, answers }) => [passage, question, ...answers.map(({ text }) => text)],
  records: (source, labels) => {
    if (source.kind !== 'parquet') return readObjects('MultiRC', source, labels, nested);
    const { rows, skipped } = readObjects('MultiRC', source, labels, (value, origin) => {
      const { paragraph, question, answer, idx, label } = check(flat, value, origin);
      const answers = [{ text: answer, label: labelOf(label, truth, origin) }];
      return [{ key: `${idx.paragraph} ${idx.question}`, passage: paragraph, question, answers }];
    });
    return { rows: gathered(rows), skipped };
  },
  counts: (rows) => {
    const answers = answersOf(rows);
    const passages = new Set(rows.map(({ passage }) => passage)).size;
    return { labels: countLabels(['false', 'true'], answers), others: { passages, answers: answers.length } };
  },
  // An example an answer: the passage first, question and answer together second.
  examples: (rows, tokenizer, length) => {
    let last = { text: '', pieces: tokenizer.pieces('') };
    return rows.flatMap(({ passage, question, answers }, row) => {
      if (last.text !== passage) last = { text: passage, pieces: tokenizer.pieces(passage) };
      const { pieces } = last;
      return answers.map(({ text, label }) => {
        const statement = tokenizer.pieces(`${question} ${text}`);
        return { ...joinPassage(tokenizer, pieces, statement, length), label: label ?? hiddenLabel, row };
      });
    });
  },
  score: (rows, _, outputs) => {
    const labels = answersOf(rows).map(({ label }) => label ?? hiddenLabel);
    checkOutputs('MultiRC', outputs, labels.length, 2);
    const questions = rows.flatMap(({ answers }, row) => answers.map(() => row));
    const { f1a, em } = multircScores(choicesOf(outputs), labels, questions);
    return { 'f1a-em': (f1a + em) / 2, f1a, em };
  },
};
