/** Lines that a person wrote, as what a head is asked, and what it says of them in words. */
import { DataError, UsageError } from '../errors.ts';
import type { Piece, Tokenizer } from '../text/tokenizer.ts';
import { type Entity, entities } from './ner/entities.ts';
import { taggingFeatures, usualOverlap } from './ner/features.ts';
import { questionFeatures } from './qa/features.ts';
import { type SpanCandidate, usualLongest } from './qa/spans.ts';
import { usualWindows } from './qa/windows.ts';
import { largest, refuseDiverged } from './score.ts';
import { type MarkedText, markedSequence, readMarks } from './superglue/marked-sequence.ts';
import type { Example, HeadKind, Output, Sequence } from './types.ts';

/** A line with something on it. */
export interface WrittenLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

export interface WrittenOptions {
  readonly tokenizer: Tokenizer;
  readonly head: HeadKind;
  /** Of `classify` and `tag`. */
  readonly classes: readonly string[];
  /** Tokens of an example. What is longer is cut, but for `tag` and `span`: these are windowed, as in training. */
  readonly length: number;
  /** classify and regress: a line is two texts. */
  readonly pairs: boolean;
  /** classify: the words that are marked in a line, `[[so]]`. */
  readonly marked: number;
  /** span: so many answers of each question are told, the best first; null: the best alone. */
  readonly best: number | null;
  /** span: a question has no answer where saying so is worth more than the best answer by over this; null: it always has. */
  readonly noAnswer: number | null;
}

/** What is said of a line. */
export type Answer =
  | { readonly class: string; readonly probability: number; readonly probabilities: Readonly<Record<string, number>> }
  | { readonly value: number }
  /** `choice` counts from 0. */
  | {
      readonly choice: number;
      readonly text: string;
      readonly probability: number;
      readonly probabilities: readonly number[];
    }
  | {
      readonly words: readonly string[];
      readonly tags: readonly string[];
      readonly entities?: readonly (Entity & { readonly text: string })[];
    }
  /** Null for no answer. The scores are sums of two logits; `best` is there where it was asked for, whatever `answer` is. */
  | {
      readonly answer: AnswerSpan | null;
      readonly score: number | null;
      readonly noAnswer: number;
      readonly best?: readonly (AnswerSpan & { readonly score: number })[];
    };

/** Code points [start, end) of the context. */
export interface AnswerSpan {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface WrittenExamples {
  readonly examples: readonly Example[];
  /** Numbers of the lines that were cut to the length; of `span` those whose questions were cut, as `usualWindows` says. */
  readonly cut: readonly number[];
  /** One for each line, in order. @throws DivergedError as `refuseDiverged` */
  answers(outputs: readonly Output[]): readonly Answer[];
}

/** The fields of a line, parted by TABs. */
export const fieldNames: Readonly<Record<HeadKind, string>> = {
  classify: 'a text, or with --pairs two',
  regress: 'a text, or with --pairs two',
  tag: 'words with spaces between them',
  span: 'a question and a context',
  choose: 'a text and at least two choices',
};

/**
 * @param name of the file, for errors
 * @throws DataError for a line of other fields than the head asks for; UsageError for options of other heads
 */
export function writtenExamples(lines: readonly WrittenLine[], name: string, options: WrittenOptions): WrittenExamples {
  const { answers, ...asked } = askedExamples(lines, name, options);
  return {
    ...asked,
    answers(outputs) {
      refuseDiverged('predict', outputs, options.head);
      return answers(outputs);
    },
  };
}

function askedExamples(
  lines: readonly WrittenLine[],
  name: string,
  { tokenizer, head, classes, length, pairs, marked, best, noAnswer }: WrittenOptions,
): WrittenExamples {
  if (pairs && head !== 'classify' && head !== 'regress') throw misplaced('--pairs', head);
  if (noAnswer !== null && head !== 'span') throw misplaced('--null-threshold', head);
  if (best !== null && head !== 'span') throw misplaced('--best', head);
  const cut: number[] = [];
  const joined = (line: number, a: readonly Piece[], b: readonly Piece[] | null): Sequence => {
    const whole = a.length + (b?.length ?? 0) + tokenizer.specials(b !== null);
    if (whole > length && cut.at(-1) !== line) cut.push(line);
    const { tokens, segments } = tokenizer.join(a, b, length);
    return b ? { tokens, segments } : { tokens };
  };
  const fields = (least: number, most: number) =>
    lines.map(({ number, text }) => {
      const parts = head === 'tag' ? [text] : text.split('\t');
      if (parts.length >= least && parts.length <= most && parts.every((part) => part.trim() !== '')) return parts;
      const empty = parts.some((part) => part.trim() === '') ? ', some of them empty' : '';
      throw new DataError({
        operation: 'predict',
        received: `${parts.length} fields parted by TABs${empty} at ${name}:${number}`,
        expected: fieldNames[head],
      });
    });
  switch (head) {
    case 'classify':
    case 'regress': {
      const count = pairs ? 2 : 1;
      if (marked > 0) {
        const examples = fields(count, count).map((texts, i) => {
          const [one, two] = markedTexts(texts, marked, `${name}:${lines[i].number}`);
          const { cut: isCut, ...sequence } = markedSequence([one, two], tokenizer, length);
          if (isCut) cut.push(lines[i].number);
          return { ...sequence, label: 0 };
        });
        return { examples, cut, answers: (outputs) => outputs.map((output) => classAnswer(output, classes)) };
      }
      const examples = fields(count, count).map(([first, second], i) => ({
        ...joined(lines[i].number, tokenizer.pieces(first), second === undefined ? null : tokenizer.pieces(second)),
        label: 0,
      }));
      const answer = (output: Output): Answer =>
        head === 'regress' ? { value: output[0] } : classAnswer(output, classes);
      return { examples, cut, answers: (outputs) => outputs.map(answer) };
    }
    case 'choose': {
      const all = fields(3, Number.POSITIVE_INFINITY);
      const examples = all.map(([text, ...choices], i) => {
        const first = tokenizer.pieces(text);
        const sequences = choices.map((choice) => joined(lines[i].number, first, tokenizer.pieces(choice)));
        return { ...sequences[0], choices: sequences, label: 0 };
      });
      const answer = (output: Output, i: number): Answer => {
        const probabilities = softmax(output);
        const choice = largest(output);
        return { choice, text: all[i][choice + 1], probability: probabilities[choice], probabilities };
      };
      return { examples, cut, answers: (outputs) => outputs.map(answer) };
    }
    case 'tag': {
      const sentences = fields(1, 1).map(([text]) => {
        const words = text.trim().split(/\s+/u);
        return { words, tags: words.map(() => classes[0]), document: 0 };
      });
      const windowing = { length, overlap: usualOverlap(length) };
      const { examples, tags } = taggingFeatures(sentences, tokenizer, classes, windowing);
      const iob = classes.every((tag) => /^(O|[BI]-.+)$/.test(tag));
      const answer = (own: readonly string[], i: number): Answer => {
        const { words } = sentences[i];
        const named = (entity: Entity) => ({ ...entity, text: words.slice(entity.from, entity.to).join(' ') });
        return { words, tags: own, ...(iob ? { entities: entities(own).map(named) } : {}) };
      };
      return { examples, cut, answers: (outputs) => tags(outputs).map(answer) };
    }
    case 'span': {
      const questions = fields(2, 2).map(([question, context]) => ({ question, context, answers: [] }));
      const windowing = usualWindows(length);
      for (const [i, { question }] of questions.entries())
        if (tokenizer.pieces(question).length > windowing.questionLength) cut.push(lines[i].number);
      const { examples, spans } = questionFeatures(questions, tokenizer, windowing);
      return {
        ...{ examples, cut },
        answers: (outputs) =>
          spans(outputs, { best: best ?? 1, longest: usualLongest }).map(({ candidates, noAnswer: none }, i) => {
            const { context } = questions[i];
            const points = (to: number) => [...context.slice(0, to)].length;
            const spanOf = ({ text, start, end }: SpanCandidate) => ({ text, start: points(start), end: points(end) });
            const [first] = candidates;
            const left = !first || (noAnswer !== null && none - first.score > noAnswer);
            const answer = { answer: left ? null : spanOf(first), score: first?.score ?? null, noAnswer: none };
            if (best === null) return answer;
            return { ...answer, best: candidates.map((one) => ({ ...spanOf(one), score: one.score })) };
          }),
      };
    }
  }
}

/** @throws DataError where not as many words are marked as the head asks for, or brackets do not fit */
function markedTexts(texts: readonly string[], expected: number, where: string): MarkedText[] {
  const read = texts.map(readMarks);
  const whole = read.filter((text) => text !== null);
  const count = whole.reduce((sum, { marks }) => sum + marks.length, 0);
  if (whole.length === texts.length && count === expected) return whole;
  throw new DataError({
    operation: 'predict',
    received:
      whole.length < texts.length
        ? `brackets that do not close each other at ${where}`
        : `${count} marked words at ${where}`,
    expected: `${expected}, each written [[so]]`,
  });
}

const misplaced = (option: string, head: HeadKind) =>
  new UsageError({ operation: `predict ${option}`, received: `a head that does ${head}`, expected: `no ${option}` });

function softmax(output: Output): number[] {
  const most = output.reduce((a, b) => Math.max(a, b));
  const raised = Array.from(output, (logit) => Math.exp(logit - most));
  const sum = raised.reduce((a, b) => a + b);
  return raised.map((value) => value / sum);
}

function classAnswer(output: Output, classes: readonly string[]): Answer {
  const probabilities = softmax(output);
  const best = largest(output);
  return {
    class: classes[best],
    probability: probabilities[best],
    probabilities: Object.fromEntries(classes.map((name, i) => [name, probabilities[i]])),
  };
}

/**
 * An answer as lines of plain text: what was chosen, then a TAB and how sure; words with their tags, and several answers of one
 * question, one below the other with an empty line after them.
 */
export function answerText(answer: Answer): string {
  if ('class' in answer) return `${answer.class}\t${answer.probability.toFixed(4)}`;
  if ('value' in answer) return String(answer.value);
  if ('choice' in answer) return `${answer.text}\t${answer.probability.toFixed(4)}`;
  if ('words' in answer) return `${answer.words.map((word, i) => `${word}\t${answer.tags[i]}`).join('\n')}\n`;
  if (answer.best) {
    const rows = answer.best.map(({ text, start, end, score }) => `${text}\t${start}\t${end}\t${score}\n`);
    // No answer is one of them, where it is what is said.
    return [...(answer.answer ? [] : [`\t\t\t${answer.noAnswer}\n`]), ...rows].join('');
  }
  return answer.answer ? `${answer.answer.text}\t${answer.answer.start}\t${answer.answer.end}` : '';
}
