import { DataError } from '../errors.ts';
import { codeOf, isMissing } from './failure.ts';
import { type Files, join } from './files.ts';
import { sha256 } from './hash.ts';
import { isObject, type Json, parseJson } from './json.ts';

/** `manifest.json` of a checkpoint: what files it has, how long each is, and its SHA-256. It is written last. */
export const manifestName = 'manifest.json';
const schema = 'omoe.checkpoint/1';

export interface Entry {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

export const entryOf = async (name: string, bytes: Uint8Array): Promise<Entry> => ({
  name,
  size: bytes.length,
  sha256: await sha256(bytes),
});

/** The same for the same files, in whatever order they were written. */
export const encodeManifest = (name: string, files: readonly Entry[]): Uint8Array =>
  encode(
    name,
    [...files].sort((a, b) => (a.name < b.name ? -1 : 1)),
  );

const encode = (name: string, files: readonly Entry[]): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify({ schema, name, files }, null, 2)}\n`);

/** Why a checkpoint is not known to be whole. */
export interface Fault {
  /** In words. */
  readonly reason: string;
  /** What the system said where it could not be looked at: it may be whole. Absent where it certainly is not. */
  readonly error?: unknown;
}

/** Of a checkpoint that was never finished, in distinction from one that is damaged. */
export const unfinished: Fault = { reason: `it is unfinished: it has no ${manifestName}` };

export const isFault = (read: Checked | Uint8Array | Fault): read is Fault => 'reason' in read;

/** A checkpoint whose files were compared with its manifest. Each is read, and compared again, when it is asked for. */
export interface Checked {
  readonly manifest: Uint8Array;
  readonly files: ReadonlyMap<string, () => Promise<Uint8Array>>;
}

/**
 * Reads a checkpoint's files one at a time and compares each with the manifest. None is held: a file is read a second time
 * when it is asked for, and what is given then was compared then.
 *
 * @param folder its folder; @param name the name that it should have
 * @returns the files, or why it is not known to be whole
 */
export async function readChecked(files: Files, folder: string, name: string): Promise<Checked | Fault> {
  let manifest: Uint8Array;
  try {
    manifest = await files.read(join(folder, manifestName));
  } catch (error) {
    return isMissing(error) ? unfinished : unreadable(manifestName, error);
  }
  const entries = decode(manifest, name);
  if (entries === null) return { reason: `${manifestName} is damaged` };
  const readers = new Map<string, () => Promise<Uint8Array>>();
  for (const entry of entries) {
    const found = await readEntry(files, folder, entry);
    if (isFault(found)) return found;
    readers.set(entry.name, async () => {
      const bytes = await readEntry(files, folder, entry);
      if (!isFault(bytes)) return bytes;
      const complaint = {
        operation: `read ${folder}`,
        received: bytes.reason,
        expected: 'the files as they were when the checkpoint was opened',
        advice: 'Does another program write into this folder?',
      };
      throw new DataError(complaint, { cause: bytes.error });
    });
  }
  return { manifest, files: readers };
}

const unreadable = (name: string, error: unknown): Fault => ({
  reason: `${name} cannot be read (${codeOf(error)})`,
  error,
});

/** The bytes of a file, or why they are not known to be those of the manifest. */
async function readEntry(
  files: Files,
  folder: string,
  { name, size, sha256: hash }: Entry,
): Promise<Uint8Array | Fault> {
  let bytes: Uint8Array;
  try {
    bytes = await files.read(join(folder, name));
  } catch (error) {
    return isMissing(error) ? { reason: `${name} is missing` } : unreadable(name, error);
  }
  if (bytes.length !== size) return { reason: `${name} has ${bytes.length} bytes instead of ${size}` };
  return (await sha256(bytes)) === hash ? bytes : { reason: `${name} is damaged: its SHA-256 is another` };
}

/**
 * Whether a checkpoint that was whole has the same manifest still, and all of its files, each as long as it was. Their bytes
 * are not read.
 *
 * It rejects with what the system said where they cannot be looked at: only what is missing or different is an answer.
 */
export async function stands(files: Files, folder: string, before: Uint8Array): Promise<boolean> {
  try {
    if (!sameBytes(await files.read(join(folder, manifestName)), before)) return false;
    for (const { name, size } of entriesIn(before)) if ((await files.size(join(folder, name))) !== size) return false;
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Of a manifest that was checked, or written here. */
const entriesIn = (manifest: Uint8Array): readonly Entry[] =>
  (JSON.parse(new TextDecoder().decode(manifest)) as { files: readonly Entry[] }).files;

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

/** The entries of a manifest; null unless it is, byte for byte, what would be written for them under this name. */
function decode(bytes: Uint8Array, name: string): readonly Entry[] | null {
  let document: Json;
  try {
    document = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes), manifestName);
  } catch {
    return null;
  }
  const listed = isObject(document) ? document.get('files') : undefined;
  if (!Array.isArray(listed)) return null;
  const entries = listed.map((item: Json) => {
    const [file, size, hash] = isObject(item) ? ['name', 'size', 'sha256'].map((key) => item.get(key)) : [];
    return typeof file === 'string' && typeof size === 'number' && typeof hash === 'string'
      ? { name: file, size, sha256: hash }
      : null;
  });
  if (!entries.every((entry) => entry !== null) || !entries.every((entry) => isFileName(entry.name))) return null;
  const again = encode(name, entries);
  return sameBytes(again, bytes) ? entries : null;
}

/** Names that are legal on every system and stay in their folder. */
export const isFileName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name);
