/**
 * Exact match and F1 of answers as the official evaluation scripts of SQuAD 1.1 (Rajpurkar et al. 2016) and 2.0
 * (Rajpurkar et al. 2018) define them. Values are shares in [0, 1]; the scripts print them times 100.
 */
import { UsageError } from '../../errors.ts';
import { answerWords, normalizeAnswer } from './normalize.ts';

/** A question's id and the texts that count as right. */
export interface Gold {
  readonly id: string;
  /** None: the question has no answer (2.0 only). */
  readonly answers: readonly string[];
}

/** 1 where both texts are the same after `normalizeAnswer`, else 0. */
export const exactMatch = (gold: string, predicted: string): 0 | 1 =>
  normalizeAnswer(gold) === normalizeAnswer(predicted) ? 1 : 0;

/**
 * F1 of the words two answers share, each as often as it stands in both:
 * 2PR / (P + R), P = shared / predicted words, R = shared / gold words; 0 where they share none.
 * The scripts part where a side has no words left: 1.1 gives 0, 2.0 gives 1 if both have none.
 */
export const answerF1 = (gold: string, predicted: string, bothEmpty: 0 | 1): number => {
  const [goldWords, predictedWords] = [answerWords(gold), answerWords(predicted)];
  if (goldWords.length === 0 && predictedWords.length === 0) return bothEmpty;
  const left = new Map<string, number>();
  for (const word of goldWords) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of predictedWords) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    shared++;
    left.set(word, count - 1);
  }
  if (shared === 0) return 0;
  const [precision, recall] = [shared / predictedWords.length, shared / goldWords.length];
  return (2 * precision * recall) / (precision + recall);
};

const best = (answers: readonly string[], score: (answer: string) => number): number =>
  answers.reduce((most, answer) => Math.max(most, score(answer)), 0);

/** One name for every id, at least one question. */
const checkQuestions = (operation: string, questions: readonly Gold[]): void => {
  const fault = (received: string, expected: string) => new UsageError({ operation, received, expected });
  if (questions.length === 0) throw fault('no question', 'at least one');
  const seen = new Set<string>();
  for (const { id } of questions) {
    if (seen.has(id)) throw fault(`the question ${id} twice`, 'every id once');
    seen.add(id);
  }
};

export interface Squad1Scores {
  readonly exact: number;
  readonly f1: number;
  readonly questions: number;
  /** Questions without a prediction; as in the script, they score 0. */
  readonly missing: number;
}

/**
 * The SQuAD 1.1 evaluation: the mean over all questions of the best score against any of a question's answers.
 *
 * @throws UsageError without questions, for one without answers, and for an id that stands there twice.
 */
export const evaluateSquad1 = (questions: readonly Gold[], predictions: ReadonlyMap<string, string>): Squad1Scores => {
  const operation = 'squad 1.1 scores';
  checkQuestions(operation, questions);
  let [exact, f1, missing] = [0, 0, 0];
  for (const { id, answers } of questions) {
    if (answers.length === 0)
      throw new UsageError({
        operation,
        received: `the question ${id} without answers`,
        expected: 'at least one',
        advice: 'Questions that have none are scored by the evaluation of SQuAD 2.0.',
      });
    const predicted = predictions.get(id);
    if (predicted === undefined) {
      missing++;
      continue;
    }
    exact += best(answers, (answer) => exactMatch(answer, predicted));
    f1 += best(answers, (answer) => answerF1(answer, predicted, 0));
  }
  return { exact: exact / questions.length, f1: f1 / questions.length, questions: questions.length, missing };
};

export interface Squad2Options {
  /**
   * How strongly the model holds that a question has no answer: any number, by question, in the order that decides
   * between equal ones. Absent: 0 for all of them.
   */
  readonly noAnswer?: ReadonlyMap<string, number>;
  /** A question whose `noAnswer` is above this counts as answered by nothing. Default 1, as in the script. */
  readonly threshold?: number;
}

export interface Squad2Scores {
  readonly exact: number;
  readonly f1: number;
  readonly questions: number;
  /** Of the questions that have an answer, and of those that have none; null where there are no such questions. */
  readonly hasAnswer: { readonly exact: number; readonly f1: number; readonly questions: number } | null;
  readonly noAnswer: { readonly exact: number; readonly f1: number; readonly questions: number } | null;
  /** The most that a threshold could have given, and that threshold; null without `noAnswer`. */
  readonly best: {
    readonly exact: number;
    readonly exactThreshold: number;
    readonly f1: number;
    readonly f1Threshold: number;
  } | null;
}

interface Scored {
  readonly id: string;
  readonly answered: boolean;
  readonly predicted: string;
  readonly exact: number;
  readonly f1: number;
}

/**
 * The best score over all thresholds, as the script finds it: all questions start as unanswered, then they are answered
 * one after the other, the surest first. It keeps the order of `noAnswer` among equals and looks after each of them, so
 * the value may be one that no threshold separates; published numbers have that in them.
 */
const bestThreshold = (
  scored: ReadonlyMap<string, Scored>,
  noAnswer: ReadonlyMap<string, number>,
  metric: 'exact' | 'f1',
): { readonly value: number; readonly threshold: number } => {
  let score = 0;
  for (const { answered } of scored.values()) if (!answered) score++;
  let [most, threshold] = [score, 0];
  const order = [...noAnswer].sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0));
  for (const [id, value] of order) {
    const question = scored.get(id);
    if (question === undefined) continue;
    // A question without an answer was right until now; saying anything makes it wrong.
    score += question.answered ? question[metric] : question.predicted === '' ? 0 : -1;
    if (score > most) [most, threshold] = [score, value];
  }
  return { value: most / scored.size, threshold };
};

/**
 * The SQuAD 2.0 evaluation. A question without an answer is right where the prediction is empty. Answers of which nothing
 * is left after `normalizeAnswer` do not count as answers when texts are compared.
 *
 * @param predictions a text for every question, empty for no answer.
 * @throws UsageError without questions, for a question without a prediction or a `noAnswer` (or NaN there), and for an id
 *   that stands there twice. The script leaves questions without a prediction out of the total; that would hide them.
 */
export const evaluateSquad2 = (
  questions: readonly Gold[],
  predictions: ReadonlyMap<string, string>,
  { noAnswer, threshold = 1 }: Squad2Options = {},
): Squad2Scores => {
  const operation = 'squad 2.0 scores';
  checkQuestions(operation, questions);
  const fault = (received: string, expected: string) => new UsageError({ operation, received, expected });
  const scored = new Map<string, Scored>();
  for (const { id, answers } of questions) {
    const predicted = predictions.get(id);
    if (predicted === undefined) throw fault(`no prediction for the question ${id}`, 'one for every question');
    if (noAnswer !== undefined && Number.isNaN(noAnswer.get(id) ?? Number.NaN))
      throw fault(`${noAnswer.get(id)} for no answer to the question ${id}`, 'a number for every question');
    const compared = answers.filter((answer) => normalizeAnswer(answer) !== '');
    if (compared.length === 0) compared.push('');
    scored.set(id, {
      id,
      answered: answers.length > 0,
      predicted,
      exact: best(compared, (answer) => exactMatch(answer, predicted)),
      f1: best(compared, (answer) => answerF1(answer, predicted, 1)),
    });
  }
  const withThreshold = (question: Scored, metric: 'exact' | 'f1'): number =>
    (noAnswer?.get(question.id) ?? 0) > threshold ? Number(!question.answered) : question[metric];
  const mean = (part: readonly Scored[]) => {
    const of = (metric: 'exact' | 'f1') =>
      part.reduce((sum, question) => sum + withThreshold(question, metric), 0) / part.length;
    return { exact: of('exact'), f1: of('f1'), questions: part.length };
  };
  const all = [...scored.values()];
  const [has, none] = [all.filter(({ answered }) => answered), all.filter(({ answered }) => !answered)];
  const [exactBest, f1Best] = noAnswer
    ? [bestThreshold(scored, noAnswer, 'exact'), bestThreshold(scored, noAnswer, 'f1')]
    : [null, null];
  return {
    ...mean(all),
    hasAnswer: has.length > 0 ? mean(has) : null,
    noAnswer: none.length > 0 ? mean(none) : null,
    best:
      exactBest && f1Best
        ? {
            exact: exactBest.value,
            exactThreshold: exactBest.threshold,
            f1: f1Best.value,
            f1Threshold: f1Best.threshold,
          }
        : null,
  };
};
