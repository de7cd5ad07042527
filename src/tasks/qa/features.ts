/** Questions as a model reads them: windows of question and context, and answers out of what the model says of them. */
import { ShapeError } from '../../errors.ts';
import type { Piece, Tokenizer } from '../../text/tokenizer.ts';
import type { Example, Output, TokenSpan } from '../types.ts';
import { evaluateSquad1, evaluateSquad2, type Gold } from './metrics.ts';
import { bestSpans, type SpanOptions, type Spans } from './spans.ts';
import type { SquadQuestion } from './squad.ts';
import { type ContextWindow, contextWindows, piecesOf, type WindowOptions } from './windows.ts';

export interface QuestionFeatures {
  /** One for each window; `row` is the question it belongs to. */
  readonly examples: readonly Example[];
  /** The spans of every question, in order. @param outputs one for each example, in order */
  spans(outputs: readonly Output[], options: SpanOptions): readonly Spans[];
}

/** The first token, where a window without the answer says so. */
const nowhere: TokenSpan = { from: 0, to: 1 };

/** Where a window holds the pieces [from, to) of an answer: the tokens, or {@link nowhere} if not all of them are in it. */
const answerIn = (window: ContextWindow, answer: TokenSpan | null): TokenSpan =>
  answer && answer.from >= window.from && answer.to <= window.to
    ? { from: window.positions[answer.from - window.from], to: window.positions[answer.to - 1 - window.from] + 1 }
    : nowhere;

/**
 * The windows of questions. The first listed answer is the one a window is labelled with, as in BERT's own training.
 *
 * @throws UsageError for options that leave no room; from `spans`, ShapeError for outputs that do not fit.
 */
export const questionFeatures = (
  questions: readonly Pick<SquadQuestion, 'context' | 'question' | 'answers'>[],
  tokenizer: Tokenizer,
  options: WindowOptions,
): QuestionFeatures => {
  // Many questions share a paragraph.
  const known = new Map<string, readonly Piece[]>();
  const piecesOfContext = (context: string): readonly Piece[] => {
    const pieces = known.get(context) ?? tokenizer.pieces(context);
    known.set(context, pieces);
    return pieces;
  };
  const windowed = questions.map(({ context, question, answers }) => {
    const pieces = piecesOfContext(context);
    const [first] = answers;
    return {
      context,
      pieces,
      answer: first ? piecesOf(pieces, first.start, first.start + first.text.length) : null,
      windows: contextWindows(tokenizer, tokenizer.pieces(question), pieces, options),
    };
  });
  const examples = windowed.flatMap(({ answer, windows }, row) =>
    windows.map((window) => ({
      tokens: window.encoding.tokens,
      segments: window.encoding.segments,
      label: 0,
      answer: answerIn(window, answer),
      row,
    })),
  );
  return {
    examples,
    spans: (outputs, spanOptions) => {
      if (outputs.length !== examples.length)
        throw new ShapeError({
          operation: 'answer spans',
          received: `${outputs.length} outputs`,
          expected: `${examples.length}, one for each window`,
        });
      let next = 0;
      return windowed.map(({ context, pieces, windows }) => {
        const own = outputs.slice(next, next + windows.length);
        next += windows.length;
        return bestSpans(context, pieces, windows, own, spanOptions);
      });
    },
  };
};

/** What a question is scored against. */
export const goldOf = ({ id, answers }: Pick<SquadQuestion, 'id' | 'answers'>): Gold => ({
  id,
  answers: answers.map(({ text }) => text),
});

/** SQuAD 1.1: the best span of each question is its answer. */
export const scoreSpans1 = (questions: readonly Gold[], spans: readonly Spans[]) => {
  const texts = spans.map(({ candidates }) => candidates[0]?.text ?? '');
  const { f1, exact } = evaluateSquad1(questions, new Map(questions.map(({ id }, i) => [id, texts[i]])));
  return { f1, exact };
};

/**
 * SQuAD 2.0: a question is answered by its best span, unless `noAnswer` exceeds its score by more than `threshold`.
 * `best_f1` and `best_exact` are those of the best threshold for these very questions, as the official script has them.
 */
export const scoreSpans2 = (questions: readonly Gold[], spans: readonly Spans[], threshold = 0) => {
  const texts = new Map(questions.map(({ id }, i) => [id, spans[i].candidates[0]?.text ?? '']));
  const surplus = new Map(
    questions.map(({ id }, i) => {
      const { candidates, noAnswer } = spans[i];
      return [id, candidates.length > 0 ? noAnswer - candidates[0].score : Number.POSITIVE_INFINITY];
    }),
  );
  const { f1, exact, best } = evaluateSquad2(questions, texts, { noAnswer: surplus, threshold });
  return { f1, exact, best_f1: best!.f1, best_exact: best!.exact };
};
