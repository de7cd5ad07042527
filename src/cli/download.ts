/** One file over HTTP into a folder: resumed where it was cut, and there only once its checksum is right. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.ts';
import { cannot, codeOf } from '../io/failure.ts';

export interface RemoteFile {
  readonly name: string;
  readonly address: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

export interface DownloadOptions {
  /** Ends the download; what has come stays, to go on from. */
  readonly signal?: AbortSignal;
  /** How often a cut connection is taken up again before giving up. Default 3. */
  readonly retries?: number;
}

/** `there`: it was, whole and right, and nothing was fetched. */
export type Outcome = 'fetched' | 'resumed' | 'there';

/** What a file is called until it is whole and right. */
export const partialName = (name: string): string => `${name}.part`;

const sizeOf = async (path: string): Promise<number | null> => {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
};

/** Piece by piece: the largest archive has 300 MB. */
const digestOf = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(path)) hash.update(bytes);
  return hash.digest('hex');
};

/** A connection that ended early; what has come is kept. */
class Cut extends Error {}

const fault = (address: string, received: string, expected: string, advice?: string, cause?: unknown): DataError =>
  new DataError({ operation: `fetch ${address}`, received, expected, advice }, { cause });

/** Why there was no answer at all: no network, no such host, nobody listening. */
const offline = (address: string, error: unknown): DataError => {
  const code = codeOf(error instanceof Error ? (error.cause ?? error) : error);
  return fault(
    address,
    `no answer (${code})`,
    'a connection to this host',
    'Offline? Files fetched elsewhere can be put into the folder under the same names: `omoe data check` reads them.',
    error,
  );
};

/** Asks for the bytes from `start` on. @throws DataError without an answer, or with one that holds no file */
const request = async (address: string, start: number, signal?: AbortSignal): Promise<Response> => {
  // Without "identity" a range could be one of packed bytes.
  const headers = { 'accept-encoding': 'identity', ...(start > 0 ? { range: `bytes=${start}-` } : {}) };
  let response: Response;
  try {
    response = await fetch(address, { headers, signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw offline(address, error);
  }
  if (response.status === 200 || response.status === 206 || response.status === 416) return response;
  await response.body?.cancel();
  throw fault(
    address,
    `HTTP ${response.status} ${response.statusText}`.trim(),
    'the file',
    response.status === 404
      ? 'It is gone from there. Files fetched elsewhere can be put into the folder: `omoe data check` reads them.'
      : 'Try again later.',
  );
};

/** Whether an answer holds the bytes from `start` on: some servers send the whole file whatever was asked for. */
const goesOn = (response: Response, start: number): boolean =>
  response.status === 206 && (response.headers.get('content-range') ?? '').startsWith(`bytes ${start}-`);

/** Writes what comes behind the first `start` bytes of the file. @throws Cut where it ends early, with the rest kept */
const append = async (response: Response, path: string, start: number, file: RemoteFile): Promise<void> => {
  const output = await open(path, start > 0 ? 'r+' : 'w');
  const input = response.body?.getReader();
  try {
    let at = start;
    // More than the file is another file: no need to fetch all of it.
    while (input && at <= file.size) {
      const { done, value } = await input.read().catch((error) => {
        if (error instanceof Error && error.name === 'AbortError') throw error;
        throw new Cut(`cut after ${at} of ${file.size} bytes`, { cause: error });
      });
      if (done) break;
      await output.write(value, 0, value.length, at);
      at += value.length;
    }
    if (at < file.size) throw new Cut(`that ended after ${at} of ${file.size} bytes`);
  } finally {
    await input?.cancel().catch(() => {});
    await output.sync();
    await output.close();
  }
};

/**
 * Fetches the rest of the partial file, once.
 * @returns whether bytes of an earlier call were used
 */
const fetchRest = async (file: RemoteFile, partial: string, signal?: AbortSignal): Promise<boolean> => {
  const start = (await sizeOf(partial)) ?? 0;
  if (start >= file.size) return true;
  const response = await request(file.address, start, signal);
  if (response.status === 416) {
    // The server's file is shorter than what is here: they are not the same file.
    await response.body?.cancel();
    await rm(partial, { force: true });
    throw fault(
      file.address,
      `a file of under ${start} bytes`,
      `${file.size} bytes`,
      'What had come of it was removed; run the command again.',
    );
  }
  const resumed = start > 0 && goesOn(response, start);
  await append(response, partial, resumed ? start : 0, file);
  return resumed;
};

/**
 * Fetches a file into a folder, which is made where there is none. Until it is whole and its checksum right it is called
 * `<name>.part`; a later call goes on from that by a Range request. A file of this name that is there already is
 * checked, and never overwritten.
 *
 * @throws DataError where there is no answer, an answer without the file (the partial file stays), a connection cut more
 *   than `retries` times (it stays), a wrong size or checksum (it is removed), or another file under the name; OmoeError
 *   for a folder that cannot be written.
 */
export const download = async (file: RemoteFile, folder: string, options: DownloadOptions = {}): Promise<Outcome> => {
  try {
    return await fetchInto(file, folder, options);
  } catch (error) {
    // What the system refuses has the name of its call; all else is said in words already.
    if (error instanceof Error && 'syscall' in error) throw cannot('write', join(folder, file.name), error);
    throw error;
  }
};

const fetchInto = async (
  file: RemoteFile,
  folder: string,
  { signal, retries = 3 }: DownloadOptions,
): Promise<Outcome> => {
  const [path, partial] = [join(folder, file.name), join(folder, partialName(file.name))];
  await mkdir(folder, { recursive: true });
  if ((await sizeOf(path)) !== null) {
    if ((await digestOf(path)) === file.sha256) return 'there';
    throw fault(
      file.address,
      `another file at ${path}`,
      `none, or the one with SHA-256 ${file.sha256}`,
      'Move it away.',
    );
  }
  let resumed = (await sizeOf(partial)) !== null;
  for (let cuts = 0; ; ) {
    try {
      resumed = (await fetchRest(file, partial, signal)) && resumed;
      break;
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      if (++cuts > retries)
        throw fault(
          file.address,
          `a connection ${error.message}, the last of ${cuts}`,
          'the whole file',
          `What has come is in ${partial}; run the command again to go on.`,
          error,
        );
    }
  }
  const [size, digest] = [await sizeOf(partial), await digestOf(partial)];
  if (size !== file.size || digest !== file.sha256) {
    await rm(partial);
    throw fault(
      file.address,
      size === file.size ? `SHA-256 ${digest}` : `${size} bytes or more`,
      `${file.size} bytes with SHA-256 ${file.sha256}`,
      'What came was removed. The file is another one now, or was damaged on the way.',
    );
  }
  await rename(partial, path);
  return resumed ? 'resumed' : 'fetched';
};
