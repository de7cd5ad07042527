import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.ts';
import { findDataset } from './datasets.ts';
import { multircParquet, recordParquet, rteParquet } from './parquet.fixture.ts';
import { readParquet } from './parquet.ts';
import { parseSource } from './source.ts';

describe('Parquet', () => {
  it('gives rows with plain numbers', async () => {
    expect((await readParquet(rteParquet))[1]).toEqual({
      sentence1: 'Two\tcame.',
      sentence2: 'Some came.',
      label: 1,
      idx: 1,
    });
    expect((await readParquet(multircParquet))[1].idx).toEqual({ paragraph: 0, question: 0, answer: 1 });
  });

  it('reads a file that is a window of a larger buffer', async () => {
    const larger = new Uint8Array(rteParquet.length + 9).fill(7);
    larger.set(rteParquet, 5);
    expect(await readParquet(larger.subarray(5, 5 + rteParquet.length))).toEqual(await readParquet(rteParquet));
  });

  it('names the file that is none', async () => {
    await expect(readParquet(Uint8Array.of(1, 2, 3), 'f.parquet')).rejects.toThrow(DataError);
    await expect(readParquet(rteParquet.slice(0, -20), 'f.parquet')).rejects.toThrow(/f\.parquet/);
  });

  it('has the labels of GLUE as numbers, −1 for a hidden one', async () => {
    const source = await parseSource(rteParquet, 'test-00000-of-00001.parquet');
    expect(findDataset('rte')!.records(source, 'optional').rows).toEqual([
      { sentence: 'A "quoted start.', pair: 'One came.', label: 0 },
      { sentence: 'Two\tcame.', pair: 'Some came.', label: 1 },
      { sentence: 'Nobody knows.', pair: 'Known.', label: null },
    ]);
    expect(() => findDataset('rte')!.records(source, 'required')).toThrow(/no label at row 3 of test-00000/);
    expect(() => findDataset('mnli')!.records(source, 'optional')).toThrow(/no text "premise" at row 1 of/);
  });

  it.each([
    ['rte', { sentence1: 'a', sentence2: 'b' }],
    ['cb', { premise: 'a', hypothesis: 'b' }],
  ])('takes a label of %s that is missing or no number for no class', (name, texts) => {
    const records = (label: unknown, labels: 'required' | 'optional') =>
      findDataset(name)!.records({ kind: 'parquet', path: 'f.parquet', objects: [{ ...texts, label }] }, labels).rows;
    expect(records(null, 'optional')).toMatchObject([{ label: null }]);
    expect(() => records(null, 'required')).toThrow(/no label at row 1 of f\.parquet/);
    expect(records(0, 'required')).toMatchObject([{ label: 0 }]);
    for (const odd of ['', [], false, 9, 0.5]) expect(() => records(odd, 'required')).toThrow(DataError);
  });

  it("puts MultiRC's answers together by question, and has ReCoRD's names", async () => {
    const multirc = findDataset('multirc')!.records(await parseSource(multircParquet, 'a.parquet'), 'required').rows;
    expect(multirc).toEqual([
      {
        passage: 'Ann met Bo.',
        question: 'Who met?',
        answers: [
          { text: 'Ann', label: 1 },
          { text: 'Cy', label: 0 },
        ],
      },
      { passage: 'Ann met Bo.', question: 'Who was met?', answers: [{ text: 'Bo', label: 1 }] },
    ]);
    const record = findDataset('record')!.records(await parseSource(recordParquet, 'a.parquet'), 'required').rows;
    expect(record).toMatchObject([{ query: '@placeholder left.', entities: ['Ann', 'Bo'], answers: ['Bo'] }]);
  });
});
