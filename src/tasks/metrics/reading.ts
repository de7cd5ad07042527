/** What MultiRC and ReCoRD measure: answers that belong together are judged together. */
import { ShapeError } from '../../errors.ts';
import { answerF1, exactMatch } from '../qa/metrics.ts';
import { checkPairs, f1 } from './f1.ts';

/**
 * MultiRC (Khashabi et al. 2018): every candidate answer of a question is true or false by itself.
 *
 * - `f1a`: F1 of "true" over all answers of all questions.
 * - `em`: the share of questions all of whose answers were judged right.
 *
 * @param questions per answer: which question it belongs to; any numbers, in any order.
 * @throws ShapeError for unequal lengths or no answer at all.
 */
export const multircScores = (
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  questions: ArrayLike<number>,
): { readonly f1a: number; readonly em: number } => {
  checkPairs('multirc', predicted, labels);
  checkPairs('multirc', questions, labels);
  const right = new Map<number, boolean>();
  for (let i = 0; i < labels.length; i++)
    right.set(questions[i], (right.get(questions[i]) ?? true) && predicted[i] === labels[i]);
  const exact = [...right.values()].filter(Boolean).length;
  return { f1a: f1(predicted, labels), em: exact / right.size };
};

/**
 * ReCoRD (Zhang et al. 2018): the predicted entity of a query against all its gold answers, the best one counts,
 * compared as SQuAD compares answers. `em`: equal; `f1`: shared words. Both are means over the queries.
 *
 * @throws ShapeError for unequal lengths, no query at all, or a query without gold answers.
 */
export const recordScores = (
  predicted: readonly string[],
  gold: readonly (readonly string[])[],
): { readonly f1: number; readonly em: number } => {
  const unanswered = gold.findIndex((answers) => answers.length === 0);
  if (predicted.length !== gold.length || gold.length === 0 || unanswered >= 0)
    throw new ShapeError({
      operation: 'record',
      received:
        unanswered >= 0
          ? `no gold answer for query ${unanswered}`
          : `${predicted.length} predictions and ${gold.length} lists of gold answers`,
      expected: 'equally many, at least one, each with an answer',
    });
  let [overlap, exact] = [0, 0];
  for (const [i, said] of predicted.entries()) {
    overlap += Math.max(...gold[i].map((answer) => answerF1(answer, said, 0)));
    exact += Math.max(...gold[i].map((answer) => exactMatch(answer, said)));
  }
  return { f1: overlap / gold.length, em: exact / gold.length };
};
