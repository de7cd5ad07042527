import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitDocuments } from '../text/corpus.ts';
import { splitLines } from '../text/lines.ts';
import { omoe, scratch } from './command.fixture.ts';
import { distinctParagraphs } from './data-sentences.ts';

/** A folder of a task with these files. */
const folderWith = (files: Readonly<Record<string, string>>): string => {
  const folder = join(scratch(), 'data');
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return folder;
};

const sst2 = () =>
  folderWith({
    'train.tsv': 'sentence\tlabel\na fine film \t1\ndull  and   long\t0\na fine film\t0\nso\t1\n',
    'dev.tsv': 'sentence\tlabel\nonly measured \t0\n',
  });

const documentsOf = (text: string): string[] =>
  splitDocuments(splitLines(new TextEncoder().encode(text), 'out'), 'out').map(({ lines }) => lines.join('\n'));

describe('omoe data sentences', () => {
  it('writes each distinct training text once, as a paragraph', async () => {
    const { code, stdout, stderr } = await omoe(['data', 'sentences', 'sst2', '--data', sst2()]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'a fine film\n\ndull and long\n\nso\n', stderr: '' });
    expect(documentsOf(stdout)).toEqual(['a fine film', 'dull and long', 'so']);
  });

  it('writes a file, which it never overwrites', async () => {
    const data = sst2();
    const out = join(data, 'texts.txt');
    const argv = ['data', 'sentences', 'sst2', '--data', data, '--out', out, '--limit', '2'];
    expect(await omoe(argv)).toMatchObject({ code: 0, stdout: '', stderr: `${out}: 2 texts\n` });
    expect(readFileSync(out, 'utf8')).toBe('a fine film\n\ndull and long\n');
    const again = await omoe(argv);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('which is there already, expected a new file');
  });

  it('says the same in JSON', async () => {
    const data = sst2();
    const ask = async (...more: string[]) =>
      JSON.parse((await omoe(['data', 'sentences', 'sst2', '--data', data, '--json', ...more])).stdout);
    expect(await ask('--limit', '1')).toEqual({
      task: 'sst2',
      data,
      texts: 1,
      leftOut: [],
      sentences: ['a fine film'],
    });
    const out = join(data, 'texts.txt');
    expect(await ask('--out', out)).toEqual({ task: 'sst2', data, texts: 3, leftOut: [], out });
    expect(existsSync(out)).toBe(true);
  });

  it('leaves out what the task itself is measured on, whole or as a part, and says so', async () => {
    const data = folderWith({
      'train.tsv':
        'sentence\tlabel\nONLY measured!\t0\nso only measured it is\t1\nsays he: a much longer text of it, no?\t1\nso\t1\nthat one\t0\n',
      'dev.tsv': 'sentence\tlabel\nonly measured \t0\na much longer text of it\t0\n',
      'test.tsv': 'index\tsentence\n0\tThat one\n',
    });
    const argv = ['data', 'sentences', 'sst2', '--data', data];
    // Two words may stand in any text; five do not.
    expect(await omoe(argv)).toMatchObject({
      code: 0,
      stdout: 'so only measured it is\n\nso\n',
      stderr:
        'note: left out 2 texts that sst2 is measured on.\nnote: left out 1 text with one inside that sst2 is measured on.\n',
    });
    expect((await omoe([...argv, '--quiet'])).stderr).toBe('');
    expect(JSON.parse((await omoe([...argv, '--json', '--limit', '1'])).stdout)).toEqual({
      ...{ task: 'sst2', data, texts: 1, leftOut: [{ task: 'sst2', same: 2, contains: 1 }] },
      sentences: ['so only measured it is'],
    });
  });

  it('leaves out what other tasks are measured on', async () => {
    const data = sst2();
    const header = 'index\tsentence1\tsentence2\tlabel\n';
    const rte = folderWith({
      'train.tsv': `${header}0\tso\tso\tentailment\n`,
      'dev.tsv': `${header}0\tother\tDull and long.\tentailment\n`,
    });
    const axb = folderWith({ 'AX-b.jsonl': '{"sentence1":"A fine film?","sentence2":"x","label":"entailment"}\n' });
    const argv = ['data', 'sentences', 'sst2', '--data', data, '--without'];
    expect(await omoe([...argv, `sst2=${data}`, `rte=${rte}`, `axb=${axb}`])).toMatchObject({
      stdout: 'so\n',
      stderr: 'note: left out 1 text that axb is measured on.\nnote: left out 1 text that rte is measured on.\n',
    });
    const apart = await omoe([...argv, `rte=${rte}`, '--without', `axb=${axb}`]);
    expect(apart.stdout).toBe('so\n');
    const refused: [string, number, string][] = [
      ['rte', 2, 'data sentences --without: received "rte", expected a task and its folder'],
      ['rtf=x', 2, 'data sentences --without: received the task "rtf"'],
      [`axb=${data}`, 4, 'none of its files'],
      [`rte=${axb}`, 4, 'no such file'],
    ];
    for (const [without, exit, part] of refused) {
      const { code, stdout, stderr } = await omoe([...argv, without]);
      expect(stderr).toContain(part);
      expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    }
  });

  it('leaves out the passages that a training holds out', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({
      question: `who ${i}`,
      passage: `passage ${i >> 1}`,
      label: true,
    }));
    const data = folderWith({ 'val.jsonl': rows.map((row) => JSON.stringify(row)).join('\n') });
    const texts = documentsOf((await omoe(['data', 'sentences', 'boolq', '--data', data])).stdout);
    // Both questions of a passage are there, or neither is.
    const passages = texts.filter((text) => text.startsWith('passage'));
    expect(passages.length).toBeGreaterThan(10);
    expect(passages.length).toBeLessThan(20);
    const numbers = passages.map((text) => Number(text.split(' ')[1]));
    expect(texts.filter((text) => text.startsWith('who'))).toEqual(
      numbers.flatMap((n) => [`who ${2 * n}`, `who ${2 * n + 1}`]),
    );
  });

  it.each([
    [['sst3'], 2, 'data sentences: received the task "sst3", expected one of cola, sst2'],
    [['embedded'], 2, 'The embedded tasks have no files.'],
    [['ax'], 2, 'load task ax: received a task without labelled files'],
    [['axb'], 2, 'load task axb: received a task without labelled files'],
    [['cola'], 4, 'no such file'],
    [['sst2', '--limit', '0'], 2, 'data sentences --limit: received "0", expected an integer of at least 1'],
  ])('%j ends with %i', async ([task, ...more], exit, part) => {
    const out = join(scratch(), 'texts.txt');
    const { code, stdout, stderr } = await omoe([
      'data',
      'sentences',
      task!,
      '--data',
      join(scratch(), 'none'),
      '--out',
      out,
      ...more,
    ]);
    expect(stderr).toContain(part);
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    expect(existsSync(out)).toBe(false);
  });
});

describe('paragraphs', () => {
  it('are read back one by one, whatever stands in a text', () => {
    const text = fc.string({ unit: fc.constantFrom(...'a=7 \t\n\r\u2028x'), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (texts) => {
        const paragraphs = distinctParagraphs(texts);
        fc.pre(paragraphs.length > 0);
        expect(documentsOf(paragraphs.map((one) => `${one}\n`).join('\n'))).toEqual(paragraphs);
      }),
      { numRuns: 500 },
    );
  });
});
