import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.ts';
import type { ReadFile } from '../text/lines.ts';
import { findDataset } from './datasets.ts';
import { folded } from './held-out.ts';
import { loadDataset, splitRecords } from './load.ts';
import { taskSources } from './sources.ts';
import { formOf, isCut } from './superglue/marked.ts';
import { testTokenizer } from './tokenizer.fixture.ts';
import type { Task } from './types.ts';

/** Files in memory. */
const files =
  (texts: Readonly<Record<string, string>>): ReadFile =>
  async (path) => {
    const text = texts[path];
    if (text === undefined) throw Object.assign(new Error(`none: ${path}`), { code: 'ENOENT' });
    return new TextEncoder().encode(text);
  };
const load = (name: string, texts: Readonly<Record<string, string>>, limits: object = {}): Promise<Task> =>
  loadDataset(findDataset(name)!, {
    data: 'd/',
    tokenizer: testTokenizer(),
    read: files(texts),
    seed: 0,
    length: 16,
    trainLimit: null,
    devLimit: null,
    ...limits,
  });

const pairs = (n: number, label: string, from = 0): string =>
  [
    `index\tsentence1\tsentence2\t${label}`,
    ...Array.from({ length: n }, (_, i) => `${i}\tpremise ${from + (i >> 1)}\tso ${i}\tneutral`),
  ].join('\n');
const outputs = (n: number, values: readonly number[]) => Array.from({ length: n }, () => Float32Array.from(values));

describe('loading', () => {
  it('takes the official files where both are there', async () => {
    const rows = (n: number) => pairs(n, 'label').replaceAll('neutral', 'entailment');
    const task = await load('rte', { 'd/train.tsv': rows(6), 'd/dev.tsv': rows(4) });
    expect(task).toMatchObject({
      name: 'rte',
      source: 'd/',
      head: 'classify',
      classes: ['entailment', 'not_entailment'],
      metrics: ['accuracy'],
      vocabularySize: 10_000,
      padToken: 0,
      length: 16,
    });
    expect([task.train.length, task.dev.length, task.split]).toEqual([6, 4, undefined]);
    expect(task.score!(outputs(4, [1, 0]))).toEqual({ accuracy: 1 });
    expect((await load('rte', { 'd/train.tsv': rows(6), 'd/dev.tsv': rows(4) }, { trainLimit: 2 })).train).toHaveLength(
      2,
    );
  });

  it('has both dev files of MNLI, and scores each', async () => {
    const texts = {
      'd/train.tsv': pairs(4, 'gold_label'),
      'd/dev_matched.tsv': pairs(3, 'gold_label'),
      'd/dev_mismatched.tsv': pairs(2, 'gold_label').replaceAll('neutral', 'entailment'),
    };
    const task = await load('mnli', texts);
    expect(task.metrics).toEqual(['accuracy', 'accuracy mismatched']);
    expect(task.dev).toHaveLength(5);
    // Records are told apart over both files.
    expect(task.dev.map(({ row }) => row)).toEqual([undefined, undefined, undefined, 3, 4]);
    expect(task.score!(outputs(5, [0, 1, 0]))).toEqual({ accuracy: 1, 'accuracy mismatched': 0 });
    expect(task.score!(outputs(3, [0, 1, 0]), 'matched')).toEqual({ accuracy: 1 });
    expect(task.score!(outputs(2, [1, 0, 0]), 'mismatched')).toEqual({ 'accuracy mismatched': 1 });
    expect(() => task.score!(outputs(2, [1, 0, 0]), 'other')).toThrow(UsageError);
    expect(() => task.score!(outputs(4, [1, 0, 0]))).toThrow(/1 outputs, expected 2/);
    const { 'd/dev_mismatched.tsv': _, ...one } = texts;
    // What is measured on one of the two files says on which.
    expect(await load('mnli', one)).toMatchObject({ metrics: ['accuracy'], split: 'measured on dev_matched.tsv' });
    expect(task.split).toBeUndefined();
  });

  it('splits what is there by premise, and says so', async () => {
    const task = await load('mnli', { 'd/train.sub9k.tsv': pairs(200, 'gold_label') });
    expect(task.split).toBe('train.sub9k.tsv by premise, 20 % held out');
    expect(task.train.length + task.dev.length).toBe(200);
    const premise = ({ tokens }: { tokens: Int32Array }) => tokens.slice(0, 6).join();
    const trained = new Set(task.train.map(premise));
    expect(task.dev.length).toBeGreaterThan(0);
    expect(task.dev.filter((example) => trained.has(premise(example)))).toEqual([]);
  });

  it('says what is missing where it does not split', async () => {
    await expect(load('wnli', {})).rejects.toThrow(/no such file, d\/train\.tsv, expected train\.tsv of GLUE's WNLI/);
    await expect(load('wnli', { 'd/train.tsv': pairs(4, 'label').replaceAll('neutral', '1') })).rejects.toThrow(
      /no such file, d\/dev\.tsv/,
    );
    await expect(load('boolq', {})).rejects.toThrow(DataError);
    await expect(load('mnli', { 'd/train.tsv': pairs(1, 'gold_label') })).rejects.toThrow(/too few to hold some out/);
    await expect(load('ax', {})).rejects.toThrow(UsageError);
    await expect(load('axb', {})).rejects.toThrow(/without labelled files/);
  });

  it('names a part of the official rows', async () => {
    const subset = 'index\tquestion\tsentence\tlabel\n0\ta\tb\tentailment\n';
    const task = await load('qnli', { 'd/train.sub9k.tsv': subset, 'd/dev.tsv': subset });
    expect(task.split).toBe('trained on train.sub9k.tsv, a part of the official rows');
  });

  it('takes the few records of FewGLUE where there is nothing better', async () => {
    const boolq = (n: number) =>
      Array.from({ length: n }, (_, i) => `{"question":"is it ${i}","passage":"about ${i}","label":true}\n`).join('');
    const few = { 'd/train32.jsonl': boolq(3), 'd/dev32.jsonl': boolq(2) };
    const alone = await load('boolq', few);
    expect([alone.train.length, alone.dev.length]).toEqual([3, 2]);
    expect(alone.split).toBe('trained on train32.jsonl, a part of the official rows; measured on dev32.jsonl');
    // A whole file is split instead.
    expect((await load('boolq', { ...few, 'd/val.jsonl': boolq(50) })).split).toBe(
      'val.jsonl by passage, 20 % held out',
    );
    // One that cannot be split is measured on.
    const wic = (word: string) =>
      `{"word":"${word}","sentence1":"a ${word}","sentence2":"the ${word}","start1":2,"end1":5,"start2":4,"end2":7,"label":true}\n`;
    const mixed = await load('wic', { 'd/train32.jsonl': wic('cat'), 'd/val.jsonl': wic('dog') });
    expect(mixed.split).toBe('trained on train32.jsonl, a part of the official rows');
    const { files: checked } = await taskSources.find(({ name }) => name === 'boolq')!.check('d', files(few));
    expect(checked.map(({ name, rows }) => [name, rows])).toEqual([
      ['train32.jsonl', 3],
      ['dev32.jsonl', 2],
    ]);
  });

  it("never trains on WiC's flat records that share a sentence with the dev file, and says how many", async () => {
    const flat = (one: string, two: string) =>
      `{"label":1,"text":"Word: cat. Sentence 1: ${one} Sentence 2: ${two}"}\n`;
    const val =
      '{"word":"cat","sentence1":"The cat\u0027s here.","sentence2":"No cat.","start1":4,"end1":7,"start2":3,"end2":6,"label":true}\n';
    const texts = {
      'd/train_flat5228.jsonl':
        flat('A cat .', 'Two cats .') + flat("The cat 's here .", 'A cat .') + flat('x cat', 'no cat'),
      'd/val.jsonl': val,
    };
    const task = await load('wic', texts);
    expect(task.train).toHaveLength(1);
    expect(task.split).toBe(
      'trained on train_flat5228.jsonl, a part of the official rows; without 2 of its 3 records, which share a text with val.jsonl',
    );
  });

  it('says of how many examples a marked word is cut away', async () => {
    const wsc = (filler: string) =>
      `{"text":"Ann ${filler} she ran","target":{"span1_text":"Ann","span1_index":0,"span2_text":"she","span2_index":${filler.split(' ').length + 1}},"label":true}\n`;
    const texts = { 'd/train.jsonl': wsc('a b c d e f') + wsc('so'), 'd/val.jsonl': wsc('so') };
    expect((await load('wsc', texts, { length: 12 })).split).toBeUndefined();
    const short = await load('wsc', texts, { length: 6 });
    expect(short.split).toBe('in 1 examples 6 tokens leave no room for a marked word: the first token stands for it');
    expect(short.train[0].spans).toEqual([
      { from: 1, to: 2 },
      { from: 0, to: 1 },
    ]);
  });

  it('checks every file that is there, and the first bad line', async () => {
    const source = taskSources.find(({ name }) => name === 'qqp')!;
    const head = 'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n';
    const texts = {
      'd/train.tsv': `${head}1\t2\t3\ta\tb\t1\nshort\n`,
      'd/test.tsv': 'id\tquestion1\tquestion2\n0\ta\tb\n',
    };
    expect((await source.check('d', files(texts))).files).toEqual([
      { name: 'train.tsv', split: 'train', rows: 1, labels: { not_duplicate: 0, duplicate: 1, 'lines skipped': 1 } },
      { name: 'test.tsv', split: 'test', rows: 1, labels: { 'hidden labels': 1 } },
    ]);
    const bad = { ...texts, 'd/dev.tsv': `${head}1\t2\t3\ta\tb\t1\n1\t2\t3\ta\tb\tx\n` };
    await expect(source.check('d', files(bad))).rejects.toThrow(/the label "x" at d\/dev\.tsv:3/);
    await expect(source.check('e', files(texts))).rejects.toThrow(/none of its files in e, expected train\.tsv, /);
  });
});

const shared = '../shared/data';
const present = existsSync(`${shared}/glue`) && existsSync(`${shared}/superglue`);

/** What the real folders hold: rows, then the labels or what else identifies them. */
const expected: Readonly<Record<string, readonly [folder: string, ...files: readonly string[]]>> = {
  cola: [
    'glue/CoLA',
    'train.tsv 8551 unacceptable 2528 acceptable 6023',
    'dev.tsv 1043 unacceptable 322 acceptable 721',
    'test.tsv 1063 hidden labels 1063',
  ],
  sst2: [
    'glue/SST-2',
    'train.tsv 67349 negative 29780 positive 37569',
    'dev.tsv 872 negative 428 positive 444',
    'test.tsv 1821 hidden labels 1821',
  ],
  mrpc: [
    'glue/MRPC',
    'train.tsv 3668 not_equivalent 1194 equivalent 2474',
    'dev.tsv 408 not_equivalent 129 equivalent 279',
    'test.tsv 1725 hidden labels 1725',
    'msr_paraphrase_train.txt 4076 not_equivalent 1323 equivalent 2753',
  ],
  qqp: ['glue/QQP', 'train.sub9k.tsv 8999 not_duplicate 5747 duplicate 3252'],
  stsb: [
    'glue/STS-B',
    'train.tsv 5749 mean score 2.7',
    'dev.tsv 1500 mean score 2.36',
    'test.tsv 1379 hidden labels 1379',
  ],
  mnli: ['glue/MNLI', 'train.sub9k.tsv 8999 entailment 3061 neutral 2980 contradiction 2958'],
  qnli: [
    'glue/QNLI',
    'train.sub9k.tsv 8999 entailment 4523 not_entailment 4476',
    'dev.tsv 5463 entailment 2702 not_entailment 2761',
  ],
  rte: [
    'glue/RTE',
    'train.tsv 2490 entailment 1249 not_entailment 1241',
    'dev.tsv 277 entailment 146 not_entailment 131',
  ],
  wnli: [
    'glue/WNLI',
    'train.tsv 635 not_entailment 323 entailment 312',
    'dev.tsv 71 not_entailment 40 entailment 31',
    'test.tsv 146 hidden labels 146',
  ],
  ax: ['glue/AX', 'diagnostic.tsv 1104 hidden labels 1104'],
  boolq: [
    'superglue/BoolQ',
    'train32.jsonl 32 false 14 true 18 passages 32',
    'val.jsonl 3270 false 1237 true 2033 passages 2939',
    'dev32.jsonl 32 false 13 true 19 passages 32',
  ],
  cb: [
    'superglue/CB',
    'train.jsonl 250 entailment 115 contradiction 119 neutral 16',
    'val.jsonl 56 entailment 23 contradiction 28 neutral 5',
    'test.jsonl 250 hidden labels 250',
  ],
  copa: [
    'superglue/COPA',
    'train.jsonl 400 first 195 second 205 causes 198 effects 202',
    'val.jsonl 100 first 55 second 45 causes 52 effects 48',
    'test.jsonl 500 hidden labels 500 causes 250 effects 250',
  ],
  multirc: [
    'superglue/MultiRC',
    'train32.jsonl 32 false 86 true 68 passages 32 answers 154',
    'val.jsonl 953 false 2773 true 2075 passages 83 answers 4848',
    'dev32.jsonl 32 false 93 true 74 passages 32 answers 167',
  ],
  record: ['superglue/ReCoRD', 'train32.jsonl 32 passages 32', 'dev32.jsonl 32 passages 32'],
  wsc: [
    'superglue/WSC',
    'train.jsonl 554 false 295 true 259',
    'val.jsonl 104 false 66 true 38 phrases found at another word 1',
    'test.jsonl 146 hidden labels 146 phrases found at another word 1 phrases not in the text 2',
  ],
  wic: [
    'superglue/WiC',
    'train_flat5228.jsonl 5228 false 2613 true 2615 words found by likeness 10456',
    'train32.jsonl 32 false 15 true 17',
    'val.jsonl 638 false 319 true 319',
    'dev32.jsonl 32 false 16 true 16',
  ],
};

describe.skipIf(!present)(`the real files${present ? '' : ' (skipped: not on this machine)'}`, () => {
  it.each(Object.entries(expected))('of %s hold what is known of them', async (name, [folder, ...lines]) => {
    const source = taskSources.find((one) => one.name === name)!;
    const { files: checked } = await source.check(`${shared}/${folder}`, readFile);
    const said = checked.map(({ name: file, rows, labels }) =>
      [file, rows, ...Object.entries(labels ?? {}).flat()].join(' '),
    );
    expect(said).toEqual(lines);
  });

  it.each([
    ['rte', 'superglue/RTE', ['val.jsonl 277']],
    ['record', 'superglue/ReCoRD/sample', ['train.jsonl 9', 'val.jsonl 2', 'test.jsonl 1']],
    ['wic', 'superglue/WiC/sample', ['train.jsonl 3', 'val.jsonl 2', 'test.jsonl 1']],
    [
      'mnli',
      'glue/MNLI/sample',
      ['train.tsv 3', 'dev_matched.tsv 2', 'dev_mismatched.tsv 2', 'test_matched.tsv 1', 'test_mismatched.tsv 1'],
    ],
    ['qqp', 'glue/QQP/sample', ['train.tsv 3', 'dev.tsv 2', 'test.tsv 1']],
  ])('of %s in %s too', async (name, folder, lines) => {
    const { files: checked } = await taskSources
      .find((one) => one.name === name)!
      .check(`${shared}/${folder}`, readFile);
    expect(checked.map(({ name: file, rows }) => `${file} ${rows}`)).toEqual(lines);
  });

  it.each([
    ['boolq', 'superglue/BoolQ', 'val.jsonl by passage, 20 % held out'],
    ['multirc', 'superglue/MultiRC', 'val.jsonl by passage, 20 % held out'],
    ['mnli', 'glue/MNLI', 'train.sub9k.tsv by premise, 20 % held out'],
    ['qqp', 'glue/QQP', 'train.sub9k.tsv by question, 20 % held out'],
    ['qnli', 'glue/QNLI', 'trained on train.sub9k.tsv, a part of the official rows'],
    [
      'wic',
      'superglue/WiC',
      'trained on train_flat5228.jsonl, a part of the official rows; without 124 of its 5228 records, which share a text with val.jsonl',
    ],
    ['record', 'superglue/ReCoRD', 'trained on train32.jsonl, a part of the official rows; measured on dev32.jsonl'],
  ])('of %s are split without a text on both sides', async (name, folder, split) => {
    const dataset = findDataset(name)!;
    const records = await splitRecords(dataset, `${shared}/${folder}`, readFile);
    expect(records.split).toBe(split);
    const trained = new Set(records.train.flatMap((row) => dataset.texts(row).map(folded)));
    const held = records.dev[0].rows;
    if (!split.startsWith('trained') || name === 'wic')
      expect(held.filter((row) => dataset.texts(row).some((text) => trained.has(folded(text))))).toEqual([]);
    const share = held.length / (held.length + records.train.length);
    if (dataset.unit !== null && name !== 'record') expect([name, share > 0.1 && share < 0.3]).toEqual([name, true]);
  });

  it("mark WiC's words, given and found alike", async () => {
    const lines = (await readFile(`${shared}/superglue/WiC/val.jsonl`, 'utf8')).trim().split('\n');
    for (const line of lines) {
      const { word, sentence1, start1, end1, sentence2, start2, end2 } = JSON.parse(line);
      expect(formOf(word, sentence1)).toMatchObject({ start: start1, end: end1 });
      expect(formOf(word, sentence2)).toMatchObject({ start: start2, end: end2 });
    }
    const dataset = findDataset('wic')!;
    const records = await splitRecords(dataset, `${shared}/superglue/WiC`, readFile);
    const examples = dataset.examples(records.dev[0].rows, testTokenizer());
    expect(examples.flatMap(({ spans }) => spans!).filter(isCut)).toEqual([]);
  });
});
