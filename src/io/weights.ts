import { DataError, UsageError } from '../errors.ts';
import { codeOf, isMissing } from './failure.ts';
import { join, type ReadFile } from './files.ts';
import { isObject, type Json, type JsonObject, parseJson } from './json.ts';
import { quoted, readSafetensors } from './safetensors/read.ts';
import { headerLimit, type SafetensorsFile, type StoredTensor } from './safetensors/types.ts';
import { compareNames, writeSafetensors } from './safetensors/write.ts';

/** A model's tensors in a folder as Hugging Face has it: one file, or shards and an index that says what is where. */
export interface Weights extends SafetensorsFile {
  /** The files they came from, in the order of their names. */
  readonly files: readonly string[];
}

export const weightsName = 'model.safetensors';
export const indexName = `${weightsName}.index.json`;
const pickles = ['pytorch_model.bin', 'pytorch_model.bin.index.json'];

/** More shards than any model of today has; an index that names more is not read. */
const shardLimit = 1000;

/**
 * Reads `model.safetensors`, or where there is none the shards of `model.safetensors.index.json`.
 *
 * @param read rejects with the code ENOENT where there is no file
 * @throws DataError if there is neither (a pickle is refused, with how to convert it), if a file is malformed, and if
 *   index and shards do not agree to the last tensor
 */
export async function readWeights(folder: string, read: ReadFile): Promise<Weights> {
  const whole = await readIfThere(join(folder, weightsName), read);
  if (whole !== null) return { ...readSafetensors(whole, join(folder, weightsName)), files: [weightsName] };
  const index = await readIfThere(join(folder, indexName), read);
  if (index !== null) return readShards(folder, readIndex(index, join(folder, indexName)), read);
  for (const name of pickles)
    if ((await readIfThere(join(folder, name), read)) !== null)
      throw new DataError({
        operation: `read weights ${folder}`,
        received: `${name}, a pickle, which may run any program when it is read`,
        expected: weightsName,
        advice:
          'Convert it where you trust it and have Python: ' +
          "AutoModel.from_pretrained(folder).save_pretrained(folder, safe_serialization=True) of 'transformers'.",
      });
  throw new DataError({
    operation: `read weights ${folder}`,
    received: `neither ${weightsName} nor ${indexName}`,
    expected: 'one of them',
    advice: 'Is it the folder of a model?',
  });
}

async function readIfThere(path: string, read: ReadFile): Promise<Uint8Array | null> {
  try {
    return await read(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw new DataError(
      { operation: `read ${path}`, received: codeOf(error), expected: 'a file that can be read' },
      { cause: error },
    );
  }
}

/** A shard's name to the tensors that the index says are in it. */
type Index = ReadonlyMap<string, ReadonlySet<string>>;

function readIndex(bytes: Uint8Array, path: string): Index {
  const refuse = (received: string, expected: string) =>
    new DataError({ operation: `read ${path}`, received, expected, advice: 'Fetch or write the index again.' });
  if (bytes.length > headerLimit) throw refuse(`${bytes.length} bytes`, `at most ${headerLimit}`);
  const index = new Map<string, Set<string>>();
  for (const [tensor, shard] of weightMap(bytes, path)) {
    if (typeof shard !== 'string') throw refuse(`no file name for tensor ${quoted(tensor)}`, 'a string');
    if (!isShardName(shard))
      throw refuse(`the file ${quoted(shard)} for tensor ${quoted(tensor)}`, 'a .safetensors file in the same folder');
    const there = index.get(shard);
    if (there) there.add(tensor);
    else index.set(shard, new Set([tensor]));
    if (index.size > shardLimit) throw refuse(`more than ${shardLimit} shards`, `at most ${shardLimit}`);
  }
  return index;
}

function weightMap(bytes: Uint8Array, path: string): JsonObject {
  let document: Json;
  try {
    document = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes), path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError({ operation: `read ${path}`, received: 'bytes that are not UTF-8', expected: 'UTF-8' });
  }
  const map = isObject(document) ? document.get('weight_map') : undefined;
  if (!isObject(map))
    throw new DataError({ operation: `read ${path}`, received: 'no weight_map', expected: 'an object of file names' });
  return map;
}

/** A plain name: no folder, no drive, nothing hidden. */
const isShardName = (name: string): boolean =>
  name.endsWith('.safetensors') && !name.startsWith('.') && !/[/\\:\p{Cc}]/u.test(name);

async function readShards(folder: string, index: Index, read: ReadFile): Promise<Weights> {
  const tensors = new Map<string, StoredTensor>();
  let metadata: ReadonlyMap<string, string> | null = null;
  const files = [...index.keys()].sort(compareNames);
  for (const name of files) {
    const path = join(folder, name);
    const refuse = (received: string, expected: string) =>
      new DataError({ operation: `read ${path}`, received, expected, advice: `Does it belong to this ${indexName}?` });
    const bytes = await readIfThere(path, read);
    if (bytes === null) throw refuse('no such file', `the shard that ${indexName} names`);
    const shard = readSafetensors(bytes, path);
    const listed = index.get(name) as ReadonlySet<string>;
    for (const tensor of listed)
      if (!shard.tensors.has(tensor)) throw refuse(`no tensor ${quoted(tensor)}`, `it here, as ${indexName} says`);
    for (const [tensor, stored] of shard.tensors) {
      if (!listed.has(tensor)) throw refuse(`the tensor ${quoted(tensor)}`, `only what ${indexName} lists for it`);
      tensors.set(tensor, stored);
    }
    metadata = common(metadata, shard.metadata);
  }
  return { tensors, metadata: metadata ?? new Map(), files };
}

/** The metadata that all shards have alike, such as `format`; what one of them says of itself is not the model's. */
function common(
  before: ReadonlyMap<string, string> | null,
  next: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  return before === null ? next : new Map([...before].filter(([key, value]) => next.get(key) === value));
}

export interface WeightsOptions {
  readonly metadata?: Iterable<readonly [string, string]>;
  /** Bytes of tensors in a file, unless a single tensor is larger. Default 2·10^9: every file can be read at once in Node. */
  readonly shardBytes?: number;
}

/**
 * The files of a model: `model.safetensors`, or, if that would be over the limit, shards and their index. Tensors go to
 * shards in the order of their names, so that the same tensors give the same bytes.
 *
 * @returns file names to bytes
 * @throws UsageError as {@link writeSafetensors}
 */
export function writeWeights(
  tensors: Iterable<readonly [string, StoredTensor]>,
  { metadata = [], shardBytes = 2e9 }: WeightsOptions = {},
): Map<string, Uint8Array> {
  if (!(shardBytes >= 1))
    throw new UsageError({ operation: 'write weights', received: `shardBytes ${shardBytes}`, expected: 'at least 1' });
  const sorted = [...tensors].sort(([a], [b]) => compareNames(a, b));
  const twice = sorted.find(([name], at) => name === sorted[at + 1]?.[0]);
  if (twice)
    throw new UsageError({ operation: 'write weights', received: `${quoted(twice[0])} twice`, expected: 'it once' });
  const shards = split(sorted, shardBytes);
  const notes = [...metadata];
  if (shards.length <= 1) return new Map([[weightsName, writeSafetensors(sorted, notes)]]);

  const number = (value: number) => String(value).padStart(5, '0');
  const nameOf = (at: number) => `model-${number(at + 1)}-of-${number(shards.length)}.safetensors`;
  const files = new Map(shards.map((shard, at) => [nameOf(at), writeSafetensors(shard, notes)]));
  const total = sorted.reduce((sum, [, { bytes }]) => sum + bytes.length, 0);
  // Written by hand, for an object would lose a tensor of the name __proto__ and put the numbers first.
  const lines = shards.flatMap((shard, at) => shard.map(([name]) => `    ${JSON.stringify(name)}: "${nameOf(at)}"`));
  const index = `{\n  "metadata": {\n    "total_size": ${total}\n  },\n  "weight_map": {\n${lines.join(',\n')}\n  }\n}\n`;
  return files.set(indexName, new TextEncoder().encode(index));
}

function split(sorted: readonly (readonly [string, StoredTensor])[], limit: number) {
  const shards: (readonly [string, StoredTensor])[][] = [];
  let room = 0;
  for (const tensor of sorted) {
    const size = tensor[1].bytes.length;
    if (size > room || shards.length === 0) {
      shards.push([]);
      room = limit;
    }
    shards[shards.length - 1].push(tensor);
    room -= size;
  }
  return shards;
}
