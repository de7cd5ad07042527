import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../../errors.ts';
import { letterPieces } from '../pieces.fixture.ts';
import { loadNer, type NerOptions, nerSources, splitByDocument } from './index.ts';

const source = (name: string) => nerSources.find((one) => one.name === name)!;

describe('loading named entities', () => {
  let data = '';
  let options: NerOptions;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'omoe-ner-'));
    const at = (name: string) => join(data, name);
    await writeFile(at('wnut17train.conll'), 'one\tB-person\ntwo\tI-person\n\t\nthree\tO\n\n');
    await writeFile(at('emerging.dev.conll'), 'four\tB-creative-work\n\nfive\tO\n');
    await writeFile(at('emerging.test.annotated'), 'six\tO\n');
    const document = (n: number) => `-DOCSTART- O\n\nword${n} I-PER\nmore O\n\n`;
    await writeFile(at('wikigold.conll.txt'), Array.from({ length: 10 }, (_, n) => document(n)).join(''));
    const limits = { trainLimit: null, devLimit: null };
    options = { data, tokenizer: letterPieces(), read: readFile, seed: 0, length: 12, ...limits };
  });
  afterAll(() => rm(data, { recursive: true }));

  it('gives a tagger its classes and scores perfect outputs 1', async () => {
    const task = await loadNer('wnut17', options);
    expect(task).toMatchObject({
      name: 'wnut17',
      head: 'tag',
      classes: ['O', 'B-creative-work', 'I-creative-work', 'B-person', 'I-person'],
      metrics: ['f1', 'precision', 'recall', 'strict_f1', 'accuracy'],
    });
    expect(task.split).toBeUndefined();
    expect([task.train.length, task.dev.length]).toEqual([2, 2]);
    const outputs = task.dev.map(({ tokens, tags }) => {
      const output = new Float32Array(tokens.length * 5);
      for (const [token, tag] of tags!.entries()) if (tag >= 0) output[5 * token + tag] = 1;
      return output;
    });
    const scores = task.score!(outputs);
    expect(Object.keys(scores)).toEqual(task.metrics);
    expect(Object.values(scores)).toEqual([1, 1, 1, 1, 1]);
    expect(task.score!(outputs.map((output) => output.fill(0)))).toMatchObject({ f1: 0, accuracy: 0.5 });
  });

  it('measures on the test file where asked to', async () => {
    const task = await loadNer('wnut17', { ...options, measure: 'test' });
    expect(task.dev).toHaveLength(1);
    expect(task.split).toBe('measured on emerging.test.annotated');
  });

  it('splits wikigold by document, always alike', async () => {
    const task = await loadNer('wikigold', options);
    expect(task.split).toBe('wikigold.conll.txt by document, 8 to train on and 2 to measure on');
    expect([task.train.length, task.dev.length]).toEqual([8, 2]);
    const sentences = Array.from({ length: 145 }, (_, document) => ({ words: ['a'], tags: ['O'], document }));
    const { train, dev, documents } = splitByDocument({ sentences, documents: 145 });
    expect(documents).toEqual({ train: 116, dev: 29 });
    // Fixed for good: published numbers are of these documents.
    expect(dev.slice(0, 4).map(({ document }) => document)).toEqual([0, 8, 9, 10]);
    expect(new Set([...train, ...dev].map(({ document }) => document)).size).toBe(145);
    expect(() => splitByDocument({ sentences: sentences.slice(0, 1), documents: 1 })).toThrow(
      /1 document, expected at/,
    );
  });

  it('counts, and names what is missing', async () => {
    expect(await source('wnut17').check(data, readFile)).toEqual({
      files: [
        {
          name: 'wnut17train.conll',
          rows: 2,
          labels: { documents: 1, words: 3, entities: 1, person: 1 },
        },
        {
          name: 'emerging.dev.conll',
          rows: 2,
          labels: { documents: 1, words: 2, entities: 1, 'creative-work': 1 },
        },
        { name: 'emerging.test.annotated', rows: 1, labels: { documents: 1, words: 1, entities: 0 } },
      ],
    });
    await expect(source('conll2003').check(data, readFile)).rejects.toThrow(/no such file, .*train\.txt.*eng\.train/);
    await expect(loadNer('conll2003', options)).rejects.toThrow(DataError);
  });
});

const real = '../shared/data/ner';
const present = existsSync(real);
describe.skipIf(!present)(`the official files${present ? '' : ' (skipped: not on this machine)'}`, () => {
  it('of WNUT-17 hold the official counts', async () => {
    const { files } = await source('wnut17').check(join(real, 'wnut17'), readFile);
    expect(files.map(({ rows, labels }) => [rows, labels!.words, labels!.entities])).toEqual([
      [3394, 62_730, 1975],
      [1009, 15_733, 836],
      [1287, 23_394, 1079],
    ]);
  });

  it('of wikigold hold 145 documents and 1,696 sentences', async () => {
    const { files } = await source('wikigold').check(join(real, 'wikigold'), readFile);
    expect(files).toHaveLength(1);
    expect(files[0]).toMatchObject({ rows: 1696, labels: { documents: 145, words: 39_152 - 145 } });
    expect(Object.keys(files[0].labels!).slice(3)).toEqual(['LOC', 'MISC', 'ORG', 'PER']);
  });
});
