import { describe, expect, it } from 'vitest';
import type { ReadFile } from '../text/lines.ts';
import { taskSources } from './sources.ts';

/** Files by name, in whatever folder they are asked for. */
const reading =
  (files: Readonly<Record<string, string>>): ReadFile =>
  async (path) => {
    const text = files[path.slice(path.lastIndexOf('/') + 1)];
    if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
    return new TextEncoder().encode(text);
  };

const sentences = (name: string, files: Readonly<Record<string, string>>): Promise<readonly string[]> =>
  taskSources.find((source) => source.name === name)!.sentences('folder', reading(files));

const lines = (...rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

describe('the texts of training records', () => {
  it('are both texts of a pair', async () => {
    const tsv = (a: string, b: string) => `index\tsentence1\tsentence2\tlabel\n0\t${a}\t${b}\tentailment\n`;
    expect(await sentences('rte', { 'train.tsv': tsv('one', 'two'), 'dev.tsv': tsv('three', 'four') })).toEqual([
      'one',
      'two',
    ]);
    const cb = (premise: string) => lines({ premise, hypothesis: 'so', label: 'neutral' });
    expect(await sentences('cb', { 'train.jsonl': cb('here'), 'val.jsonl': cb('there') })).toEqual(['here', 'so']);
  });

  it('are premise and choices, sentences, and texts without their marks', async () => {
    const copa = lines({ premise: 'it fell', choice1: 'wind', choice2: 'rain', question: 'cause', label: 0 });
    expect(await sentences('copa', { 'train.jsonl': copa, 'val.jsonl': copa })).toEqual(['it fell', 'wind', 'rain']);
    const places = { start1: 0, end1: 1, start2: 0, end2: 1 };
    const wic = lines({ word: 'a', sentence1: 'a b', sentence2: 'a c', ...places, label: true });
    expect(await sentences('wic', { 'train.jsonl': wic, 'val.jsonl': wic })).toEqual(['a b', 'a c']);
    const target = { span1_text: 'Ann', span1_index: 0, span2_text: 'she', span2_index: 2 };
    const wsc = lines({ text: 'Ann said she', target, label: true });
    expect(await sentences('wsc', { 'train.jsonl': wsc, 'val.jsonl': wsc })).toEqual(['Ann said she']);
  });

  it('are passages with their questions, and articles without the statement whose gap is the label', async () => {
    const answers = [{ text: 'Bo', label: 1, idx: 0 }];
    const multirc = lines({
      idx: 0,
      passage: { text: 'Bo ran', questions: [{ question: 'who ran', answers, idx: 0 }] },
    });
    const read = { 'train.jsonl': multirc, 'val.jsonl': multirc };
    expect(await sentences('multirc', read)).toEqual(['Bo ran', 'who ran', 'Bo']);
    const passage = { text: 'Bo ran @highlight He won', entities: [{ start: 0, end: 1 }] };
    const record = lines({ passage, qas: [{ query: '@placeholder won', answers: [{ text: 'Bo' }] }] });
    expect(await sentences('record', { 'train.jsonl': record, 'val.jsonl': record })).toEqual(['Bo ran - He won']);
  });

  it('are those of the articles that a SQuAD without a train file trains on, guessed answers left out', async () => {
    const article = (n: number) => {
      const qas = ['sure', 'guessed'].map((kind) => ({
        id: `${kind} ${n}`,
        question: `${kind} who ${n}`,
        answers: [{ text: 'x', answer_start: 0 }],
      }));
      return { title: `t${n}`, paragraphs: [{ context: `x context ${n}`, qas }] };
    };
    const data = Array.from({ length: 6 }, (_, n) => article(n));
    const guessed = JSON.stringify(data.map((_, n) => `guessed ${n}`));
    const files = { 'dev-v1.1.json': JSON.stringify({ data }), 'dev-v1.1.guessed-offsets.json': guessed };
    const texts = await sentences('squad1', files);
    const contexts = texts.filter((text) => text.startsWith('x context'));
    expect(contexts).toHaveLength(5);
    expect(texts).toEqual(contexts.flatMap((text) => [text, `sure who ${text.split(' ')[2]}`]));
  });

  it('are the sentences of the documents that a file of entities without a dev file trains on', async () => {
    const file = Array.from({ length: 5 }, (_, n) => `-DOCSTART- O\n\nword${n} B-x\nends O\n`).join('\n');
    const texts = await sentences('wikigold', { 'wikigold.conll.txt': file });
    expect(texts).toHaveLength(4);
    for (const text of texts) expect(text).toMatch(/^word\d ends$/);
  });
});

const measured = (name: string, files: Readonly<Record<string, string>>): Promise<readonly string[]> =>
  taskSources.find((source) => source.name === name)!.measured('folder', reading(files));

describe('the texts that are measured on', () => {
  it('are those of the dev and test records, and of a diagnostic set all', async () => {
    const cb = (premise: string, label: object = { label: 'neutral' }) =>
      lines({ premise, hypothesis: `so ${premise}`, ...label });
    const files = { 'train.jsonl': cb('a'), 'val.jsonl': cb('b') };
    expect(await measured('cb', files)).toEqual(['b', 'so b']);
    expect(await measured('cb', { ...files, 'test.jsonl': cb('c', {}) })).toEqual(['b', 'so b', 'c', 'so c']);
    const diagnostic = lines({ sentence1: 'one', sentence2: 'two', label: 'entailment' });
    expect(await measured('axb', { 'AX-b.jsonl': diagnostic })).toEqual(['one', 'two']);
    await expect(measured('axb', {})).rejects.toThrow(/none of its files/);
  });

  it('are those of the held out part, where a file is split', async () => {
    const file = Array.from({ length: 5 }, (_, n) => `-DOCSTART- O\n\nword${n} B-x\nends O\n`).join('\n');
    const files = { 'wikigold.conll.txt': file };
    const both = [...(await sentences('wikigold', files)), ...(await measured('wikigold', files))];
    expect(both.sort()).toEqual(Array.from({ length: 5 }, (_, n) => `word${n} ends`));
    const article = (n: number) => ({
      title: `t${n}`,
      paragraphs: [
        { context: `x ${n}`, qas: [{ id: `${n}`, question: `who ${n}`, answers: [{ text: 'x', answer_start: 0 }] }] },
      ],
    });
    const squad = { 'dev-v1.1.json': JSON.stringify({ data: [0, 1, 2, 3, 4, 5].map(article) }) };
    const held = await measured('squad1', squad);
    expect(held).toHaveLength(2);
    expect([...(await sentences('squad1', squad)), ...held].sort()).toEqual(
      [0, 1, 2, 3, 4, 5].flatMap((n) => [`who ${n}`, `x ${n}`]).sort(),
    );
  });

  it('are, of named entities, those of a test file too', async () => {
    const file = (word: string) => `${word}\tO\n`;
    const files = { 'wnut17train.conll': file('a'), 'emerging.dev.conll': file('b') };
    expect(await measured('wnut17', files)).toEqual(['b']);
    expect(await measured('wnut17', { ...files, 'emerging.test.annotated': file('c') })).toEqual(['b', 'c']);
  });
});
