import { codeOf, isMissing } from './failure.ts';
import { type Files, join } from './files.ts';
import { sha256 } from './hash.ts';
import { isObject, type Json, parseJson } from './json.ts';

/** `manifest.json` of a checkpoint: what files it has, how long each is, and its SHA-256. It is written last. */
export const manifestName = 'manifest.json';
const schema = 'omoe.checkpoint/1';

interface Entry {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

export async function encodeManifest(name: string, contents: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array> {
  const files: Entry[] = [];
  for (const file of [...contents.keys()].sort()) {
    const bytes = contents.get(file) as Uint8Array;
    files.push({ name: file, size: bytes.length, sha256: await sha256(bytes) });
  }
  return encode(name, files);
}

const encode = (name: string, files: readonly Entry[]): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify({ schema, name, files }, null, 2)}\n`);

/** Of a checkpoint that was never finished, in distinction from one that is damaged. */
export const unfinished = `it is unfinished: it has no ${manifestName}`;

/**
 * Reads a checkpoint's files and compares each with the manifest. What is given back is what was compared.
 *
 * @param folder its folder; @param name the name that it should have
 * @returns the files, or in words why it is not whole
 */
export async function readChecked(
  files: Files,
  folder: string,
  name: string,
): Promise<ReadonlyMap<string, Uint8Array> | string> {
  let manifest: Uint8Array;
  try {
    manifest = await files.read(join(folder, manifestName));
  } catch (error) {
    return isMissing(error) ? unfinished : `${manifestName} cannot be read (${codeOf(error)})`;
  }
  const entries = decode(manifest, name);
  if (entries === null) return `${manifestName} is damaged`;
  const contents = new Map<string, Uint8Array>();
  for (const entry of entries) {
    let bytes: Uint8Array;
    try {
      bytes = await files.read(join(folder, entry.name));
    } catch (error) {
      return isMissing(error) ? `${entry.name} is missing` : `${entry.name} cannot be read (${codeOf(error)})`;
    }
    if (bytes.length !== entry.size) return `${entry.name} has ${bytes.length} bytes instead of ${entry.size}`;
    if ((await sha256(bytes)) !== entry.sha256) return `${entry.name} is damaged: its SHA-256 is another`;
    contents.set(entry.name, bytes);
  }
  return contents;
}

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
  return again.length === bytes.length && again.every((byte, at) => byte === bytes[at]) ? entries : null;
}

/** Names that are legal on every system and stay in their folder. */
export const isFileName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name);
