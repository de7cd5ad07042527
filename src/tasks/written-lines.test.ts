import { describe, expect, it } from 'vitest';
import { DataError, DivergedError, UsageError } from '../errors.ts';
import { letterPieces } from './pieces.fixture.ts';
import type { Example, HeadKind } from './types.ts';
import { answerText, type WrittenOptions, writtenExamples } from './written-lines.ts';

const tokenizer = letterPieces();
const options = (head: HeadKind, changes: Partial<WrittenOptions> = {}): WrittenOptions => ({
  ...{ tokenizer, head, classes: [], length: 12, pairs: false, marked: 0, best: null, noAnswer: null },
  ...changes,
});
const lines = (...texts: string[]) => texts.map((text, i) => ({ number: i + 1, text }));
const ask = (head: HeadKind, texts: string[], changes: Partial<WrittenOptions> = {}) =>
  writtenExamples(lines(...texts), 'in.txt', options(head, changes));
const numbers = (...values: number[]) => Float32Array.from(values);

describe('writtenExamples', () => {
  it('asks for the class of a text or of two, and gives every class its probability', () => {
    const classes = ['no', 'yes'];
    const { examples, answers } = ask('classify', ['ab cd'], { classes });
    const { tokens } = tokenizer.join(tokenizer.pieces('ab cd'));
    expect(examples).toEqual([{ tokens, label: 0 }]);
    const [answer] = answers([numbers(0, Math.log(3))]);
    expect(answer).toMatchObject({ class: 'yes' });
    // Float32 of log 3 is off by less than 1e-7 of it, and so is its exponential.
    expect((answer as { probability: number }).probability).toBeCloseTo(0.75, 6);
    expect(Object.keys((answer as { probabilities: object }).probabilities)).toEqual(classes);
    expect(answerText(answer)).toBe('yes\t0.7500');

    const pair = ask('classify', ['ab\tcd'], { classes, pairs: true });
    const joined = tokenizer.join(tokenizer.pieces('ab'), tokenizer.pieces('cd'));
    expect(pair.examples[0]).toEqual({ tokens: joined.tokens, segments: joined.segments, label: 0 });
    expect(() => answers([numbers(0, Number.NaN)])).toThrow(DivergedError);
    expect(answers([numbers(1000, 999)])[0]).toMatchObject({ class: 'no' }); // no exponential overflows
  });

  it('keeps marked words in sight, and tells the head where they are', () => {
    const classes = ['no', 'yes'];
    const [{ tokens, spans, segments }] = ask('classify', ['ab [[cd]] [[ef]]'], { classes, marked: 2 }).examples;
    expect(tokens).toEqual(tokenizer.join(tokenizer.pieces('ab cd ef')).tokens);
    expect(segments).toBeUndefined();
    const own = ({ from, to }: { from: number; to: number }, of = tokens) => [...of.subarray(from, to)];
    const pieces = (text: string) => [...tokenizer.join(tokenizer.pieces(text)).tokens.subarray(1, -1)];
    expect(spans!.map((span) => own(span))).toEqual([pieces('cd'), pieces('ef')]);

    const pair = ask('classify', ['abcdefghijklmnopqrstuvwxyzabcdefghijklm[[nop]]\t[[abc]]d'], {
      classes,
      pairs: true,
      marked: 2,
    });
    expect(pair.cut).toEqual([1]);
    const { tokens: cut, spans: both, segments: texts } = pair.examples[0];
    expect(cut).toHaveLength(12);
    expect(both!.map((span) => own(span, cut))).toEqual([pieces('nop'), pieces('abc')]);
    expect(both!.map(({ from }) => texts![from])).toEqual([0, 1]);
    expect(pair.answers([numbers(0, 1)])[0]).toMatchObject({ class: 'yes' });
  });

  it.each([
    ['ab', /0 marked words at in.txt:1, expected 2, each written \[\[so\]\]/],
    ['[[a]] [[b]] [[c]]', /3 marked words/],
    ['[[a]] [[b', /brackets that do not close/],
    ['[[a]] b]] [[c', /brackets that do not close/],
    ['[[a [[b]]', /brackets that do not close/],
    ['[[a]] [[ ]]', /brackets that do not close/],
  ])('refuses marks that are not the head’s: %s', (text, message) => {
    const asking = () => ask('classify', [text], { classes: ['no', 'yes'], marked: 2 });
    expect(asking).toThrow(DataError);
    expect(asking).toThrow(message);
  });

  it('gives the value of a regression as it is', () => {
    const [answer] = ask('regress', ['ab']).answers([numbers(2.5)]);
    expect(answer).toEqual({ value: 2.5 });
    expect(answerText(answer)).toBe('2.5');
  });

  it.each<[HeadKind, string, number, number[]]>([
    ['regress', 'ab', Number.NEGATIVE_INFINITY, []],
    ['classify', 'ab', Number.POSITIVE_INFINITY, [0]],
    ['choose', 'ab\tc\td', Number.POSITIVE_INFINITY, [0]],
    ['tag', 'ab', Number.POSITIVE_INFINITY, Array(5).fill(0)],
    ['span', 'ab\tcd', Number.POSITIVE_INFINITY, Array(13).fill(0)],
  ])('says nothing of an output of %s that diverged', (head, text, value, rest) => {
    const { answers } = ask(head, [text], { classes: ['O', 'B-x'] });
    expect(() => answers([numbers(value, ...rest)])).toThrow(DivergedError);
    expect(() => answers([numbers(value, ...rest)])).toThrow(`predict: received ${value} for example 0`);
  });

  it('chooses among as many choices as each line has', () => {
    const { examples, answers } = ask('choose', ['it rains\tdry\twet', 'a\tb\tc\td']);
    expect(examples.map(({ choices }) => choices!.length)).toEqual([2, 3]);
    const joined = tokenizer.join(tokenizer.pieces('it rains'), tokenizer.pieces('wet'));
    expect(examples[0].choices![1]).toEqual({ tokens: joined.tokens, segments: joined.segments });
    const said = answers([numbers(0, 1), numbers(2, 1, 0)]);
    expect(said).toMatchObject([
      { choice: 1, text: 'wet' },
      { choice: 0, text: 'b' },
    ]);
    expect(answerText(said[0])).toBe('wet\t0.7311');
  });

  it('tags the words of a line, long ones over several windows', () => {
    const classes = ['O', 'B-x', 'I-x'];
    const words = Array.from({ length: 30 }, (_, i) => `w${i}`);
    const { examples, answers } = ask('tag', [` ${words.join('  ')} `, 'one two'], { classes });
    expect(examples.length).toBeGreaterThan(3);
    // Each token says B-x where it is the first word of all, I-x after that, by its id.
    const id = (word: string) => tokenizer.pieces(word)[0].id;
    const logits = ({ tokens }: Example) =>
      Float32Array.from(
        [...tokens].flatMap((token) => (token === id('w7') ? [0, 1, 0] : token === id('w8') ? [0, 0, 1] : [1, 0, 0])),
      );
    const [long, short] = answers(examples.map(logits));
    expect(long).toMatchObject({ words, entities: [{ type: 'x', from: 7, to: 9, text: 'w7 w8' }] });
    expect(answerText(short)).toBe('one\tO\ntwo\tO\n');
    const plain = ask('tag', ['one'], { classes: ['noun', 'verb'] });
    expect(plain.answers([numbers(0, 0, 0, 1, 0, 0)])).toEqual([{ words: ['one'], tags: ['verb'] }]);
  });

  it('answers a question with a place in the context, counted in code points, over its windows', () => {
    const context = '😀 the cat sat on the mat by the old red door';
    const { examples, answers } = ask('span', [`who sat\t${context}`]);
    expect(examples.length).toBeGreaterThan(1);
    const cat = tokenizer.pieces('cat')[0].id;
    const place = ({ tokens }: Example, none: number) => {
      const half = Array.from(tokens, (token, i) => (i === 0 ? none : token === cat ? 3 : 0));
      return numbers(...half, ...half);
    };
    const outputs = (none: number) => examples.map((example) => place(example, none));
    const [found] = answers(outputs(0));
    expect(found).toEqual({ answer: { text: 'cat', start: 6, end: 9 }, score: 6, noAnswer: 0 });
    expect([...context].slice(6, 9).join('')).toBe('cat');
    expect(answerText(found)).toBe('cat\t6\t9');
    const withLimit = ask('span', [`who sat\t${context}`], { noAnswer: 1 });
    expect(withLimit.answers(outputs(3.5))).toMatchObject([{ answer: { text: 'cat' } }]); // 7 − 6 is not above 1
    const [none] = withLimit.answers(outputs(4));
    expect(none).toEqual({ answer: null, score: 6, noAnswer: 8 });
    expect(answerText(none)).toBe('');
  });

  it('tells as many answers of a question as it is asked for, the best first, whatever it settles on', () => {
    const context = '😀 the cat sat on the mat';
    const words = ['cat', 'sat', 'mat'];
    const ids = words.map((word) => tokenizer.pieces(word)[0].id);
    const asking = (best: number, noAnswer: number | null = null) => {
      const { examples, answers } = ask('span', [`who sat\t${context}`], { length: 20, best, noAnswer });
      expect(examples).toHaveLength(1);
      const { tokens } = examples[0];
      // cat 3 + 3, sat 2 + 2; cat to sat 3 + 2.
      const half = Array.from(tokens, (token) => [3, 2, -9][ids.indexOf(token)] ?? -9);
      return answers([numbers(8, ...half.slice(1), 1, ...half.slice(1))])[0];
    };
    const two = [
      { text: 'cat', start: 6, end: 9, score: 6 },
      { text: 'cat sat', start: 6, end: 13, score: 5 },
    ];
    const [{ score, ...cat }] = two;
    expect(asking(2)).toEqual({ answer: cat, score, noAnswer: 9, best: two });
    expect(answerText(asking(2))).toBe('cat\t6\t9\t6\ncat sat\t6\t13\t5\n');
    expect(asking(3)).toMatchObject({ best: [...two, { text: 'sat', score: 4 }] });
    expect(asking(1)).toEqual({ answer: cat, score, noAnswer: 9, best: two.slice(0, 1) });
    expect(asking(1, 0)).toEqual({ answer: null, score, noAnswer: 9, best: two.slice(0, 1) });
    expect(answerText(asking(1, 0))).toBe('\t\t\t9\ncat\t6\t9\t6\n');
    expect(() => ask('tag', ['a'], { best: 2 })).toThrow(/predict --best: received a head that does tag/);
  });

  it('cuts what is too long, and says which lines', () => {
    const long = 'a b c d e f g h i j k l';
    const { examples, cut } = ask('classify', ['a', long, 'b', `${long} m`], { classes: ['x'], length: 8 });
    expect(cut).toEqual([2, 4]);
    expect(examples.map(({ tokens }) => tokens.length)).toEqual([3, 8, 3, 8]);
    expect(ask('choose', [`${long}\ta\tb`], { length: 8 }).cut).toEqual([1]);
    expect(ask('tag', [long], { classes: ['O'], length: 8 }).cut).toEqual([]);
  });

  it('says which questions were cut; contexts are not', () => {
    const context = Array(40).fill('x').join(' ');
    const asked = ['a b c d', 'a b c d e', 'a'].map((question) => `${question}\t${context}`);
    const { examples, cut } = ask('span', asked); // a third of 12 tokens
    expect(cut).toEqual([2]);
    const [first] = examples.filter(({ row }) => row === 1);
    expect(first.tokens.slice(1, 5)).toEqual(Int32Array.from(tokenizer.pieces('a b c d'), ({ id }) => id));
  });

  it.each([
    ['classify', 'a\tb', {}, /2 fields parted by TABs at in.txt:1, expected a text/],
    ['classify', 'a', { pairs: true }, /1 fields/],
    ['classify', 'a\t ', { pairs: true }, /some of them empty/],
    ['choose', 'a\tb', {}, /at least two choices/],
    ['span', 'who', {}, /a question and a context/],
    ['span', 'who\ta\tb', {}, /3 fields/],
  ] as const)('refuses %s of %j', (head, text, changes, message) => {
    const call = () => ask(head, [text], { classes: ['x'], ...changes });
    expect(call).toThrow(DataError);
    expect(call).toThrow(message);
  });

  it('refuses options of other heads', () => {
    expect(() => ask('tag', ['a'], { pairs: true })).toThrow(UsageError);
    expect(() => ask('classify', ['a'], { noAnswer: 0 })).toThrow(
      /predict --null-threshold: received a head that does classify/,
    );
  });
});
