import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../../errors.ts';
import { letterPieces } from '../pieces.fixture.ts';
import {
  evaluateSquad1,
  goldOf,
  loadSquad,
  readSquad,
  type SquadOptions,
  splitByArticle,
  squadSources,
} from './index.ts';
import { parseJson } from './squad.ts';

const article = (n: number, impossible: boolean) => ({
  title: `Article ${n}`,
  paragraphs: [
    {
      context: `Here number ${n} stands between words.`,
      qas: [
        { id: `${n}a`, question: 'Which number?', answers: [{ text: `${n}`, answer_start: 12 }], is_impossible: false },
        ...(impossible ? [{ id: `${n}b`, question: 'Why?', answers: [], is_impossible: true }] : []),
      ],
    },
  ],
});
const file = (n: number, impossible = false) =>
  JSON.stringify({ version: '?', data: Array.from({ length: n }, (_, i) => article(i, impossible)) });

describe('loading SQuAD', () => {
  let data = '';
  let options: SquadOptions;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'omoe-squad-'));
    await writeFile(join(data, 'dev-v1.1.json'), file(12));
    await writeFile(join(data, 'dev-v1.1.guessed-offsets.json'), '["0a", "1a", "2a", "3a", "4a", "5a"]');
    await writeFile(join(data, 'dev-v2.0.json'), file(6, true));
    await writeFile(join(data, 'train-v2.0.json'), file(3, true).replaceAll('"id":"', '"id":"t'));
    const limits = { trainLimit: null, devLimit: null };
    options = { data, tokenizer: letterPieces(5), read: readFile, seed: 0, length: 16, ...limits };
  });
  afterAll(() => rm(data, { recursive: true }));

  it('splits the dev file by article where there is no train file, and leaves guessed offsets untrained', async () => {
    const task = await loadSquad('squad1', options);
    expect(task).toMatchObject({
      name: 'squad1',
      head: 'span',
      vocabularySize: 1000,
      length: 16,
      metrics: ['f1', 'exact'],
    });
    expect(task.split).toBe('dev-v1.1.json by article, 10 to train on and 2 to measure on');
    const all = await loadSquad('squad1', { ...options, trainOnGuessed: true });
    const questions = (examples: typeof task.train) => new Set(examples.map(({ row }) => row)).size;
    expect(questions(all.train)).toBe(10);
    expect(questions(all.dev)).toBe(2);
    expect(questions(task.train)).toBeLessThan(10);
    expect(questions((await loadSquad('squad1', { ...options, trainLimit: 2, devLimit: 1 })).dev)).toBe(1);
  });

  it('takes the two official files where they are', async () => {
    const task = await loadSquad('squad2', options);
    expect(task.split).toBeUndefined();
    expect(new Set(task.train.map(({ row }) => row)).size).toBe(6);
    expect(new Set(task.dev.map(({ row }) => row)).size).toBe(12);
    expect(task.metrics).toEqual(['f1', 'exact', 'best_f1', 'best_exact']);
  });

  it('scores perfect outputs 1, and silence by the questions without an answer', async () => {
    for (const name of ['squad1', 'squad2'] as const) {
      const task = await loadSquad(name, options);
      const output = (sure: boolean) =>
        task.dev.map(({ tokens, answer }) => {
          const logits = new Float32Array(2 * tokens.length);
          const span = sure ? answer! : { from: 0, to: 1 };
          logits[span.from] = 1;
          logits[tokens.length + span.to - 1] = 1;
          return logits;
        });
      const perfect = task.score!(output(true));
      expect(Object.keys(perfect)).toEqual(task.metrics);
      expect(Object.values(perfect)).toEqual(task.metrics!.map(() => 1));
      if (name === 'squad2') expect(task.score!(output(false))).toMatchObject({ f1: 0.5, exact: 0.5 });
    }
  });

  it('counts, and names what is missing', async () => {
    const [first, second] = squadSources;
    expect(await first.check(data, readFile)).toEqual({
      files: [
        {
          name: 'dev-v1.1.json',
          rows: 12,
          labels: { articles: 12, paragraphs: 12, answers: 12, unanswerable: 0, 'guessed offsets': 6 },
        },
      ],
    });
    const { files } = await second.check(`${data}/`, readFile);
    expect(files.map(({ name, rows, labels }) => [name, rows, labels!.unanswerable])).toEqual([
      ['train-v2.0.json', 6, 3],
      ['dev-v2.0.json', 12, 6],
    ]);
    await expect(first.check(tmpdir(), readFile)).rejects.toThrow(
      /no such file, .*dev-v1\.1\.json.*dev-v1\.1\.json\.gz/,
    );
    await expect(loadSquad('squad1', { ...options, data: join(data, 'none') })).rejects.toThrow(DataError);
  });
});

const real = '../shared/data/qa';
const present = existsSync(join(real, 'dev-v1.1.json'));
describe.skipIf(!present)(`the official files${present ? '' : ' (skipped: not on this machine)'}`, () => {
  const at = (name: string) => join(real, name);

  it('give the published scores of an official prediction', async () => {
    const name = 'pred-v1.1-bert-ensemble.json.gz';
    const predicted = (await parseJson(await readFile(at(name)), name, 'predictions')) as Record<string, string>;
    const { questions } = await readSquad(await readFile(at('dev-v1.1.json')), 'dev-v1.1.json');
    const { exact, f1, missing } = evaluateSquad1(questions.map(goldOf), new Map(Object.entries(predicted)));
    expect([(100 * exact).toFixed(4), (100 * f1).toFixed(4), missing]).toEqual(['86.2062', '92.1956', 0]);
  });

  it('hold the official counts', async () => {
    const [first, second] = await Promise.all(squadSources.map((source) => source.check(real, readFile)));
    expect(first.files).toEqual([
      {
        name: 'dev-v1.1.json',
        rows: 10_570,
        labels: { articles: 48, paragraphs: 2067, answers: 34_726, unanswerable: 0, 'guessed offsets': 946 },
      },
    ]);
    expect(second.files[0]).toMatchObject({
      name: 'dev-v2.0.json.gz',
      rows: 11_873,
      labels: { articles: 35, paragraphs: 1204, unanswerable: 5945, 'guessed offsets': 566 },
    });
  });

  it('split into 40 and 8 articles', async () => {
    const { train, dev } = splitByArticle(await readSquad(await readFile(at('dev-v1.1.json')), 'dev-v1.1.json'));
    expect(train.length + dev.length).toBe(10_570);
    expect(new Set(dev.map(({ title }) => title)).size).toBe(8);
  });
});
