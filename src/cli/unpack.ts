/** Single files out of a zip archive on the disk, each checked, and there only once it is whole. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { DataError } from '../errors.ts';
import { crc32 } from '../io/crc.ts';
import { cannot, codeOf } from '../io/failure.ts';
import { packedStart, type ZipArchive, type ZipEntry, zipEntries, zipFault } from '../io/zip.ts';
import { partialName } from './download.ts';

/** A file in an archive, and what it is called in the folder of the task. */
export interface Member {
  readonly path: string;
  readonly name: string;
  /** Nothing that the task reads: left out where the archive has none. */
  readonly ifThere?: true;
}

export interface UnpackOptions {
  readonly signal?: AbortSignal;
  /** Bytes of a file at most. Default 2³¹ − 1: more of it `readFile` would not read, as the tasks do. */
  readonly most?: number;
}

/** `there`: it was, with the size and the CRC-32 that the archive says. */
export type Unpacked = 'unpacked' | 'there';

/**
 * Deflate can pack 258 bytes into 2 bits, and no more (RFC 1951, 3.2.5: the longest match, length and distance a bit
 * each): 1032 bytes a byte.
 */
const largestExpansion = (258 * 8) / 2;

/**
 * The files of these paths, unpacked into the folder. Until it is whole and right a file is called `<name>.part`; one of its name
 * that is there is never overwritten.
 *
 * @returns the files, in the order of the members, and whether each was there
 * @throws DataError for an archive that is damaged or cut short, has a path that leads out of it, lacks a member or has
 *   it twice, for a member that is larger than `most` or than its archive says, or is not what its checksum says, and for
 *   another file under its name; OmoeError for what cannot be read or written. What was unpacked before stays.
 */
export const unpack = async (
  path: string,
  members: readonly Member[],
  folder: string,
  { signal, most = 2 ** 31 - 1 }: UnpackOptions = {},
): Promise<{ file: string; outcome: Unpacked }[]> => {
  const file = await open(path).catch((error) => {
    throw cannot('read', path, error);
  });
  try {
    const archive = await archiveOf(file, path);
    const entries = await zipEntries(archive);
    // All are looked up before one is written: an archive that lacks one is the wrong archive.
    const wanted = members
      .filter((member) => !member.ifThere || entries.some((entry) => entry.path === member.path))
      .map(({ name, path: inside }) => ({ name, entry: entryAt(entries, inside, path, most) }));
    const outcomes: { file: string; outcome: Unpacked }[] = [];
    for (const { name, entry } of wanted) {
      const start = await packedStart(archive, entry);
      const outcome = await unpackOne(path, entry, start, join(folder, name), join(folder, partialName(name)), signal);
      outcomes.push({ file: name, outcome });
    }
    return outcomes;
  } finally {
    await file.close();
  }
};

const archiveOf = async (file: FileHandle, name: string): Promise<ZipArchive> => ({
  name,
  size: (await file.stat()).size,
  read: async (start, length) => {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, start);
    return bytes.subarray(0, bytesRead);
  },
});

const entryAt = (entries: readonly ZipEntry[], path: string, archive: string, most: number): ZipEntry => {
  const found = entries.filter((entry) => entry.path === path);
  const fault = (received: string, expected: string) => zipFault(archive, received, expected);
  if (found.length !== 1) throw fault(`${found.length === 0 ? 'no' : 'more than one'} ${path} in it`, 'one');
  const [entry] = found;
  const { method, encrypted, packed, size } = entry;
  if (encrypted) throw fault(`${path} under a password`, 'one without');
  if (method !== 0 && method !== 8) throw fault(`${path} packed by method ${method}`, 'one stored or deflated');
  if (size > most) throw fault(`${path} of ${size} bytes`, `at most ${most}`);
  if (size > packed * (method === 0 ? 1 : largestExpansion))
    throw fault(`${path} of ${size} bytes, packed into ${packed}`, 'a size that can be true');
  return entry;
};

const unpackOne = async (
  archive: string,
  entry: ZipEntry,
  start: number,
  path: string,
  partial: string,
  signal?: AbortSignal,
): Promise<Unpacked> => {
  try {
    if (await isThere(path, entry)) return 'there';
    await writeUnpacked(archive, entry, start, partial, signal);
    await rename(partial, path);
    return 'unpacked';
  } catch (error) {
    if (signal?.aborted || error instanceof DataError) throw error;
    if (codeOf(error).startsWith('Z_'))
      throw zipFault(archive, `${entry.path} that does not unpack (${codeOf(error)})`, 'whole packed bytes', error);
    throw cannot('write', path, error);
  }
};

/** @throws DataError where another file has its name */
const isThere = async (path: string, { size, crc32: sum }: ZipEntry): Promise<boolean> => {
  const found = await stat(path).catch((error) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return false;
  if (found.size === size && (await sumOf(createReadStream(path))) === sum) return true;
  throw new DataError({
    operation: `unpack ${path}`,
    received: 'another file of this name',
    expected: 'none',
    advice: 'Move it away.',
  });
};

const sumOf = async (stream: Readable): Promise<number> => {
  let sum = 0;
  for await (const bytes of stream) sum = crc32(bytes, sum);
  return sum;
};

/** Unpacks into a file, which is removed again where something is wrong. */
const writeUnpacked = async (
  archive: string,
  { path, method, packed, size, crc32: expected }: ZipEntry,
  start: number,
  partial: string,
  signal?: AbortSignal,
): Promise<void> => {
  const output = await open(partial, 'w');
  let [at, sum] = [0, 0];
  const take = async (bytes: Uint8Array): Promise<void> => {
    // What comes beyond the size that was promised is not written: a few bytes may unpack to a whole disk.
    if (at + bytes.length > size) throw zipFault(archive, `more than ${size} bytes in ${path}`, 'what it says');
    await output.writeFile(bytes);
    at += bytes.length;
    sum = crc32(bytes, sum);
  };
  // A stream, and no loop over one: of a loop that throws, Node 20 tells only that the pipeline was aborted.
  const taken = new Writable({ write: (bytes, _, done) => void take(bytes).then(() => done(), done) });
  try {
    try {
      // A stream of a file ends behind its last byte, so none has no bytes.
      const input = packed === 0 ? Readable.from([]) : createReadStream(archive, { start, end: start + packed - 1 });
      if (method === 0) await pipeline(input, taken, { signal });
      else await pipeline(input, createInflateRaw(), taken, { signal });
      if (at !== size || sum !== expected)
        throw zipFault(
          archive,
          at === size ? `${path} with the CRC-32 ${hex(sum)}` : `${path} that ends after ${at} bytes`,
          at === size ? hex(expected) : `${size}`,
        );
      await output.sync();
    } finally {
      await output.close();
    }
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
};

const hex = (sum: number): string => sum.toString(16).padStart(8, '0');
