import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../../errors.ts';
import { splitLines } from '../../text/lines.ts';
import { type GlueName, type GlueOptions, loadGlue, parseGlue } from './index.ts';

const parse = (glue: GlueName, text: string) =>
  parseGlue(glue, splitLines(new TextEncoder().encode(text), 'f.tsv'), 'f.tsv');

describe('CoLA lines', () => {
  it('have no header, four columns, and perhaps no final newline', () => {
    expect(parse('cola', 'x1\t1\t\tOne came.\nx2\t0\t*\tCame one.')).toEqual([
      { sentence: 'One came.', label: 1 },
      { sentence: 'Came one.', label: 0 },
    ]);
  });

  it('have no quoting: a quote opens nothing', () => {
    const rows = parse('cola', 'x\t1\t\t"He left\nx\t0\t*\t"" they\u2028said"\n');
    expect(rows.map((row) => row.sentence)).toEqual(['"He left', '"" they\u2028said"']);
  });

  it('are named when malformed', () => {
    expect(() => parse('cola', 'x\t1\t\tGood.\nx\t1\tno mark\n')).toThrow(
      /3 columns at f\.tsv:2, expected 4: .*no header/,
    );
    expect(() => parse('cola', 'x\t1\t\tGood.\n\nx\t1\t\tGood.\n')).toThrow(/1 columns at f\.tsv:2/);
    expect(() => parse('cola', 'x\t1\t\ta\ttab\n')).toThrow(/5 columns at f\.tsv:1/);
    expect(() => parse('cola', 'x\t2\t\tGood.\n')).toThrow(/the label "2" at f\.tsv:1, expected 0 or 1/);
    expect(() => parse('cola', 'x\t\t\tGood.\n')).toThrow(/the label "" at/);
    expect(() => parse('cola', 'x\t1\t\t \n')).toThrow(/an empty sentence at f\.tsv:1/);
    expect(() => parse('cola', 'index\tsentence\n')).toThrow(DataError);
  });
});

describe('SST-2 lines', () => {
  it('have a header and end in a space', () => {
    expect(parse('sst2', 'sentence\tlabel\nfine \t1\na dull , "flat film \t0\n')).toEqual([
      { sentence: 'fine', label: 1 },
      { sentence: 'a dull , "flat film', label: 0 },
    ]);
  });

  it('take their columns by name, after a byte order mark and with Windows line ends too', () => {
    expect(parse('sst2', '\ufefflabel\textra\tsentence\r\n1\tz\tfine\r\n')).toEqual([{ sentence: 'fine', label: 1 }]);
  });

  it('are named when malformed', () => {
    expect(() => parse('sst2', 'fine \t1\n')).toThrow(/the header "fine \\t1" at f\.tsv:1/);
    expect(() => parse('sst2', 'index\tsentence\n0\tfine\n')).toThrow(/test\.tsv, which has no labels/);
    expect(() => parse('sst2', 'sentence\tlabel\nfine \t1\nfine\n')).toThrow(/1 columns at f\.tsv:3, expected 2/);
    expect(() => parse('sst2', 'sentence\tlabel\nfine \t-1\n')).toThrow(/the label "-1" at f\.tsv:2/);
    expect(() => parse('sst2', 'sentence\tlabel\n')).toThrow(/a header and no rows/);
  });
});

describe('loading a folder', () => {
  let root = '';
  let options: GlueOptions;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'omoe-glue-'));
    await mkdir(join(root, 'SST-2'));
    const rows = Array.from({ length: 40 }, (_, i) => `${i % 2 ? 'good' : 'bad'}${'ly'.repeat(i % 5)} \t${i % 2}`);
    await writeFile(join(root, 'SST-2/train.tsv'), `sentence\tlabel\n${rows.join('\n')}\n`);
    await writeFile(join(root, 'SST-2/dev.tsv'), 'sentence\tlabel\ngoodly \t1\nodd \t0\n');
    await writeFile(join(root, 'vocab.txt'), '[PAD]\n[UNK]\n[CLS]\n[SEP]\ngood\nbad\n##ly\n');
    const [data, vocab] = [join(root, 'SST-2'), join(root, 'vocab.txt')];
    options = { data, vocab, read: readFile, seed: 0, length: 6, trainLimit: null, devLimit: null };
  });
  afterAll(() => rm(root, { recursive: true }));

  it('gives a task with word pieces', async () => {
    const task = await loadGlue('sst2', { ...options, data: `${options.data}/` });
    expect(task).toMatchObject({ name: 'sst2', vocabularySize: 7, padToken: 0, domains: null, length: 6 });
    expect(task.metric.name).toBe('accuracy');
    expect(task.train).toHaveLength(40);
    expect(task.dev.map(({ tokens, label }) => [...tokens, label])).toEqual([
      [2, 4, 6, 3, 1],
      [2, 1, 3, 0],
    ]);
  });

  it('samples by the seed, the smaller sample inside the larger', async () => {
    const load = async (trainLimit: number | null, seed = 0): Promise<string[]> =>
      (await loadGlue('sst2', { ...options, seed, trainLimit })).train.map((e) => e.tokens.join());
    const [ten, all] = [await load(10), await load(null)];
    expect(ten).toHaveLength(10);
    expect(await load(10)).toEqual(ten);
    expect(await load(10, 1)).not.toEqual(ten);
    expect(await load(40)).toEqual(all);
    await expect(load(0)).rejects.toThrow(UsageError);
  });

  it('says what is missing, what it needs, and the layout', async () => {
    await expect(loadGlue('sst2', { ...options, data: join(root, 'none') })).rejects.toThrow(
      /no such file, .*none\/train\.tsv, expected train\.tsv of GLUE's SST-2 in the folder of the data: 2 tab-separated/,
    );
    await expect(loadGlue('sst2', { ...options, data: options.vocab })).rejects.toThrow(
      /received a file where a folder should be, /,
    );
    await expect(loadGlue('cola', { ...options, data: root })).rejects.toThrow(
      /no such file, .*train\.tsv, expected train\.tsv of GLUE's CoLA/,
    );
    await expect(loadGlue('cola', options)).rejects.toThrow(/2 columns at .*train\.tsv:1/);
    await expect(loadGlue('sst2', { ...options, vocab: join(root, 'none.txt') })).rejects.toThrow(/none\.txt/);
  });

  it('refuses what is not UTF-8, with the line', async () => {
    const folder = join(root, 'latin1');
    await mkdir(folder);
    const bytes = Buffer.from('sentence\tlabel\ngood \t1\ncaf\xe9 \t1\n', 'latin1');
    await writeFile(join(folder, 'train.tsv'), bytes);
    await expect(loadGlue('sst2', { ...options, data: folder })).rejects.toThrow(/not UTF-8 at .*train\.tsv:3/);
  });
});

const glue = '../shared/data/glue';
const vocab = '../shared/data/vocab/bert-base-uncased-vocab.txt';
const present = existsSync(glue) && existsSync(vocab);

describe.skipIf(!present)(`the official files${present ? '' : ' (skipped: not on this machine)'}`, () => {
  const count = (examples: readonly { label: number | null }[]): number[] => {
    const positive = examples.filter((example) => example.label === 1).length;
    return [positive, examples.length - positive];
  };
  const load = (name: GlueName, folder: string, trainLimit: number | null) =>
    loadGlue(name, {
      data: join(glue, folder),
      vocab,
      read: readFile,
      seed: 0,
      length: 32,
      trainLimit,
      devLimit: null,
    });

  it('hold 8,551 and 1,043 rows of CoLA', async () => {
    const { train, dev } = await load('cola', 'CoLA', null);
    expect(count(train)).toEqual([6023, 2528]);
    expect(count(dev)).toEqual([721, 322]);
  });

  it('hold 67,349 and 872 rows of SST-2', async () => {
    const { readLines } = await import('../../text/lines.ts');
    expect(count(parseGlue('sst2', await readLines(`${glue}/SST-2/train.tsv`, '', readFile), 'train.tsv'))).toEqual([
      37_569, 29_780,
    ]);
    expect(count((await load('sst2', 'SST-2', 100)).dev)).toEqual([444, 428]);
  });
});
