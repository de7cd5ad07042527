import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DivergedError, ShapeError, UsageError } from '../../errors.ts';
import { letterPieces } from '../pieces.fixture.ts';
import type { Example } from '../types.ts';
import { questionFeatures, scoreSpans1, scoreSpans2 } from './features.ts';
import { bestSpans } from './spans.ts';
import { contextOf, contextWindows, piecesOf } from './windows.ts';

const tokenizer = letterPieces();
const letters = fc.string({ unit: fc.constantFrom(...'abé𝔘🦀\ufe0f'), minLength: 1, maxLength: 7 });
const text = (most: number) => fc.array(letters, { minLength: 1, maxLength: most }).map((words) => words.join(' '));
const options = fc.record({
  length: fc.integer({ min: 12, max: 40 }),
  stride: fc.integer({ min: 1, max: 50 }),
  questionLength: fc.integer({ min: 1, max: 6 }),
});
const family = fc.constantFrom('bert' as const, 'roberta' as const);

/** A context and a range of whole pieces of it, with the text around them. */
const answered = fc
  .tuple(text(25), fc.nat(), fc.nat(), fc.integer({ min: 1, max: 8 }))
  .map(([context, first, , pieces]) => {
    const all = tokenizer.pieces(context);
    if (all.length === 0) return null;
    const from = first % all.length;
    const to = Math.min(all.length, from + pieces);
    return { context, start: all[from].start, end: all[to - 1].end };
  });

/** What a model that knows the answer says: 1 where it starts and ends, 0 elsewhere; `pad` positions follow. */
const perfect = ({ tokens, answer }: Example, pad = 0): Float32Array => {
  const width = tokens.length + pad;
  const output = new Float32Array(2 * width);
  output[answer!.from] = 1;
  output[width + answer!.to - 1] = 1;
  return output;
};

describe('windows of a context', () => {
  it('hold every piece, fit the length, and overlap by what the stride leaves', () => {
    fc.assert(
      fc.property(text(30), text(6), options, family, (context, question, windowing, of) => {
        const special = letterPieces(3, of);
        const [q, c] = [special.pieces(question), special.pieces(context)];
        const windows = contextWindows(special, q, c, windowing);
        const asked = q.slice(0, windowing.questionLength);
        const room = windowing.length - special.specials(true) - asked.length;
        expect(windows[0].from).toBe(0);
        expect(windows[windows.length - 1].to).toBe(c.length);
        for (const [w, { encoding, from, to, positions }] of windows.entries()) {
          expect(encoding.tokens.length).toBeLessThanOrEqual(windowing.length);
          expect([...positions].map((token) => encoding.tokens[token])).toEqual(c.slice(from, to).map(({ id }) => id));
          expect([...encoding.sequence].filter((s) => s === 0)).toHaveLength(asked.length);
          if (w + 1 === windows.length) continue;
          expect(to - from).toBe(room);
          expect(windows[w + 1].from - from).toBe(Math.min(room, windowing.stride));
        }
      }),
    );
  });

  it('need room for the context', () => {
    const [q, c] = [tokenizer.pieces('abc abc abc'), tokenizer.pieces('abc')];
    const ask = (length: number, stride = 1) => contextWindows(tokenizer, q, c, { length, stride, questionLength: 3 });
    expect(() => ask(6)).toThrow(/a length of 6, expected more than 6/);
    expect(ask(7)).toHaveLength(1);
    expect(() => ask(7, 0)).toThrow(UsageError);
    expect(contextWindows(tokenizer, q, [], { length: 7, stride: 1, questionLength: 3 })).toHaveLength(1);
  });
});

describe('pieces of a range', () => {
  it('are those that it touches', () => {
    const context = 'abcdef 🦀x';
    const pieces = tokenizer.pieces(context); // abc def 🦀x
    expect(piecesOf(pieces, 0, 1)).toEqual({ from: 0, to: 1 });
    expect(piecesOf(pieces, 2, 4)).toEqual({ from: 0, to: 2 });
    expect(piecesOf(pieces, 3, 6)).toEqual({ from: 1, to: 2 });
    expect(piecesOf(pieces, 7, 10)).toEqual({ from: 2, to: 3 });
    expect(piecesOf(pieces, 6, 7)).toBeNull();
  });
});

describe('answers out of logits', () => {
  it('are recovered exactly wherever a window holds them', () => {
    fc.assert(
      fc.property(answered, text(4), options, fc.nat(3), (given, question, windowing, pad) => {
        fc.pre(given !== null);
        const { context, start, end } = given!;
        const answer = { text: context.slice(start, end), start };
        const features = questionFeatures([{ context, question, answers: [answer] }], tokenizer, windowing);
        const held = features.examples.some((example) => example.answer!.from > 0);
        const outputs = features.examples.map((example) => perfect(example, pad));
        const [{ candidates, noAnswer }] = features.spans(outputs, { best: 5, longest: 8 });
        if (held) expect(candidates[0]).toEqual({ text: answer.text, start, end, score: 2 });
        // The least over the windows: only where none of them holds the answer do all say that there is none.
        expect(noAnswer).toBe(held ? 0 : 2);
      }),
      { numRuns: 300 },
    );
  });

  it('never leave the context, are whole pieces, at most as long as allowed, and each stands there once', () => {
    fc.assert(
      fc.property(
        text(20),
        text(4),
        options,
        fc.integer({ min: 0, max: 1000 }),
        (context, question, windowing, seed) => {
          const features = questionFeatures([{ context, question, answers: [] }], tokenizer, windowing);
          const pieces = tokenizer.pieces(context);
          const outputs = features.examples.map(({ tokens }, w) =>
            Float32Array.from({ length: 2 * tokens.length }, (_, i) => Math.sin(seed + 7.3 * i + w)),
          );
          const most = pieces.length * 4;
          const [{ candidates }] = features.spans(outputs, { best: Math.max(1, most), longest: 4 });
          for (const { text: said, start, end } of candidates) {
            expect(context.slice(start, end)).toBe(said);
            const [first, last] = [pieces.findIndex((p) => p.start === start), pieces.findIndex((p) => p.end === end)];
            expect(first).toBeGreaterThanOrEqual(0);
            expect(last - first).toBeLessThan(4);
            expect(last).toBeGreaterThanOrEqual(first);
          }
          expect(new Set(candidates.map(({ start, end }) => `${start} ${end}`)).size).toBe(candidates.length);
          const scores = candidates.map(({ score }) => score);
          expect(scores).toEqual([...scores].sort((a, b) => b - a));
          // A shorter list is the beginning of the longer one.
          expect(features.spans(outputs, { best: 3, longest: 4 })[0].candidates).toEqual(candidates.slice(0, 3));
        },
      ),
    );
  });

  it('come from the window that shows most around them', () => {
    const context = 'aa bb cc dd ee ff';
    const windowing = { length: 8, stride: 2, questionLength: 1 };
    const pieces = tokenizer.pieces(context);
    const windows = contextWindows(tokenizer, tokenizer.pieces('who'), pieces, windowing);
    expect(windows.map(({ from, to }) => [from, to])).toEqual([
      [0, 4],
      [2, 6],
    ]);
    // cc has one piece on its poorer side in the first window, none in the second; dd the other way round.
    expect(windows.map((window) => Math.floor(contextOf(window, 2, 2)))).toEqual([1, 0]);
    expect(windows.map((window) => Math.floor(contextOf(window, 3, 3)))).toEqual([0, 1]);
    expect(contextOf(windows[0], 3, 4)).toBe(-1);
    const silent = windows.map(({ encoding }) => new Float32Array(2 * encoding.tokens.length));
    // Only the second window is sure of cc, and is not the one to ask.
    const width = silent[1].length / 2;
    silent[1][windows[1].positions[0]] = 5;
    silent[1][width + windows[1].positions[0]] = 5;
    const { candidates } = bestSpans(context, pieces, windows, silent, { best: 1, longest: 1 });
    expect(candidates[0].score).toBe(0);
  });

  it('refuse outputs that do not fit', () => {
    const windowing = { length: 20, stride: 4, questionLength: 2 };
    const features = questionFeatures([{ context: 'aa bb', question: 'who', answers: [] }], tokenizer, windowing);
    const spans = (output: Float32Array) => features.spans([output], { best: 1, longest: 1 });
    const tokens = features.examples[0].tokens.length;
    expect(spans(new Float32Array(2 * tokens))).toHaveLength(1);
    expect(() => spans(new Float32Array(2 * tokens - 2))).toThrow(ShapeError);
    expect(() => spans(new Float32Array(2 * tokens + 1))).toThrow(ShapeError);
    expect(() => spans(new Float32Array(2 * tokens).fill(Number.NaN))).toThrow(DivergedError);
    expect(() => features.spans([], { best: 1, longest: 1 })).toThrow(/0 outputs, expected 1/);
  });
});

describe('labels of a window', () => {
  const windowing = { length: 9, stride: 3, questionLength: 2 };
  const context = 'aa bb cc dd ee ff gg';
  const labels = (start: number, said: string) =>
    questionFeatures(
      [{ context, question: 'who', answers: [{ text: said, start }] }],
      tokenizer,
      windowing,
    ).examples.map(({ answer }) => [answer!.from, answer!.to]);

  it('are the answer where the window holds all of it, else the first token', () => {
    // [CLS] who [SEP] then five pieces from 3 on: aa…ee, then dd…gg.
    expect(labels(3, 'bb cc')).toEqual([
      [4, 6],
      [0, 1],
    ]);
    expect(labels(9, 'dd ee')).toEqual([
      [6, 8],
      [3, 5],
    ]);
    expect(labels(12, 'ee ff')).toEqual([
      [0, 1],
      [4, 6],
    ]);
  });

  it('are the first token where the answer has no piece', () => {
    const odd = questionFeatures(
      [{ context: 'aa \ufe0f bb', question: 'who', answers: [{ text: '\ufe0f', start: 3 }] }],
      tokenizer,
      windowing,
    );
    expect(odd.examples.map(({ answer }) => answer)).toEqual([{ from: 0, to: 1 }]);
  });
});

describe('scores of spans', () => {
  const said = (text: string, score: number, noAnswer: number) => ({
    candidates: [{ text, start: 0, end: text.length, score }],
    noAnswer,
  });
  const gold = [
    { id: 'a', answers: ['red fox'] },
    { id: 'b', answers: [] as string[] },
  ];

  it('of 2.0 answer nothing where no answer scores higher', () => {
    expect(scoreSpans2(gold, [said('fox red', 3, 1), said('dog', 1, 2)])).toEqual({
      f1: 1,
      exact: 0.5,
      best_f1: 1,
      best_exact: 0.5,
    });
    expect(scoreSpans2(gold, [said('red fox', 3, 4), said('dog', 1, 3)])).toEqual({
      f1: 0.5,
      exact: 0.5,
      best_f1: 1,
      best_exact: 1,
    });
    const nothing = { candidates: [], noAnswer: 0 };
    expect(scoreSpans2(gold, [said('red fox', 3, 4), nothing]).best_exact).toBe(1);
  });

  it('of 1.1 always answer', () => {
    expect(scoreSpans1(gold.slice(0, 1), [said('the red fox!', -3, 4)])).toEqual({ f1: 1, exact: 1 });
  });
});
