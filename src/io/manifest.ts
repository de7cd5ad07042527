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

/** Of a checkpoint that was never finished, in distinction from one that is damaged. */
export const unfinished = `it is unfinished: it has no ${manifestName}`;

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
 * @returns the files, or in words why it is not whole
 */
export async function readChecked(files: Files, folder: string, name: string): Promise<Checked | string> {
  let manifest: Uint8Array;
  try {
    manifest = await files.read(join(folder, manifestName));
  } catch (error) {
    return isMissing(error) ? unfinished : `${manifestName} cannot be read (${codeOf(error)})`;
  }
  const entries = decode(manifest, name);
  if (entries === null) return `${manifestName} is damaged`;
  const readers = new Map<string, () => Promise<Uint8Array>>();
  for (const entry of entries) {
    const found = await readEntry(files, folder, entry);
    if (typeof found === 'string') return found;
    readers.set(entry.name, async () => {
      const bytes = await readEntry(files, folder, entry);
      if (typeof bytes !== 'string') return bytes;
      throw new DataError({
        operation: `read ${folder}`,
        received: bytes,
        expected: 'the files as they were when the checkpoint was opened',
        advice: 'Does another program write into this folder?',
      });
    });
  }
  return { manifest, files: readers };
}

/** The bytes of a file, or in words why they are not those of the manifest. */
async function readEntry(
  files: Files,
  folder: string,
  { name, size, sha256: hash }: Entry,
): Promise<Uint8Array | string> {
  let bytes: Uint8Array;
  try {
    bytes = await files.read(join(folder, name));
  } catch (error) {
    return isMissing(error) ? `${name} is missing` : `${name} cannot be read (${codeOf(error)})`;
  }
  if (bytes.length !== size) return `${name} has ${bytes.length} bytes instead of ${size}`;
  return (await sha256(bytes)) === hash ? bytes : `${name} is damaged: its SHA-256 is another`;
}

/** Whether a checkpoint that was whole has the same manifest still, and all of its files by name. Their bytes are not read. */
export async function stands(files: Files, folder: string, before: Uint8Array): Promise<boolean> {
  try {
    const names = new Set(await files.list(folder));
    const now = await files.read(join(folder, manifestName));
    return sameBytes(now, before) && namesIn(now).every((name) => names.has(name));
  } catch {
    return false;
  }
}

const namesIn = (manifest: Uint8Array): readonly string[] =>
  (JSON.parse(new TextDecoder().decode(manifest)) as { files: readonly Entry[] }).files.map(({ name }) => name);

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
