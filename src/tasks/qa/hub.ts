/**
 * SQuAD as Hugging Face has it (`squad`, `squad_v2`): a row a question, with `id`, `title`, `context`, `question` and `answers`, an
 * object of the lists `text` and `answer_start`. These are empty where the question is impossible.
 */
import type { Cells } from '../parquet.ts';
import {
  codePointIndex,
  type Found,
  fault,
  idsOnce,
  list,
  member,
  readAnswer,
  type SquadQuestion,
  type SquadRecords,
  text,
} from './squad.ts';

export const hubLayout =
  "Hugging Face's Parquet with id, title, context, question, answers.text and answers.answer_start";

/**
 * The records of the rows of a Parquet file. An article is what has one title; its paragraphs are its contexts.
 *
 * @param path what to call the file in an error.
 * @throws DataError naming the row, as `parseSquad` does for a question.
 */
export const squadOfRows = (rows: readonly Cells[], path: string): SquadRecords => {
  const articles = new Map<string, number>();
  const paragraphs = new Set<string>();
  const isNew = idsOnce();
  // Many questions share a context, and follow each other.
  let known: { context: string; index: Int32Array | null } = { context: '', index: null };
  const questions = rows.map((value, i): SquadQuestion => {
    const row: Found = { value, place: `row ${i + 1} of ${path}` };
    const [id, title, context, question] = ['id', 'title', 'context', 'question'].map((column) => text(row, column));
    isNew(id, row.place);
    if (context !== known.context) known = { context, index: codePointIndex(context) };
    const said: Found = { value: member(row, 'answers'), place: row.place };
    const [texts, starts] = [list(said, 'text'), list(said, 'answer_start')];
    if (texts.length !== starts.length)
      throw fault(`${texts.length} texts of answers and ${starts.length} places`, row.place, 'one for each');
    const answers = texts.map((answer, at) =>
      readAnswer({ value: { text: answer, answer_start: starts[at] }, place: row.place }, context, known.index),
    );
    if (!articles.has(title)) articles.set(title, articles.size);
    const article = articles.get(title)!;
    paragraphs.add(`${article} ${context}`);
    return { id, article, title, context, question, answers, impossible: answers.length === 0 };
  });
  if (questions.length === 0) throw fault('no question', path, 'at least one');
  return { version: null, articles: articles.size, paragraphs: paragraphs.size, questions };
};
