/**
 * The records of SQuAD files (Rajpurkar et al. 2016, 2018): questions about paragraphs of Wikipedia articles, answered by
 * a part of the paragraph, or, from 2.0 on, by nothing.
 *
 * Layout: { version, data: [{ title, paragraphs: [{ context, qas: [{ id, question, is_impossible?, answers: [{ text,
 * answer_start }] }] }] }] }. `answer_start` counts code points, as Python does; here it becomes the index of a UTF-16
 * unit, as JavaScript counts.
 */
import { DataError } from '../../errors.ts';
import { splitLines } from '../../text/lines.ts';
import { jsonFault } from '../json-fault.ts';
import { gunzip } from './gunzip.ts';

export interface SquadAnswer {
  readonly text: string;
  /** UTF-16 index into the context: context.slice(start, start + text.length) is the text. */
  readonly start: number;
}

export interface SquadQuestion {
  readonly id: string;
  /** Its article's place in the file, from 0. */
  readonly article: number;
  readonly title: string;
  readonly context: string;
  readonly question: string;
  /** By several annotators, perhaps the same ones; empty where the question is impossible. */
  readonly answers: readonly SquadAnswer[];
  readonly impossible: boolean;
}

export interface SquadRecords {
  /** `1.1`, `v2.0`, … as the file has it; null where it says none. */
  readonly version: string | null;
  readonly articles: number;
  readonly paragraphs: number;
  readonly questions: readonly SquadQuestion[];
}

export const squadLayout =
  'SQuAD JSON: { data: [{ title, paragraphs: [{ context, qas: [{ id, question, answers: [{ text, answer_start }] }] }] }] }';

/** The UTF-16 index of each code point of a text, and its length at the end; null where the two are the same. */
export const codePointIndex = (text: string): Int32Array | null => {
  if (!/[\u{10000}-\u{10ffff}]/u.test(text)) return null;
  const starts: number[] = [];
  let at = 0;
  for (const character of text) {
    starts.push(at);
    at += character.length;
  }
  return Int32Array.from([...starts, at]);
};

/** A value on its way down the file, with the place it was found at. */
export interface Found {
  readonly value: unknown;
  readonly place: string;
}

export const fault = (received: string, place: string, expected: string, advice?: string): DataError =>
  new DataError({ operation: 'read SQuAD', received: `${received} in ${place}`, expected, advice });

const describe = (value: unknown): string =>
  value === undefined ? 'nothing' : Array.isArray(value) ? 'a list' : String(JSON.stringify(value)).slice(0, 60);

/** A member of an object, or undefined where there is none (or only an inherited one). */
export const member = ({ value, place }: Found, name: string): unknown => {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw fault(describe(value), place, `an object with "${name}"`, squadLayout);
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
};

export const text = (found: Found, name: string): string => {
  const value = member(found, name);
  if (typeof value !== 'string') throw fault(`${describe(value)} for "${name}"`, found.place, 'a text', squadLayout);
  return value;
};

export const list = (found: Found, name: string): readonly unknown[] => {
  const value = member(found, name);
  if (!Array.isArray(value)) throw fault(`${describe(value)} for "${name}"`, found.place, 'a list', squadLayout);
  return value;
};

/** Refuses an id that was there before. */
export const idsOnce = (): ((id: string, place: string) => void) => {
  const places = new Map<string, string>();
  return (id, place) => {
    const earlier = places.get(id);
    if (earlier !== undefined)
      throw fault('an id that is there twice', place, 'every id once', `The first is ${earlier}.`);
    places.set(id, place);
  };
};

/** One answer, its offset checked against the context. */
export const readAnswer = (found: Found, context: string, index: Int32Array | null): SquadAnswer => {
  const answer = text(found, 'text');
  const offset = member(found, 'answer_start');
  if (answer === '')
    throw fault('an empty answer', found.place, 'a text', 'A question without an answer has an empty list.');
  const codePoints = index ? index.length - 1 : context.length;
  if (!Number.isSafeInteger(offset) || (offset as number) < 0 || (offset as number) >= codePoints)
    throw fault(
      `answer_start ${describe(offset)}`,
      found.place,
      `a code point of the context, from 0 to ${codePoints - 1}`,
    );
  const start = index ? index[offset as number] : (offset as number);
  if (!context.startsWith(answer, start))
    throw fault(
      `the answer ${JSON.stringify(answer.slice(0, 60))} at answer_start ${offset}`,
      found.place,
      `the text that stands there, ${JSON.stringify(context.slice(start, start + Math.min(answer.length, 60)))}`,
      'answer_start counts code points of the context from 0.',
    );
  return { text: answer, start };
};

/**
 * The records of a parsed SQuAD file.
 *
 * @param name what to call the file in an error, usually its path.
 * @throws DataError naming file, article and question for what is not the layout, an answer that does not stand at its
 *   offset, an id that is there twice, a question that is impossible and has answers, or neither; and for no question.
 */
export const parseSquad = (json: unknown, name: string): SquadRecords => {
  const root: Found = { value: json, place: name };
  const version = member(root, 'version');
  const articles = list(root, 'data');
  const questions: SquadQuestion[] = [];
  const isNew = idsOnce();
  let paragraphs = 0;
  for (const [article, value] of articles.entries()) {
    const found = { value, place: `article ${article + 1} of ${name}` };
    const title = text(found, 'title');
    const titled = `article ${article + 1} (${title}) of ${name}`;
    for (const [number, paragraph] of list(found, 'paragraphs').entries()) {
      paragraphs++;
      const inParagraph = { value: paragraph, place: `paragraph ${number + 1} of ${titled}` };
      const context = text(inParagraph, 'context');
      const index = codePointIndex(context);
      for (const entry of list(inParagraph, 'qas')) {
        const id = text({ value: entry, place: inParagraph.place }, 'id');
        const asked = { value: entry, place: `question ${id} of ${titled}` };
        isNew(id, asked.place);
        const question = text(asked, 'question');
        const impossible = member(asked, 'is_impossible') ?? false;
        if (typeof impossible !== 'boolean')
          throw fault(`${describe(impossible)} for "is_impossible"`, asked.place, 'true or false');
        const answers = list(asked, 'answers').map((answer) =>
          readAnswer({ value: answer, place: asked.place }, context, index),
        );
        if (impossible !== (answers.length === 0))
          throw fault(
            `${answers.length} answers and is_impossible ${impossible}`,
            asked.place,
            'answers, or none where the question is impossible',
          );
        questions.push({ id, article, title, context, question, answers, impossible });
      }
    }
  }
  if (questions.length === 0) throw fault('no question', name, 'at least one');
  return {
    version: typeof version === 'string' ? version : null,
    articles: articles.length,
    paragraphs,
    questions,
  };
};

/**
 * JSON, packed by gzip or not (the first two bytes tell).
 *
 * @throws DataError where it does not unpack, is not UTF-8 (names the line), or not JSON (names line and column).
 */
export const parseJson = async (bytes: Uint8Array, path: string, expected: string): Promise<unknown> => {
  const text = splitLines(await gunzip(bytes, path), path).join('\n');
  try {
    return JSON.parse(text);
  } catch (error) {
    // What engines say of the place differs, and most say nothing.
    const { line, column } = jsonFault(text) ?? { line: 1, column: 1 };
    throw new DataError(
      {
        operation: 'read JSON',
        received: `a text that is no JSON (${(error as Error).message}) at ${path}:${line}:${column}`,
        expected,
      },
      { cause: error },
    );
  }
};

/** The ids of questions, as a JSON list. @throws DataError for anything else */
export const readIds = async (bytes: Uint8Array, path: string): Promise<ReadonlySet<string>> => {
  const expected = 'a JSON list of question ids';
  const ids = await parseJson(bytes, path, expected);
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string'))
    throw new DataError({ operation: 'read question ids', received: `${describe(ids)} in ${path}`, expected });
  return new Set(ids);
};
