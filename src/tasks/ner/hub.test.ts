import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../../errors.ts';
import { conllParquet, wnutParquet } from '../parquet.fixture.ts';
import type { Cells } from '../parquet.ts';
import { letterPieces } from '../pieces.fixture.ts';
import { tagsOfRows } from './hub.ts';
import { loadNer, nerSources } from './index.ts';

const files = ['train', 'validation', 'test'].map((split) => `${split}-00000-of-00001.parquet`);

describe('named entities of Hugging Face', () => {
  const folders: Record<string, string> = {};
  beforeAll(async () => {
    for (const [name, bytes] of [
      ['conll2003', conllParquet],
      ['wnut17', wnutParquet],
    ] as const) {
      folders[name] = await mkdtemp(join(tmpdir(), 'omoe-ner-hub-'));
      for (const file of files) await writeFile(join(folders[name], file), bytes);
    }
  });
  afterAll(() => Promise.all(Object.values(folders).map((folder) => rm(folder, { recursive: true }))));
  const check = (name: string) => nerSources.find((one) => one.name === name)!.check(folders[name], readFile);

  it('are counted in every part, without the empty sentence at the end', async () => {
    const conll = { documents: 1, words: 6, entities: 3, MISC: 1, ORG: 1, PER: 1 };
    expect((await check('conll2003')).files).toEqual(files.map((name) => ({ name, rows: 2, labels: conll })));
    const wnut = { documents: 1, words: 6, entities: 2, location: 1, product: 1 };
    expect((await check('wnut17')).files).toEqual(files.map((name) => ({ name, rows: 2, labels: wnut })));
  });

  it('are loaded with the tags that the numbers stand for', async () => {
    const limits = { trainLimit: null, devLimit: null };
    const options = { tokenizer: letterPieces(), read: readFile, seed: 0, length: 12, ...limits };
    const task = await loadNer('conll2003', { ...options, data: folders.conll2003, measure: 'test' });
    expect(task.split).toBe(`measured on ${files[2]}`);
    const tagged = task.dev.map(({ tags }) => [...tags!].filter((tag) => tag >= 0).map((tag) => task.classes[tag]));
    expect(tagged).toEqual([
      ['B-ORG', 'O', 'B-MISC', 'O'],
      ['B-PER', 'I-PER'],
    ]);
  });

  it('are named where a row is not the layout', () => {
    const names = ['O', 'B-x', 'I-x'];
    const right = { tokens: ['a', 'b'], ner_tags: [1, 2] };
    const of = (row: Cells) => tagsOfRows([right, row], 'f.parquet', names);
    expect(of({ tokens: [], ner_tags: [] }).sentences).toEqual([
      { words: ['a', 'b'], tags: ['B-x', 'I-x'], document: 0 },
    ]);
    const refused: [Cells, RegExp][] = [
      [{ tokens: ['a'] }, /no list "ner_tags" at row 2 of f\.parquet/],
      [{ ner_tags: [0] }, /no list "tokens" at row 2/],
      [{ tokens: ['a'], ner_tags: [0, 0] }, /2 tags of 1 words at row 2/],
      [{ tokens: ['a', ''], ner_tags: [0, 0] }, /the word "" at row 2/],
      [{ tokens: ['a'], ner_tags: [3] }, /the tag 3 at row 2 of f\.parquet, expected 0 to 2, for O, B-x, I-x/],
      [{ tokens: ['a'], ner_tags: [-1] }, /the tag -1/],
    ];
    for (const [row, message] of refused) {
      expect(() => of(row)).toThrow(DataError);
      expect(() => of(row)).toThrow(message);
    }
    expect(() => tagsOfRows([], 'f.parquet', names)).toThrow(/no word in f\.parquet/);
    // The first sentence is of IOB2 alone, the second of IOB1 alone.
    expect(() => of({ tokens: ['c'], ner_tags: [2] })).toThrow(
      /I-x, which IOB2 .* at row 2 of f\.parquet, expected tags of one scheme; row 1 of f\.parquet has B-x/,
    );
  });
});
