import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { zipOf } from '../io/zip.fixture.ts';
import { datasets } from '../tasks/datasets.ts';
import { taskSources } from '../tasks/sources.ts';
import { omoe } from './command.fixture.ts';
import { dataGet, makeFile } from './data-get.ts';
import { elsewhere, sourceTable, type TaskFiles } from './data-sources.ts';
import { type Environment, InterruptedError } from './environment.ts';
import { localServer } from './server.fixture.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const local = localServer(Buffer.alloc(0));
const path = (name: string) => join(local.folder, name);

const pairs = ['\xef\xbb\xbfQuality\t#1 ID\t#2 ID', '1\t5\t6\ta\tb', '0\t7\t8\tc\td', '1\t5\t8\te\tf', ''].join('\n');
const header = '\xef\xbb\xbfQuality\t#1 ID\t#2 ID\n';
const madeFiles = {
  'train.tsv': `${header}1\t5\t6\ta\tb\n1\t5\t8\te\tf\n`,
  'dev.tsv': `${header}0\t7\t8\tc\td\n`,
  'test.tsv': 'index\t#1 ID\t#2 ID\n0\t5\t6\ta\tb\n1\t7\t8\tc\td\n2\t5\t8\te\tf\n',
};
const zip = zipOf([
  { path: 'CoLA/', bytes: Buffer.alloc(0) },
  { path: 'CoLA/train.tsv', bytes: Buffer.from('gj04\t1\t\tA fine one.\ngj04\t0\t*\tOne a fine.\n'.repeat(200)) },
  { path: 'CoLA/dev.tsv', bytes: Buffer.from('gj04\t1\t\tIt is.') },
  { path: 'CoLA/test.tsv', bytes: Buffer.from('index\tsentence\n0\tIs it.\n'), stored: true },
  { path: 'CoLA/original/raw.tsv', bytes: Buffer.alloc(9) },
]);

/** What the server has, by path. */
const remote: Readonly<Record<string, Buffer>> = {
  '/a/with%20space/pairs.txt': Buffer.from(pairs, 'latin1'),
  '/b/ids.tsv': Buffer.from('7\t8\n'),
  '/glue/CoLA.zip': zip,
};
const fileAt = (name: string, address: string) => {
  const bytes = remote[address];
  return { name, address: `https://official.example${address}`, size: bytes.length, sha256: sha256(bytes) };
};
const madeOf = (name: keyof typeof madeFiles, by: NonNullable<TaskFiles['made']>[number]['by']) => {
  const bytes = Buffer.from(madeFiles[name], 'latin1');
  return { name, from: ['pairs.txt', 'ids.tsv'], by, size: bytes.length, sha256: sha256(bytes) };
};
const table: Record<string, TaskFiles> = {
  mrpc: {
    files: [fileAt('pairs.txt', '/a/with%20space/pairs.txt'), fileAt('ids.tsv', '/b/ids.tsv')],
    made: [
      madeOf('train.tsv', 'without the listed pairs'),
      madeOf('dev.tsv', 'the listed pairs'),
      madeOf('test.tsv', 'numbered, without labels'),
    ],
  },
  cola: {
    files: [
      {
        ...fileAt('CoLA.zip', '/glue/CoLA.zip'),
        members: ['train.tsv', 'dev.tsv', 'test.tsv'].map((name) => ({ path: `CoLA/${name}`, name })),
      },
    ],
  },
};

let said = '';
let interrupt = (): void => {};
const environment = {
  stdout: { write: (text: string) => (said += text) },
  stderr: { write: () => true },
  onInterrupt: (listener: () => void) => {
    interrupt = listener;
    return () => {};
  },
} as unknown as Environment;
const get = (task: string, flags: object = {}) =>
  dataGet(task, { out: local.folder, host: `${local.host}/`, acceptLicence: true, ...flags }, environment, table);

beforeEach(() => {
  said = '';
  local.answer = (request, response) => local.serve(remote[request.url!])(request, response);
});

describe('omoe data get', () => {
  it('shows the licence, and fetches nothing before it is accepted', async () => {
    await expect(get('mrpc', { acceptLicence: false })).rejects.toThrow(UsageError);
    expect(said).toContain('licence of the data: Microsoft Research data licence, for research');
    expect(said).toMatch(/pairs\.txt +\d+ +http/);
    expect(local.requests).toEqual([]);
    await expect(get('mrpc', { acceptLicence: false, json: true })).rejects.toThrow(
      /under this licence: Microsoft Research/,
    );
    await expect(get('mrpc', { acceptLicence: false, host: undefined })).rejects.toThrow(UsageError);
    expect(said).toContain('https://official.example/b/ids.tsv');
  });

  it('fetches every file and makes those that are made', async () => {
    await get('mrpc', { json: true });
    expect(local.requests.map(({ url }) => url)).toEqual(['/a/with%20space/pairs.txt', '/b/ids.tsv']);
    for (const [name, text] of Object.entries(madeFiles)) expect(readFileSync(path(name), 'latin1')).toBe(text);
    expect(JSON.parse(said)).toEqual({
      task: 'mrpc',
      out: local.folder,
      licence: 'Microsoft Research data licence, for research',
      files: [
        { file: 'pairs.txt', outcome: 'fetched' },
        { file: 'ids.tsv', outcome: 'fetched' },
        ...Object.keys(madeFiles).map((file) => ({ file, outcome: 'made' })),
      ],
    });
    said = '';
    await get('mrpc');
    expect(said).toMatch(/omoe data check mrpc/);
    writeFileSync(path('train.tsv'), 'mine');
    await expect(get('mrpc')).rejects.toThrow(/another file at .*train\.tsv/);
  });

  it('fetches an archive, goes on in it, and unpacks what the task reads', async () => {
    local.answer = local.serve(zip, 100, 'CoLA.zip');
    await expect(get('cola')).rejects.toThrow(/CoLA\.zip\.part; run the command again to go on/);
    expect(readdirSync(local.folder)).toEqual(['CoLA.zip.part']);
    local.answer = local.serve(zip);
    said = '';
    await get('cola', { json: true });
    const outcomes = (archive: string, member: string) => [
      { file: 'CoLA.zip', outcome: archive },
      ...['train.tsv', 'dev.tsv', 'test.tsv'].map((file) => ({ file, outcome: member })),
    ];
    expect(JSON.parse(said).files).toEqual(outcomes('resumed', 'unpacked'));
    expect(local.requests.at(-1)!.range).toBe('bytes=400-');
    expect(readdirSync(local.folder).sort()).toEqual(['CoLA.zip', 'dev.tsv', 'test.tsv', 'train.tsv']);

    const checked = await omoe(['data', 'check', 'cola', '--data', local.folder, '--json']);
    expect(JSON.parse(checked.stdout).files).toMatchObject([
      { split: 'train', rows: 400, labels: { unacceptable: 200, acceptable: 200 } },
      { split: 'dev', rows: 1 },
      { split: 'test', rows: 1 },
    ]);

    const asked = local.requests.length;
    said = '';
    await get('cola', { json: true });
    expect(JSON.parse(said).files).toEqual(outcomes('there', 'there'));
    expect(local.requests).toHaveLength(asked);
    writeFileSync(path('dev.tsv'), 'mine');
    await expect(get('cola')).rejects.toThrow(/unpack .*dev\.tsv: received another file of this name/);
    expect(readFileSync(path('dev.tsv'), 'utf8')).toBe('mine');
  });

  it('unpacks nothing of an archive that is another one now', async () => {
    const other = Buffer.from(zip);
    other[40] ^= 1;
    local.answer = local.serve(other);
    await expect(get('cola')).rejects.toThrow(/CoLA\.zip: received SHA-256 .*What came was removed/);
    expect(readdirSync(local.folder)).toEqual([]);
  });

  it('says where the files are that it does not fetch', async () => {
    await expect(get('conll2003')).rejects.toThrow(
      /by agreement only .*https:\/\/www\.clips\.uantwerpen\.be\/conll2003/,
    );
    await expect(get('mnlii')).rejects.toThrow(/Did you mean "mnli"\?/);
  });

  it('ends by Ctrl-C', async () => {
    local.answer = () => interrupt();
    await expect(get('mrpc')).rejects.toThrow(InterruptedError);
  });
});

describe('the table', () => {
  const entries = Object.entries(sourceTable);
  const namesOf = ({ files, made = [] }: TaskFiles): string[] => [
    ...files.flatMap(({ name, members = [] }) => [name, ...members.map((member) => member.name)]),
    ...made.map(({ name }) => name),
  ];

  it('has official addresses, or those of one commit', () => {
    for (const [, { files }] of entries)
      for (const { address, sha256: digest, size } of files) {
        expect(address).toMatch(
          /^https:\/\/(dl\.fbaipublicfiles\.com\/(glue(\/superglue\/data\/v2|\/data)|senteval\/senteval_data)|rajpurkar\.github\.io\/SQuAD-explorer\/dataset|raw\.githubusercontent\.com\/[^/]+\/[^/]+\/[0-9a-f]{40})\/[^ ?#]+$/,
        );
        expect(digest).toMatch(/^[0-9a-f]{64}$/);
        expect(size).toBeGreaterThan(0);
      }
  });

  it('puts files into the folder itself, each under a name of its own', () => {
    for (const [, task] of entries) {
      const names = namesOf(task);
      expect(new Set(names).size).toBe(names.length);
      for (const name of names) expect(name).toMatch(/^\w[\w.-]*$/);
      for (const { from } of task.made ?? []) for (const name of from) expect(names).toContain(name);
    }
  });

  it('has every task, or says where its files are', () => {
    expect(taskSources.map(({ name }) => name).sort()).toEqual(
      [...Object.keys(sourceTable), ...Object.keys(elsewhere)].sort(),
    );
  });

  it('has every split of them', () => {
    for (const { name, parts } of datasets)
      expect([name, ...namesOf(sourceTable[name])]).toEqual(
        expect.arrayContaining([name, ...parts.map(({ files }) => files[0])]),
      );
    for (const [name, files] of Object.entries({
      squad1: ['train-v1.1.json', 'dev-v1.1.json'],
      squad2: ['train-v2.0.json', 'dev-v2.0.json'],
      wnut17: ['wnut17train.conll', 'emerging.dev.conll', 'emerging.test.annotated'],
      wikigold: ['wikigold.conll.txt', 'LICENSE'],
    })) {
      expect(namesOf(sourceTable[name])).toEqual(files);
      const { layout } = taskSources.find((task) => task.name === name)!;
      for (const file of files.filter((one) => one !== 'LICENSE')) expect(layout).toContain(file);
    }
  });
});

const shared = '../shared/data/glue/MRPC';
const there = existsSync(shared);

describe.skipIf(!there)(`MRPC${there ? '' : ' (skipped: not on this machine)'}`, () => {
  it.each(['train.tsv', 'dev.tsv'])('has the official %s made', async (name) => {
    const made = sourceTable.mrpc.made!.find((one) => one.name === name)!;
    for (const from of made.from) writeFileSync(path(from), readFileSync(join(shared, from)));
    await makeFile(made, local.folder);
    expect(sha256(readFileSync(path(name)))).toBe(made.sha256);
  });

  it('has the official test.tsv made, but for the labels that nobody here has', async () => {
    const made = sourceTable.mrpc.made!.find(({ name }) => name === 'test.tsv')!;
    const [columns, ...rows] = readFileSync(join(shared, 'test.tsv'), 'latin1').split('\n').slice(0, -1);
    const labelled = [
      `\xef\xbb\xbf${columns.replace('index', 'Quality')}`,
      ...rows.map((row) => row.replace(/^\d+/, '1')),
    ];
    const published = Buffer.from(`${labelled.join('\n')}\n`, 'latin1');
    const source = sourceTable.mrpc.files.find(({ name }) => name === made.from[0])!;
    expect(published.length).toBe(source.size);
    writeFileSync(path(source.name), published);
    await makeFile(made, local.folder);
  });
});
