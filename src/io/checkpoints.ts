import { DataError, OmoeError, UsageError } from '../errors.ts';
import { cannot, codeOf, isMissing } from './failure.ts';
import { bytesIn, type FileContent, type Files, join, writeWhole } from './files.ts';
import { lockFolder, type Processes } from './lock.ts';
import {
  type Entry,
  encodeManifest,
  entryOf,
  isFault,
  isFileName,
  manifestName,
  readChecked,
  stands,
  unfinished,
} from './manifest.ts';

/** A checkpoint that was compared with its manifest and is whole. */
export interface Checkpoint {
  /** The name it was saved under. */
  readonly name: string;
  readonly path: string;
  /**
   * What reads each file; nothing is held in memory. The bytes are compared with the manifest again.
   * @throws DataError where the file is no longer what it was
   */
  readonly files: ReadonlyMap<string, () => Promise<Uint8Array>>;
}

/** A checkpoint that is not whole, and why: unfinished, truncated, damaged. */
export interface PassedOver {
  readonly name: string;
  readonly path: string;
  readonly reason: string;
  /** It was never finished: nothing that was saved is lost with it. */
  readonly unfinished: boolean;
}

export interface Latest {
  /** The newest whole one, or null if there is none. */
  readonly checkpoint: Checkpoint | null;
  /** Newer ones that are not whole, the newest first. */
  readonly passedOver: readonly PassedOver[];
}

/** Chooses checkpoints by name; all of them where it is left out. */
export type Choice = (name: string) => boolean;

/**
 * A folder of checkpoints, each a folder of files numbered in the order of saving:
 *
 *   000001-step-100/   model.safetensors, …, manifest.json
 *   000002-step-200/   …
 *   lock-….json        while a process writes here
 *
 * Each file is written beside its place, flushed and renamed, the manifest last: a folder without it is an unfinished
 * checkpoint, and its hashes tell a damaged one. The bytes of the files depend on nothing but what was given.
 */
export interface Store {
  readonly folder: string;
  /** Locks of dead processes that were removed on opening, in words, to be said. */
  readonly tookOver: readonly string[];
  /**
   * Saves files under a name; a name may be used again, the later one is the newer. A file that is a function is made when
   * its turn comes and forgotten when it is written. When it resolves all of it is on the disk, the names of folders that were
   * made for it too. After a failure what was written is removed as far as possible, and is no checkpoint in any case.
   *
   * @returns the checkpoint's folder
   * @throws UsageError for a name that is no file name everywhere, and for a file too large to be read back; OmoeError for
   *   what the system said
   */
  save(name: string, contents: ReadonlyMap<string, FileContent>): Promise<string>;
  /** @throws DataError if the folder itself cannot be read */
  latest(choose?: Choice): Promise<Latest>;
  /**
   * Removes what is older than the newest whole checkpoint, except the newest `keep` whole ones; a damaged one does not
   * count. One that this store wrote or compared itself is not read again: its manifest has to be the same and its files
   * there, each as long as it was. Any other one is read, and so is the one that shall remain alone, with `keep` 1: it may
   * not be a damaged one. Where none is whole nothing is removed.
   *
   * @returns the folders that were removed
   * @throws OmoeError where a checkpoint cannot be looked at: it may be whole, and nothing is removed
   */
  prune(keep: number, choose?: Choice): Promise<string[]>;
  /** Releases the lock. */
  close(): Promise<void>;
}

export interface StoreOptions {
  readonly files: Files;
  readonly folder: string;
  /** Whom the lock is to tell apart: `nodeProcesses` in Node. Null takes no lock: for reading, or where nobody else is. */
  readonly processes: Processes | null;
  /** Bytes that a file may have. Default 2³¹ - 1: Node reads no more at once, so that a larger one could never be checked. */
  readonly largestFile?: number;
}

/** What the operations on a store share. */
interface Room {
  readonly files: Files;
  readonly folder: string;
  readonly largestFile: number;
  /** Paths of checkpoints that this store wrote or compared, with their manifests. */
  readonly known: Map<string, Uint8Array>;
}

/**
 * Opens a folder of checkpoints, which is made if it is not there and a lock is taken.
 *
 * @throws UsageError while another process has it; OmoeError for what the system said
 */
export async function openStore({ files, folder, processes, largestFile = 2 ** 31 - 1 }: StoreOptions): Promise<Store> {
  const room: Room = { files, folder, largestFile, known: new Map() };
  const lock = processes && (await acquire(files, folder, processes));
  // One thing at a time: two saves at once would take the same number.
  let before: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const turn = before.then(act);
    before = turn.catch(() => {});
    return turn;
  };
  return {
    folder,
    tookOver: lock?.tookOver ?? [],
    save: (name, contents) => inTurn(() => save(room, name, contents)),
    latest: (choose) => inTurn(() => latest(room, choose)),
    prune: (keep, choose) => inTurn(() => prune(room, keep, choose)),
    close: () => inTurn(async () => lock?.release()),
  };
}

async function acquire(files: Files, folder: string, processes: Processes) {
  try {
    await files.makeFolder(folder);
    return await lockFolder(files, folder, processes);
  } catch (error) {
    throw cannot('lock', folder, error);
  }
}

function checkSize(name: string, file: string, { length }: Uint8Array, largest: number): void {
  if (length > largest)
    throw new UsageError({
      operation: `save ${name}`,
      received: `${file} of ${length} bytes`,
      expected: `files of at most ${largest} bytes`,
      advice: 'A file that large could be written and never read back: split it into several.',
    });
}

async function save(
  { files, folder, largestFile, known }: Room,
  name: string,
  contents: ReadonlyMap<string, FileContent>,
): Promise<string> {
  checkNames(name, contents);
  const newest = (await numbered(files, folder)).at(-1)?.number ?? 0;
  const path = join(folder, `${String(newest + 1).padStart(6, '0')}-${name}`);
  const entries: Entry[] = [];
  try {
    await files.makeFolder(path);
    for (const [file, content] of contents) {
      const bytes = await bytesIn(content);
      checkSize(name, file, bytes, largestFile);
      await writeWhole(files, join(path, file), bytes);
      entries.push(await entryOf(file, bytes));
    }
    const manifest = encodeManifest(name, entries);
    await writeWhole(files, join(path, manifestName), manifest);
    await files.syncFolder(folder);
    known.set(path, manifest);
  } catch (error) {
    await discard(files, path).catch(() => {});
    throw cannot('write', path, error);
  }
  return path;
}

/** Removes a checkpoint, its manifest first: half removed, it is an unfinished one. */
async function discard(files: Files, path: string): Promise<void> {
  await files.remove(join(path, manifestName));
  await files.remove(path);
}

function checkNames(name: string, contents: ReadonlyMap<string, unknown>): void {
  const refuse = (received: string, expected: string) => {
    throw new UsageError({ operation: 'save checkpoint', received, expected });
  };
  for (const one of [name, ...contents.keys()])
    if (!isFileName(one)) refuse(`the name ${JSON.stringify(one)}`, 'at most 100 of A-Z a-z 0-9 . _ -, no mark first');
  if (contents.has(manifestName)) refuse(`a file ${manifestName}`, 'another name: this one is written by the store');
  const folded = new Set([...contents.keys()].map((file) => file.toLowerCase()));
  if (folded.size < contents.size) refuse('file names that differ in case only', 'names that are distinct everywhere');
}

interface Numbered {
  readonly number: number;
  readonly name: string;
  readonly path: string;
}

/** The folders of checkpoints in the order of saving, whole or not. */
async function numbered(files: Files, folder: string, choose: Choice = () => true): Promise<Numbered[]> {
  let names: readonly string[];
  try {
    names = await files.list(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw new DataError(
      {
        operation: 'read checkpoints',
        received: `${folder} (${codeOf(error)})`,
        expected: 'a folder that can be read',
      },
      { cause: error },
    );
  }
  const found = names.flatMap((entry) => {
    const [, number, name] = /^(\d{6,15})-(.+)$/.exec(entry) ?? [];
    return name !== undefined && choose(name) ? [{ number: Number(number), name, path: join(folder, entry) }] : [];
  });
  return found.sort((a, b) => a.number - b.number);
}

async function latest({ files, folder, known }: Room, choose?: Choice): Promise<Latest> {
  const passedOver: PassedOver[] = [];
  for (const { name, path } of (await numbered(files, folder, choose)).reverse()) {
    const read = await readChecked(files, path, name);
    if (!isFault(read)) {
      known.set(path, read.manifest);
      return { checkpoint: { name, path, files: read.files }, passedOver };
    }
    passedOver.push({ name, path, reason: read.reason, unfinished: read === unfinished });
  }
  return { checkpoint: null, passedOver };
}

async function prune(room: Room, keep: number, choose?: Choice): Promise<string[]> {
  const { files, folder, known } = room;
  if (!Number.isSafeInteger(keep) || keep < 1)
    throw new UsageError({
      operation: 'prune checkpoints',
      received: `keep ${keep}`,
      expected: 'a whole number from 1',
    });
  const removed: string[] = [];
  let kept = 0;
  // The newest first.
  const all = (await numbered(files, folder, choose)).reverse();
  for (const [at, one] of all.entries()) {
    const alone = keep === 1 && at < all.length - 1;
    if (kept < keep && (await isWhole(room, one, alone))) kept += 1;
    else if (kept > 0) removed.push(one.path);
  }
  try {
    for (const path of removed) {
      known.delete(path);
      await discard(files, path);
    }
    if (removed.length > 0) await files.syncFolder(folder);
  } catch (error) {
    throw cannot('remove checkpoints in', folder, error);
  }
  return removed;
}

/** @param compare reads its bytes even if this store knows it. @throws OmoeError where this cannot be told */
async function isWhole({ files, known }: Room, { name, path }: Numbered, compare: boolean): Promise<boolean> {
  const before = known.get(path);
  if (before !== undefined) {
    const standing = await stands(files, path, before).catch((error: unknown) => {
      throw undecided(path, error);
    });
    if (!standing || !compare) return standing;
  }
  const read = await readChecked(files, path, name);
  if (!isFault(read)) {
    known.set(path, read.manifest);
    return true;
  }
  if (read.error !== undefined) throw undecided(path, read.error);
  return false;
}

const undecided = (path: string, cause: unknown): OmoeError =>
  new OmoeError(
    {
      operation: 'prune checkpoints',
      received: `${path}, which cannot be read (${codeOf(cause)})`,
      expected: 'checkpoints of which can be told whether they are whole',
      advice: 'Nothing was removed.',
    },
    { cause },
  );
