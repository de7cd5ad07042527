import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, DivergedError, ShapeError, UsageError } from '../errors.ts';
import { diagnosticNames, findDiagnostic, loadDiagnostic } from './diagnostic.ts';
import type { LoadOptions } from './load.ts';
import { letterPieces } from './pieces.fixture.ts';
import { scoreTask } from './score.ts';

const outputs = (...values: number[][]) => values.map((value) => Float32Array.from(value));

describe('diagnostic sets', () => {
  let data = '';
  let options: LoadOptions;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'omoe-diagnostic-'));
    // Numbers that are not the places of their rows.
    await writeFile(join(data, 'diagnostic.tsv'), 'index\tsentence1\tsentence2\n7\tab\tcd\n3\tef\tab\n5\tcd\tcd\n');
    const axb = (idx: number, label: string) => ({ sentence1: 'ab', sentence2: 'cd', idx, label });
    const lines = [axb(4, 'entailment'), axb(2, 'not_entailment'), axb(9, 'entailment')];
    await writeFile(join(data, 'AX-b.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await writeFile(join(data, 'AX-g.jsonl'), '{"premise":"ab","hypothesis":"cd","idx":0}\n');
    const limits = { trainLimit: null, devLimit: null };
    options = { data, tokenizer: letterPieces(), read: readFile, seed: 0, length: 8, ...limits };
  });
  afterAll(() => rm(data, { recursive: true }));
  const load = (name: string, changes: Partial<LoadOptions> = {}) =>
    loadDiagnostic(findDiagnostic(name)!, { ...options, ...changes });

  it('are those that a model of another task answers', async () => {
    expect(diagnosticNames).toEqual(['ax', 'axb', 'axg']);
    expect(findDiagnostic('rte')).toBeUndefined();
    expect(await Promise.all(diagnosticNames.map(async (name) => (await load(name)).of))).toEqual([
      'mnli',
      'rte',
      'rte',
    ]);
    await expect(load('ax', { data: tmpdir() })).rejects.toThrow(DataError);
  });

  it('with hidden labels are handed in by the numbers of the file, and never scored', async () => {
    const ax = await load('ax');
    expect(ax).toMatchObject({ hidden: true, submissionName: 'AX.tsv' });
    expect([ax.task.train.length, ax.task.dev.length, ax.task.head]).toEqual([0, 3, 'classify']);
    const said = outputs([0, 1, 0], [1, 0, 0], [0, 0, 1]);
    expect(ax.submission(said)).toBe('index\tprediction\n7\tneutral\n3\tentailment\n5\tcontradiction\n');
    expect(() => scoreTask(ax.task, said)).toThrow(UsageError);
    expect(() => scoreTask(ax.task, said)).toThrow(/score ax: received a file without labels/);
    expect(() => ax.submission(said.slice(1))).toThrow(ShapeError);
    expect(() => ax.submission(outputs([0, 1, 0], [1, Number.NaN, 0], [0, 0, 1]))).toThrow(DivergedError);
    const axg = await load('axg');
    expect(axg).toMatchObject({ hidden: true, submissionName: 'AX-g.jsonl' });
    expect(axg.submission(outputs([0, 1]))).toBe('{"idx":0,"label":"not_entailment"}\n');
  });

  it('with labels are scored by their own metric', async () => {
    const { task, hidden, submission } = await load('axb');
    expect(hidden).toBe(false);
    expect(scoreTask(task, outputs([1, 0], [0, 1], [1, 0]))).toEqual({ matthews: 1 });
    expect(submission(outputs([1, 0], [0, 1], [0, 1]))).toBe(
      '{"idx":4,"label":"entailment"}\n{"idx":2,"label":"not_entailment"}\n{"idx":9,"label":"not_entailment"}\n',
    );
  });

  it('are numbered right in a sample, too', async () => {
    const { task, submission } = await load('ax', { devLimit: 2 });
    expect(task.dev).toHaveLength(2);
    const first = (text: string) => letterPieces().pieces(text)[0].id;
    const byFirst = new Map([
      [first('ab'), '7'],
      [first('ef'), '3'],
      [first('cd'), '5'],
    ]);
    const said = submission(outputs([1, 0, 0], [1, 0, 0]))
      .trim()
      .split('\n')
      .slice(1);
    expect(said.map((line) => line.split('\t')[0])).toEqual(task.dev.map(({ tokens }) => byFirst.get(tokens[1])));
  });
});
