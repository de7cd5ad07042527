import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataError, OmoeError, UsageError } from '../errors.ts';
import { dataGet } from './data-get.ts';
import { addressOf, sourceTable } from './data-sources.ts';
import { download, type RemoteFile } from './download.ts';
import { type Environment, InterruptedError } from './environment.ts';

const body = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * i) % 251));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let server: Server;
let folder = '';
let host = '';
let requests: { url: string; range: string | undefined }[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

/** Once so many bytes are in the partial file: what is cut before may be lost on the way, and would make tests differ. */
const whenWritten = (size: number, then: () => void): void => {
  const partial = join(folder, 'train.tsv.part');
  const timer = setInterval(() => {
    if (!existsSync(partial) || statSync(partial).size < size) return;
    clearInterval(timer);
    then();
  }, 1);
};

/** The file as a server with ranges sends it; the connection is cut after `most` bytes. */
const serve =
  (bytes: Buffer, most = Number.POSITIVE_INFINITY) =>
  ({ headers }: IncomingMessage, response: ServerResponse): void => {
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    if (start >= bytes.length && start > 0) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    const rest = bytes.subarray(start);
    const range = start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest.length, ...range });
    if (rest.length <= most) response.end(rest);
    else response.write(rest.subarray(0, most), () => whenWritten(start + most, () => response.destroy()));
  };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'omoe-download-'));
  requests = [];
  answer = serve(body);
  server = createServer((request, response) => {
    requests.push({ url: request.url!, range: request.headers.range });
    answer(request, response);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const remote = (bytes = body): RemoteFile => ({
  name: 'train.tsv',
  address: `${host}/a/train.tsv`,
  size: bytes.length,
  sha256: sha256(bytes),
});
const path = (name = 'train.tsv') => join(folder, name);

describe('download', () => {
  it('fetches a file, and sees that it is there', async () => {
    const deep = join(folder, 'new', 'folder');
    expect(await download(remote(), deep)).toBe('fetched');
    expect(readFileSync(join(deep, 'train.tsv')).equals(body)).toBe(true);
    expect(readdirSync(deep)).toEqual(['train.tsv']);
    expect(await download(remote(), deep)).toBe('there');
    expect(requests).toEqual([{ url: '/a/train.tsv', range: undefined }]);
  });

  it('goes on where a connection was cut', async () => {
    let first = true;
    answer = (...exchange) => {
      serve(body, first ? 20_000 : undefined)(...exchange);
      first = false;
    };
    await download(remote(), folder);
    expect(requests.map(({ range }) => range)).toEqual([undefined, 'bytes=20000-']);
    expect(readFileSync(path()).equals(body)).toBe(true);
  });

  it('gives up after some cuts, and goes on in the next call', async () => {
    answer = serve(body, 10_000);
    await expect(download(remote(), folder, { retries: 1 })).rejects.toThrow(
      /a connection cut after 20000 of 50000 bytes, the last of 2, .*train\.tsv\.part; run the command again/,
    );
    expect(readFileSync(path('train.tsv.part')).equals(body.subarray(0, 20_000))).toBe(true);
    expect(existsSync(path())).toBe(false);
    answer = serve(body);
    expect(await download(remote(), folder)).toBe('resumed');
    expect(requests.at(-1)!.range).toBe('bytes=20000-');
    expect(readFileSync(path()).equals(body)).toBe(true);
  });

  it('starts over where a server knows no ranges', async () => {
    writeFileSync(path('train.tsv.part'), body.subarray(0, 7));
    answer = (_, response) => response.end(body);
    expect(await download(remote(), folder)).toBe('fetched');
    expect(readFileSync(path()).equals(body)).toBe(true);
  });

  it('needs no server for a partial file that is whole', async () => {
    writeFileSync(path('train.tsv.part'), body);
    expect(await download(remote(), folder)).toBe('resumed');
    expect(requests).toEqual([]);
  });

  it('refuses other bytes, and removes them', async () => {
    const other = Buffer.from(body);
    other[49_999] ^= 1;
    answer = serve(other);
    await expect(download(remote(), folder)).rejects.toThrow(
      new RegExp(
        `SHA-256 ${sha256(other)}, expected 50000 bytes with SHA-256 ${sha256(body)}\\. What came was removed`,
      ),
    );
    expect(readdirSync(folder)).toEqual([]);
    // The beginning of another file, too.
    writeFileSync(path('train.tsv.part'), other.subarray(0, 100).fill(0));
    answer = serve(body);
    await expect(download(remote(), folder)).rejects.toThrow(DataError);
    expect(readdirSync(folder)).toEqual([]);
    expect(await download(remote(), folder)).toBe('fetched');
  });

  it('refuses a file that is longer or shorter', async () => {
    answer = serve(Buffer.concat([body, body]));
    await expect(download(remote(), folder)).rejects.toThrow(/bytes or more, expected 50000 bytes/);
    expect(readdirSync(folder)).toEqual([]);
    answer = serve(body.subarray(0, 40_000));
    await expect(download(remote(), folder)).rejects.toThrow(/under 40000 bytes, expected 50000 bytes/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says what a server says, and keeps what has come', async () => {
    writeFileSync(path('train.tsv.part'), body.subarray(0, 9));
    answer = (_, response) => response.writeHead(404).end('no');
    await expect(download(remote(), folder)).rejects.toThrow(/HTTP 404 Not Found, expected the file\. It is gone/);
    answer = (_, response) => response.writeHead(503).end();
    await expect(download(remote(), folder)).rejects.toThrow(/HTTP 503 .*Try again later/);
    expect(readFileSync(path('train.tsv.part'))).toHaveLength(9);
  });

  it('says that there is no connection', async () => {
    // A port that was just closed.
    const closed = createServer();
    await new Promise<void>((ready) => closed.listen(0, '127.0.0.1', ready));
    const { port } = closed.address() as AddressInfo;
    await new Promise((done) => closed.close(done));
    const file = { ...remote(), address: `http://127.0.0.1:${port}/train.tsv` };
    await expect(download(file, folder)).rejects.toThrow(
      /no answer \(ECONNREFUSED\), expected a connection .*Offline\?/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it('never overwrites another file', async () => {
    writeFileSync(path(), 'mine');
    await expect(download(remote(), folder)).rejects.toThrow(/another file at .*train\.tsv/);
    expect(readFileSync(path(), 'utf8')).toBe('mine');
    expect(requests).toEqual([]);
  });

  it('says which folder it cannot write to', async () => {
    writeFileSync(path('taken'), '');
    const refused = download(remote(), join(path('taken'), 'inside'));
    await expect(refused).rejects.toBeInstanceOf(OmoeError);
    await expect(refused).rejects.toThrow(/^write .*train\.tsv: received a part of the path is a file \(ENOTDIR\)/);
  });

  it('stops on a signal, with what has come', async () => {
    const abort = new AbortController();
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, 5000), () => whenWritten(5000, () => abort.abort()));
    };
    await expect(download(remote(), folder, { signal: abort.signal })).rejects.toThrow();
    expect(readFileSync(path('train.tsv.part'))).toHaveLength(5000);
    expect(requests).toHaveLength(1);
  });
});

describe('omoe data get', () => {
  const parts = ['Quality\t#1 ID\t#2 ID\n1\t5\t6\ta\tb\n0\t7\t8\tc\td\n', '7\t8\n'].map((text) =>
    Buffer.from(`${text}`),
  );
  const made = Buffer.from('Quality\t#1 ID\t#2 ID\n1\t5\t6\ta\tb\n');
  const files = parts.map((bytes, i) => ({
    name: ['all.txt', 'dev_ids.tsv'][i],
    path: `with space/${i}`,
    size: bytes.length,
    sha256: sha256(bytes),
  }));
  const table = {
    mrpc: {
      sources: [{ repository: 'o/r', commit: 'c0ffee', files }],
      made: {
        name: 'train.tsv',
        from: ['all.txt', 'dev_ids.tsv'] as const,
        by: 'leaving out the listed pairs' as const,
        size: made.length,
        sha256: sha256(made),
      },
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
  const get = (flags: object = {}, task = 'mrpc') =>
    dataGet(task, { out: folder, host, acceptLicence: true, ...flags }, environment, table);
  beforeEach(() => {
    said = '';
    answer = (request, response) => serve(parts[Number(request.url!.at(-1))])(request, response);
  });

  it('shows the licence, and fetches nothing before it is accepted', async () => {
    await expect(get({ acceptLicence: false })).rejects.toThrow(UsageError);
    expect(said).toContain('licence of the data: Microsoft Research data licence, for research');
    expect(said).toMatch(/all\.txt +\d+ +http/);
    expect(requests).toEqual([]);
    await expect(get({ acceptLicence: false, json: true })).rejects.toThrow(/under this licence: Microsoft Research/);
  });

  it('fetches every file and makes the one that is made', async () => {
    await get({ json: true });
    expect(requests.map(({ url }) => url)).toEqual(['/o/r/c0ffee/with%20space/0', '/o/r/c0ffee/with%20space/1']);
    expect(readFileSync(path()).equals(made)).toBe(true);
    expect(JSON.parse(said)).toMatchObject({
      task: 'mrpc',
      files: [{ outcome: 'fetched' }, { outcome: 'fetched' }, { file: 'train.tsv', outcome: 'made' }],
      missing: ['dev.tsv'],
    });
    said = '';
    await get();
    expect(said).toMatch(/Not fetched: dev\.tsv\. See gluebenchmark\.com[\s\S]*omoe data check mrpc/);
    writeFileSync(path(), 'mine');
    await expect(get()).rejects.toThrow(/another file at .*train\.tsv/);
  });

  it('takes no part of a split for the whole of it', async () => {
    const folderOf = (...names: string[]) => ({
      sources: [
        { ...table.mrpc.sources[0], files: names.map((name) => ({ ...table.mrpc.sources[0].files[0], name })) },
      ],
    });
    const few = {
      record: folderOf('train32.jsonl', 'dev32.jsonl'),
      wic: folderOf('train_flat5228.jsonl', 'val.jsonl'),
    };
    for (const [task, missing] of [
      ['record', ['train.jsonl', 'val.jsonl']],
      ['wic', ['train.jsonl']],
    ] as const) {
      said = '';
      const plan = dataGet(task, { out: folder, host, acceptLicence: false }, environment, few);
      await expect(plan).rejects.toThrow(UsageError);
      expect(said).toContain(`Not fetched: ${missing.join(', ')}. See super.gluebenchmark.com`);
    }
  });

  it('says where the files are that it does not fetch', async () => {
    await expect(get({}, 'mnli')).rejects.toThrow(/no address with a checksum .*gluebenchmark\.com/);
    await expect(get({}, 'mnlii')).rejects.toThrow(/Did you mean "mnli"\?/);
  });

  it('ends by Ctrl-C', async () => {
    answer = () => interrupt();
    await expect(get()).rejects.toThrow(InterruptedError);
  });

  it('has whole addresses of one commit in its table', () => {
    for (const { sources, made: result } of Object.values(sourceTable)) {
      const all = sources.flatMap((repository) => repository.files.map((file) => [repository, file] as const));
      for (const [repository, file] of all) {
        expect(addressOf(repository, file)).toMatch(
          /^https:\/\/raw\.githubusercontent\.com\/[^/]+\/[^/]+\/[0-9a-f]{40}\/[^ ]+$/,
        );
        expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
      }
      const names = all.map(([, { name }]) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const name of result?.from ?? []) expect(names).toContain(name);
    }
  });
});

const shared = '../shared/data/glue/MRPC';

describe.skipIf(!existsSync(shared))(`the table${existsSync(shared) ? '' : ' (skipped: not on this machine)'}`, () => {
  it('makes the official training file of MRPC', async () => {
    const { makeFile } = await import('./data-get.ts');
    for (const name of sourceTable.mrpc.made!.from) writeFileSync(path(name), readFileSync(join(shared, name)));
    await makeFile(sourceTable.mrpc.made!, folder);
    expect(sha256(readFileSync(path()))).toBe(sourceTable.mrpc.made!.sha256);
  });
});
