import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError, OmoeError } from '../errors.ts';
import { download, type RemoteFile } from './download.ts';
import { localServer } from './server.fixture.ts';

const body = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * i) % 251));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const local = localServer(body);
const { serve, whenWritten } = local;

const remote = (bytes = body): RemoteFile => ({
  name: 'train.tsv',
  address: `${local.host}/a/train.tsv`,
  size: bytes.length,
  sha256: sha256(bytes),
});
const path = (name = 'train.tsv') => join(local.folder, name);

describe('download', () => {
  it('fetches a file, and sees that it is there', async () => {
    const deep = join(local.folder, 'new', 'folder');
    expect(await download(remote(), deep)).toBe('fetched');
    expect(readFileSync(join(deep, 'train.tsv')).equals(body)).toBe(true);
    expect(readdirSync(deep)).toEqual(['train.tsv']);
    expect(await download(remote(), deep)).toBe('there');
    expect(local.requests).toEqual([{ url: '/a/train.tsv', range: undefined }]);
  });

  it('goes on where a connection was cut', async () => {
    let first = true;
    local.answer = (...exchange) => {
      serve(body, first ? 20_000 : undefined)(...exchange);
      first = false;
    };
    await download(remote(), local.folder);
    expect(local.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=20000-']);
    expect(readFileSync(path()).equals(body)).toBe(true);
  });

  it('gives up after some cuts, and goes on in the next call', async () => {
    local.answer = serve(body, 10_000);
    await expect(download(remote(), local.folder, { retries: 1 })).rejects.toThrow(
      /a connection cut after 20000 of 50000 bytes, the last of 2, .*train\.tsv\.part; run the command again/,
    );
    expect(readFileSync(path('train.tsv.part')).equals(body.subarray(0, 20_000))).toBe(true);
    expect(existsSync(path())).toBe(false);
    local.answer = serve(body);
    expect(await download(remote(), local.folder)).toBe('resumed');
    expect(local.requests.at(-1)!.range).toBe('bytes=20000-');
    expect(readFileSync(path()).equals(body)).toBe(true);
  });

  it('starts over where a server knows no ranges', async () => {
    writeFileSync(path('train.tsv.part'), body.subarray(0, 7));
    local.answer = (_, response) => response.end(body);
    expect(await download(remote(), local.folder)).toBe('fetched');
    expect(readFileSync(path()).equals(body)).toBe(true);
  });

  it('needs no server for a partial file that is whole', async () => {
    writeFileSync(path('train.tsv.part'), body);
    expect(await download(remote(), local.folder)).toBe('resumed');
    expect(local.requests).toEqual([]);
  });

  it('refuses other bytes, and removes them', async () => {
    const other = Buffer.from(body);
    other[49_999] ^= 1;
    local.answer = serve(other);
    await expect(download(remote(), local.folder)).rejects.toThrow(
      new RegExp(
        `SHA-256 ${sha256(other)}, expected 50000 bytes with SHA-256 ${sha256(body)}\\. What came was removed`,
      ),
    );
    expect(readdirSync(local.folder)).toEqual([]);
    // The beginning of another file, too.
    writeFileSync(path('train.tsv.part'), other.subarray(0, 100).fill(0));
    local.answer = serve(body);
    await expect(download(remote(), local.folder)).rejects.toThrow(DataError);
    expect(readdirSync(local.folder)).toEqual([]);
    expect(await download(remote(), local.folder)).toBe('fetched');
  });

  it('refuses a file that is longer or shorter', async () => {
    local.answer = serve(Buffer.concat([body, body]));
    await expect(download(remote(), local.folder)).rejects.toThrow(/bytes or more, expected 50000 bytes/);
    expect(readdirSync(local.folder)).toEqual([]);
    local.answer = serve(body.subarray(0, 40_000));
    await expect(download(remote(), local.folder)).rejects.toThrow(/under 40000 bytes, expected 50000 bytes/);
    expect(readdirSync(local.folder)).toEqual([]);
  });

  it('says what a server says, and keeps what has come', async () => {
    writeFileSync(path('train.tsv.part'), body.subarray(0, 9));
    local.answer = (_, response) => response.writeHead(404).end('no');
    await expect(download(remote(), local.folder)).rejects.toThrow(
      /HTTP 404 Not Found, expected the file\. It is gone/,
    );
    local.answer = (_, response) => response.writeHead(503).end();
    await expect(download(remote(), local.folder)).rejects.toThrow(/HTTP 503 .*Try again later/);
    expect(readFileSync(path('train.tsv.part'))).toHaveLength(9);
  });

  it('says that there is no connection', async () => {
    // A port that was just closed.
    const closed = createServer();
    await new Promise<void>((ready) => closed.listen(0, '127.0.0.1', ready));
    const { port } = closed.address() as AddressInfo;
    await new Promise((done) => closed.close(done));
    const file = { ...remote(), address: `http://127.0.0.1:${port}/train.tsv` };
    await expect(download(file, local.folder)).rejects.toThrow(
      /no answer \(ECONNREFUSED\), expected a connection .*Offline\?/,
    );
    expect(readdirSync(local.folder)).toEqual([]);
  });

  it('never overwrites another file', async () => {
    writeFileSync(path(), 'mine');
    await expect(download(remote(), local.folder)).rejects.toThrow(/another file at .*train\.tsv/);
    expect(readFileSync(path(), 'utf8')).toBe('mine');
    expect(local.requests).toEqual([]);
  });

  it('says which folder it cannot write to', async () => {
    writeFileSync(path('taken'), '');
    const refused = download(remote(), join(path('taken'), 'inside'));
    await expect(refused).rejects.toBeInstanceOf(OmoeError);
    await expect(refused).rejects.toThrow(/^write .*train\.tsv: received a part of the path is a file \(ENOTDIR\)/);
  });

  it('stops on a signal, with what has come', async () => {
    const abort = new AbortController();
    local.answer = (_, response) => {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, 5000), () => whenWritten(5000, () => abort.abort()));
    };
    await expect(download(remote(), local.folder, { signal: abort.signal })).rejects.toThrow();
    expect(readFileSync(path('train.tsv.part'))).toHaveLength(5000);
    expect(local.requests).toHaveLength(1);
  });
});
