import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on this machine and an empty folder to fetch into, both new for every test. */
export interface LocalServer {
  host: string;
  folder: string;
  /** What was asked for so far. */
  requests: { url: string; range: string | undefined }[];
  answer: Answer;
  /** The file as a server with ranges sends it; the connection is cut after `most` bytes. */
  serve(bytes: Buffer, most?: number, name?: string): Answer;
  /** Once so many bytes are in the partial file: what is cut before may be lost on the way, and would make tests differ. */
  whenWritten(size: number, then: () => void, name?: string): void;
}

/** @param body what it answers with unless a test sets another answer */
export const localServer = (body: Buffer): LocalServer => {
  let server: Server;
  const local: LocalServer = {
    host: '',
    folder: '',
    requests: [],
    answer: () => {},
    serve:
      (bytes, most = Number.POSITIVE_INFINITY, name) =>
      ({ headers }, response) => {
        const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
        if (start >= bytes.length && start > 0) {
          response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
          return;
        }
        const rest = bytes.subarray(start);
        const range = start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
        response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest.length, ...range });
        if (rest.length <= most) response.end(rest);
        else
          response.write(rest.subarray(0, most), () => local.whenWritten(start + most, () => response.destroy(), name));
      },
    whenWritten(size, then, name = 'train.tsv') {
      const partial = join(local.folder, `${name}.part`);
      const timer = setInterval(() => {
        if (!existsSync(partial) || statSync(partial).size < size) return;
        clearInterval(timer);
        then();
      }, 1);
    },
  };
  beforeEach(async () => {
    local.folder = mkdtempSync(join(tmpdir(), 'omoe-download-'));
    local.requests = [];
    local.answer = local.serve(body);
    server = createServer((request, response) => {
      local.requests.push({ url: request.url!, range: request.headers.range });
      local.answer(request, response);
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    local.host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    rmSync(local.folder, { recursive: true });
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return local;
};
