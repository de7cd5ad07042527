import { DataError } from '../errors.ts';
import { codeOf, isMissing } from './failure.ts';
import { join, type ReadFile } from './files.ts';
import { isObject, type Json, type JsonObject, parseJson } from './json.ts';
import { quoted, readSafetensors } from './safetensors/read.ts';
import { headerLimit, type SafetensorsFile, type StoredTensor } from './safetensors/types.ts';
import { compareNames, writeSafetensors } from './safetensors/write.ts';
import { fileName, indexName, layOut } from './shards.ts';

/** A model's tensors in a folder as Hugging Face has it: one file, or shards and an index that says what is where. */
export interface Weights extends SafetensorsFile {
  /** The files they came from, in the order of their names. */
  readonly files: readonly string[];
}

export const weightsName = fileName('model');
const pickles = ['pytorch_model.bin', 'pytorch_model.bin.index.json'];

/** More shards than any model of today has; an index that names more is not read. */
const shardLimit = 1000;

/** Weights whose files are read one at a time. */
export interface OpenWeights {
  /** The names of all tensors. */
  readonly names: ReadonlySet<string>;
  /** The files, in the order of their names. */
  readonly files: readonly string[];
  /**
   * The files' tensors, one file after the other: whoever forgets one before the next holds no more than one.
   * @throws DataError if a file is missing or malformed, and if it and the index do not agree to the last tensor
   */
  shards(): AsyncIterable<SafetensorsFile>;
}

/**
 * Reads `model.safetensors`, or where there is none the shards of `model.safetensors.index.json`, all of them at once.
 *
 * @param read rejects with the code ENOENT where there is no file
 * @throws DataError if there is neither (a pickle is refused, with how to convert it), if a file is malformed, and if
 *   index and shards do not agree to the last tensor
 */
export async function readWeights(folder: string, read: ReadFile): Promise<Weights> {
  const { files, shards } = await openWeights(folder, read);
  const tensors = new Map<string, StoredTensor>();
  let metadata: ReadonlyMap<string, string> | null = null;
  for await (const shard of shards()) {
    for (const [name, tensor] of shard.tensors) tensors.set(name, tensor);
    metadata = common(metadata, shard.metadata);
  }
  return { tensors, metadata: metadata ?? new Map(), files };
}

/**
 * As {@link readWeights}, and only the index is read yet; a single file is read at once.
 * @param stem what the files are called before `.safetensors`
 */
export async function openWeights(folder: string, read: ReadFile, stem = 'model'): Promise<OpenWeights> {
  const [name, indexed] = [fileName(stem), indexName(stem)];
  const whole = await readIfThere(join(folder, name), read);
  if (whole !== null) {
    const file = readSafetensors(whole, join(folder, name));
    return { names: new Set(file.tensors.keys()), files: [name], shards: () => one(file) };
  }
  const bytes = await readIfThere(join(folder, indexed), read);
  if (bytes !== null) {
    const index = readIndex(bytes, join(folder, indexed));
    const names = new Set([...index.values()].flatMap((listed) => [...listed]));
    const files = [...index.keys()].sort(compareNames);
    return { names, files, shards: () => readShards(folder, index, indexed, read) };
  }
  for (const pickle of stem === 'model' ? pickles : [])
    if ((await readIfThere(join(folder, pickle), read)) !== null)
      throw new DataError({
        operation: `read weights ${folder}`,
        received: `${pickle}, a pickle, which may run any program when it is read`,
        expected: name,
        advice:
          'Convert it where you trust it and have Python: ' +
          "AutoModel.from_pretrained(folder).save_pretrained(folder, safe_serialization=True) of 'transformers'.",
      });
  throw new DataError({
    operation: `read weights ${folder}`,
    received: `neither ${name} nor ${indexed}`,
    expected: 'one of them',
    advice: 'Is it the folder of a model?',
  });
}

async function* one(file: SafetensorsFile): AsyncGenerator<SafetensorsFile> {
  yield file;
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

async function* readShards(
  folder: string,
  index: Index,
  indexed: string,
  read: ReadFile,
): AsyncGenerator<SafetensorsFile> {
  for (const name of [...index.keys()].sort(compareNames)) {
    const path = join(folder, name);
    const refuse = (received: string, expected: string) =>
      new DataError({ operation: `read ${path}`, received, expected, advice: `Does it belong to this ${indexed}?` });
    const bytes = await readIfThere(path, read);
    if (bytes === null) throw refuse('no such file', `the shard that ${indexed} names`);
    const shard = readSafetensors(bytes, path);
    const listed = index.get(name) as ReadonlySet<string>;
    for (const tensor of listed)
      if (!shard.tensors.has(tensor)) throw refuse(`no tensor ${quoted(tensor)}`, `it here, as ${indexed} says`);
    for (const tensor of shard.tensors.keys())
      if (!listed.has(tensor)) throw refuse(`the tensor ${quoted(tensor)}`, `only what ${indexed} lists for it`);
    yield shard;
  }
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
  const notes = [...metadata];
  const { shards, index } = layOut('model', tensors, shardBytes, ({ bytes }) => bytes.length);
  const files = new Map(shards.map(({ file, tensors: held }) => [file, writeSafetensors(held, notes)]));
  return index ? files.set(indexName('model'), index) : files;
}
