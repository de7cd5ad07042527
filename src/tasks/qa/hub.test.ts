import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../../errors.ts';
import { squad2Parquet, squadParquet } from '../parquet.fixture.ts';
import { type Cells, readParquet } from '../parquet.ts';
import { letterPieces } from '../pieces.fixture.ts';
import { squadOfRows } from './hub.ts';
import { loadSquad, squadSources } from './index.ts';
import { readSquad } from './read.ts';
import { parseSquad } from './squad.ts';

const file = 'validation-00000-of-00001.parquet';

describe('SQuAD of Hugging Face', () => {
  let rows: Cells[] = [];
  let data = '';
  beforeAll(async () => {
    rows = await readParquet(squadParquet);
    data = await mkdtemp(join(tmpdir(), 'omoe-squad-hub-'));
    await writeFile(join(data, file), squadParquet);
  });
  afterAll(() => rm(data, { recursive: true }));

  it('gives the records that the official layout of the same questions gives', async () => {
    const contexts = ['The 🦀 sleeps in Urbs.', 'An owl wakes. It is old.'];
    const qa = (id: string, question: string, ...answers: [string, number][]) => ({
      ...{ id, question },
      answers: answers.map(([text, answer_start]) => ({ text, answer_start })),
    });
    const crabs = [
      qa('a', 'Where does it sleep?', ['in Urbs', 13], ['Urbs', 16]),
      qa('b', 'What does it do?', ['sleeps', 6]),
    ];
    const official = {
      data: [
        { title: 'Crabs', paragraphs: [{ context: contexts[0], qas: crabs }] },
        { title: 'Owls', paragraphs: [{ context: contexts[1], qas: [qa('c', 'Who wakes?', ['An owl', 0])] }] },
      ],
    };
    expect(await readSquad(squadParquet, file)).toEqual(parseSquad(official, 'f.json'));
    const { questions } = await readSquad(squad2Parquet, file);
    expect(questions.map(({ impossible, article }) => [impossible, article])).toEqual([
      [false, 0],
      [true, 1],
    ]);
  });

  it('is loaded and counted as the official files are', async () => {
    const limits = { trainLimit: null, devLimit: null };
    const options = { data, tokenizer: letterPieces(5), read: readFile, seed: 0, length: 24, ...limits };
    const task = await loadSquad('squad1', options);
    expect(task.split).toBe(`${file} by article, 1 to train on and 1 to measure on`);
    expect(await squadSources[0].check(data, readFile)).toEqual({
      files: [
        {
          name: file,
          rows: 3,
          labels: { articles: 2, paragraphs: 2, answers: 4, unanswerable: 0, 'guessed offsets': 0 },
        },
      ],
    });
    await writeFile(join(data, file), squad2Parquet);
    await expect(squadSources[0].check(data, readFile)).rejects.toThrow(/the question d without an answer in .*squad2/);
    expect((await squadSources[1].check(data, readFile)).files[0].labels!.unanswerable).toBe(1);
    await writeFile(join(data, 'train-00000-of-00001.parquet'), squad2Parquet);
    expect((await loadSquad('squad2', options)).split).toBeUndefined();
  });

  it('is named where a row is not the layout', () => {
    const refused = (change: Cells, message: RegExp) => {
      const call = () => squadOfRows([rows[0], { ...rows[1], ...change }], file);
      expect(call).toThrow(DataError);
      expect(call).toThrow(message);
    };
    refused({ id: 'a' }, /an id that is there twice in row 2 of .*The first is row 1 of/);
    refused({ context: null }, /null for "context" in row 2 of validation/);
    refused({ answers: [] }, /a list in row 2 of/);
    refused({ answers: { text: ['sleeps'], answer_start: [] } }, /1 texts of answers and 0 places in row 2 of/);
    // UTF-16 units in place of code points.
    refused({ answers: { text: ['sleeps'], answer_start: [7] } }, /the answer "sleeps" at answer_start 7 in row 2 of/);
    expect(() => squadOfRows([], file)).toThrow(/no question in validation/);
  });
});
