/** ReCoRD (Zhang et al. 2018): which entity of a news article fills the gap of a statement about it? */
import * as v from 'valibot';
import { type Dataset, hiddenLabel } from '../dataset.ts';
import { recordScores } from '../metrics/reading.ts';
import { checkOutputs } from '../outputs.ts';
import { largest } from '../score.ts';
import { joinPassage, superglueParts } from './common.ts';
import { check, type Origin, place, readObjects, unitsOf, words } from './objects.ts';

/** One statement with a gap. */
export interface RecordRow {
  readonly passage: string;
  /** With "@placeholder" where the entity is missing. */
  readonly query: string;
  /** The names that stand in the passage, each once, in the order of their first places. */
  readonly entities: readonly string[];
  /** Names that are right; null where they are hidden. */
  readonly answers: readonly string[] | null;
}

const gap = '@placeholder';
const range = v.looseObject({ start: place, end: place });
const schema = v.looseObject({
  passage: v.looseObject({ text: words, entities: v.array(range) }),
  qas: v.array(v.looseObject({ query: words, answers: v.optional(v.array(v.looseObject({ text: words }))) })),
});
/** Hugging Face has names instead of places. */
const flat = v.looseObject({ passage: words, query: words, entities: v.array(words), answers: v.array(words) });

const once = (names: readonly string[]): string[] => [...new Set(names)];

/** The name at a place whose end is its last character, as the files have it. */
const nameAt = (text: string, { start, end }: { start: number; end: number }, origin: Origin): string => {
  const unit = unitsOf(text);
  const name = text.slice(unit(start), unit(end + 1));
  if (end < start || unit(end + 1) > text.length || name.trim() === '')
    throw origin.fault(
      `the entity ${start} to ${end} of a passage of ${text.length} characters`,
      'a range inside it, its end the last character',
    );
  return name;
};

const checked = (row: RecordRow, origin: Origin): RecordRow => {
  if (!row.query.includes(gap)) throw origin.fault('a query without @placeholder', 'one gap');
  if (row.entities.length === 0) throw origin.fault('a passage without entities', 'at least one to choose from');
  if (origin.labels === 'required' && row.answers === null)
    throw origin.fault('no answers', 'at least one: those of the test files are hidden');
  return row;
};

const nested = (value: unknown, origin: Origin): RecordRow[] => {
  const { passage, qas } = check(schema, value, origin);
  const entities = once(passage.entities.map((span) => nameAt(passage.text, span, origin)));
  return qas.map(({ query, answers }) => {
    const names = answers && answers.length > 0 ? once(answers.map(({ text }) => text)) : null;
    return checked({ passage: passage.text, query, entities, answers: names }, origin);
  });
};

const fromHub = (value: unknown, origin: Origin): RecordRow[] => {
  const { passage, query, entities, answers } = check(flat, value, origin);
  const names = answers.length > 0 ? once(answers) : null;
  return [checked({ passage, query, entities: once(entities), answers: names }, origin)];
};

/** "@highlight" begins each line of the article's summary. */
const withoutMarkers = (passage: string): string => passage.replace(/\s*@highlight\s*/g, ' - ').trim();

/** How much the head prefers "true" to "false". */
const preference = (output: Float32Array): number => output[1] - output[0];

export const record: Dataset<RecordRow> = {
  name: 'record',
  title: 'ReCoRD',
  suite: 'SuperGLUE',
  about: 'which entity of a news article fills the gap of a statement about it?',
  licence: 'none stated; articles of CNN and the Daily Mail',
  layout:
    'JSONL of articles: passage.text, passage.entities[].start and .end (inclusive), qas[].query, .answers[].text',
  parts: superglueParts,
  head: 'classify',
  classes: ['false', 'true'],
  metrics: ['f1-em', 'f1', 'em'],
  pairs: true,
  spans: 0,
  choices: 0,
  unit: 'passage',
  texts: ({ passage }) => [passage],
  // The statement has a gap, and what belongs there is its label.
  sentences: ({ passage }) => [withoutMarkers(passage)],
  records: (source, labels) => readObjects('ReCoRD', source, labels, source.kind === 'parquet' ? fromHub : nested),
  counts: (rows) => ({
    labels: {},
    others: {
      passages: new Set(rows.map(({ passage }) => passage)).size,
      'hidden labels': rows.filter(({ answers }) => answers === null).length,
      'answers that are no entity': rows.filter(
        ({ answers, entities }) => answers !== null && !answers.some((answer) => entities.includes(answer)),
      ).length,
    },
  }),
  // An example an entity: the passage first, the statement with the entity in its gap second.
  examples: (rows, tokenizer, length) => {
    let last = { text: '', pieces: tokenizer.pieces('') };
    return rows.flatMap(({ passage, query, entities, answers }, row) => {
      if (last.text !== passage) last = { text: passage, pieces: tokenizer.pieces(withoutMarkers(passage)) };
      const { pieces } = last;
      return entities.map((entity) => {
        // A function, for a name may hold a "$", which a replacement text would read as a sign.
        const statement = tokenizer.pieces(query.replaceAll(gap, () => entity));
        const label = answers === null ? hiddenLabel : Number(answers.includes(entity));
        return { ...joinPassage(tokenizer, pieces, statement, length), label, row };
      });
    });
  },
  // The entity that the head prefers most; of equal ones the first.
  score: (rows, examples, outputs) => {
    checkOutputs('ReCoRD', outputs, examples.length, 2);
    let start = 0;
    const said = rows.map(({ entities }) => {
      const own = outputs.slice(start, start + entities.length).map(preference);
      start += entities.length;
      return entities[largest(own)];
    });
    const { f1, em } = recordScores(
      said,
      rows.map(({ answers }) => answers ?? []),
    );
    return { 'f1-em': (f1 + em) / 2, f1, em };
  },
};
