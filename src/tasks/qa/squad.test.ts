import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../errors.ts';
import { splitByArticle } from './articles.ts';
import { readSquad } from './read.ts';
import { codePointIndex, parseSquad, readIds } from './squad.ts';

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const context = 'In 𝔘𝔯𝔟𝔰 the “old 🦀” sleeps.\n\nTwice  a day.';
// Offsets as Python counts them: one for each code point.
const offset = (text: string): number => [...context.slice(0, context.indexOf(text))].length;
const answer = (text: string) => ({ text, answer_start: offset(text) });
const asked = (id: string, answers: unknown[], more: object = {}) => ({
  id,
  question: `What ${id}?`,
  answers,
  ...more,
});
const file = (qas: unknown[], more: object = {}) => ({
  version: '1.1',
  data: [
    { title: 'Empty', paragraphs: [] },
    { title: 'Crabs', paragraphs: [{ context, qas, ...more }] },
  ],
});

describe('the records of SQuAD', () => {
  it('have offsets in UTF-16', () => {
    const { questions, ...counts } = parseSquad(file([asked('q1', [answer('old 🦀'), answer('Twice')])]), 'f.json');
    expect(counts).toEqual({ version: '1.1', articles: 2, paragraphs: 1 });
    expect(questions).toHaveLength(1);
    expect(questions[0]).toMatchObject({
      id: 'q1',
      article: 1,
      title: 'Crabs',
      question: 'What q1?',
      impossible: false,
    });
    for (const { text, start } of questions[0].answers) expect(context.slice(start, start + text.length)).toBe(text);
    expect(questions[0].answers.map(({ text }) => text)).toEqual(['old 🦀', 'Twice']);
    // The crab and the four letters before it take two units each.
    expect(questions[0].answers[0].start).toBe(offset('old 🦀') + 4);
  });

  it('may be impossible, from 2.0 on', () => {
    const [possible, impossible] = parseSquad(
      file([asked('q1', [answer('Twice')], { is_impossible: false }), asked('q2', [], { is_impossible: true })]),
      'f.json',
    ).questions;
    expect([possible.impossible, impossible.impossible]).toEqual([false, true]);
    expect(impossible.answers).toEqual([]);
  });

  const refused = (json: unknown): string => {
    try {
      parseSquad(json, 'f.json');
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
      return (error as DataError).message;
    }
    return 'nothing';
  };

  it('are named where an answer does not stand at its offset', () => {
    const shifted = { text: 'sleeps', answer_start: offset('sleeps') + 1 };
    expect(refused(file([asked('q1', [answer('Twice')]), asked('q2', [shifted])]))).toMatch(
      /the answer "sleeps" at answer_start 21 in question q2 of article 2 \(Crabs\) of f\.json, expected .*"leeps\."/,
    );
    // UTF-16 offsets in place of code points.
    expect(refused(file([asked('q1', [{ text: 'Twice', answer_start: context.indexOf('Twice') }])]))).toMatch(
      /"Twice"/,
    );
    for (const answer_start of [-1, 1000, 1.5, '3', null, undefined])
      expect(refused(file([asked('q1', [{ text: 'In', answer_start }])]))).toMatch(/answer_start .*question q1/);
    expect(refused(file([asked('q1', [{ text: '', answer_start: 0 }])]))).toMatch(/an empty answer in question q1/);
  });

  it('are named where they are not the layout', () => {
    expect(refused([])).toMatch(/a list in f\.json, expected an object/);
    expect(refused({ data: 3 })).toMatch(/3 for "data" in f\.json, expected a list/);
    expect(refused({ data: [{ paragraphs: [] }] })).toMatch(/nothing for "title" in article 1 of f\.json/);
    expect(refused(file([{ question: 'x', answers: [] }]))).toMatch(/nothing for "id" in paragraph 1 of article 2/);
    expect(refused(file([{ id: 'q1', answers: [] }]))).toMatch(/nothing for "question" in question q1/);
    expect(refused(file([asked('q1', [answer('In')]), asked('q1', [answer('In')])]))).toMatch(/twice in question q1/);
    expect(refused(file([asked('q1', [])]))).toMatch(/0 answers and is_impossible false/);
    expect(refused(file([asked('q1', [answer('In')], { is_impossible: true })]))).toMatch(/1 answers and .* true/);
    expect(refused(file([asked('q1', [answer('In')], { is_impossible: 'no' })]))).toMatch(/"no" for "is_impossible"/);
    expect(refused(file([]))).toMatch(/no question in f\.json/);
    expect(refused(JSON.parse('{ "__proto__": { "data": [] } }'))).toMatch(/nothing for "data"/);
  });

  it('come packed or not', async () => {
    const json = file([asked('q1', [answer('old 🦀')])]);
    const plain = await readSquad(bytes(json), 'f.json');
    const packed = gzipSync(bytes(json));
    expect(await readSquad(packed, 'f.json.gz')).toEqual(plain);
    await expect(readSquad(packed.subarray(0, -9), 'f.json.gz')).rejects.toThrow(/do not unpack, f\.json\.gz/);
    const flipped = Uint8Array.from(packed, (byte, i) => (i === 30 ? byte ^ 0x55 : byte));
    await expect(readSquad(flipped, 'f.json.gz')).rejects.toThrow(DataError);
    const cut = bytes(json).subarray(0, -1);
    await expect(readSquad(cut, 'f.json')).rejects.toThrow(
      new RegExp(
        `read JSON: received a text that is no JSON .* at f\\.json:1:${new TextDecoder().decode(cut).length + 1},`,
      ),
    );
    const damaged = new TextEncoder().encode('{\n "data": [\n  { "title": "a", paragraphs: [] }\n ]\n}\n');
    await expect(readSquad(gzipSync(damaged), 'f.json.gz')).rejects.toThrow(/at f\.json\.gz:3:19, expected SQuAD JSON/);
    expect(await readIds(bytes(['a', 'b']), 'ids.json')).toEqual(new Set(['a', 'b']));
    await expect(readIds(bytes({ a: 1 }), 'ids.json')).rejects.toThrow(/in ids\.json, expected a JSON list/);
  });
});

describe('code points and UTF-16', () => {
  it('meet at every character of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const index = codePointIndex(text);
        const characters = [...text];
        const starts = [...Array(characters.length + 1).keys()].map((i) => characters.slice(0, i).join('').length);
        expect(index ? [...index] : [...starts.keys()]).toEqual(starts);
        expect(index === null).toBe(characters.length === text.length);
      }),
    );
  });

  it('a lone surrogate is one of both', () => {
    expect(codePointIndex('a\ud800b')).toBeNull();
    expect([...codePointIndex('a\ud800🦀b')!]).toEqual([0, 1, 2, 4, 5]);
  });
});

describe('splitting by article', () => {
  const records = (articles: number, each = 3) => ({
    version: null,
    articles,
    paragraphs: articles,
    questions: Array.from({ length: articles * each }, (_, i) => ({
      id: `q${i}`,
      article: Math.floor(i / each),
      title: '',
      context: '',
      question: '',
      answers: [],
      impossible: true,
    })),
  });

  it('holds out a sixth of the articles, whole, the same ones always', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 80 }), (n) => {
        const { train, dev, articles } = splitByArticle(records(n));
        expect(articles).toEqual({ train: n - articles.dev, dev: Math.max(1, Math.round(n / 6)) });
        expect(dev).toHaveLength(3 * articles.dev);
        const held = new Set(dev.map(({ article }) => article));
        expect(held.size).toBe(articles.dev);
        expect(train.some(({ article }) => held.has(article))).toBe(false);
        expect(train.length + dev.length).toBe(3 * n);
      }),
    );
    expect(splitByArticle(records(48)).articles).toEqual({ train: 40, dev: 8 });
    // Fixed for good: published numbers are of these articles.
    const held = splitByArticle(records(48, 1)).dev.map(({ article }) => article);
    expect(held).toEqual([2, 18, 20, 32, 37, 41, 43, 47]);
    expect(() => splitByArticle(records(1))).toThrow(DataError);
  });
});
