import { DataError } from '../../errors.ts';
import { isObject, type Json, type JsonObject, parseJson } from '../json.ts';
import {
  byteSize,
  headerLimit,
  isStoredType,
  metadataKey,
  type SafetensorsFile,
  type StoredTensor,
  type StoredType,
  storedTypes,
} from './types.ts';

/**
 * Reads a safetensors file: eight bytes with the length of the header (little endian), the header (JSON in UTF-8), then
 * the tensors' bytes, which cover the rest of the file without gap or overlap.
 * Source: the format as published at https://huggingface.co/docs/safetensors.
 *
 * Every number of the header is checked before it is used, and nothing is allocated by what the header claims: the
 * tensors are views of `bytes`.
 *
 * @param name the file's, for errors
 * @throws DataError naming the file, the tensor, and what is wrong with it
 */
export function readSafetensors(bytes: Uint8Array, name = 'safetensors file'): SafetensorsFile {
  const { text, start } = readHeader(bytes, name);
  const header = parseJson(text, `the safetensors header of ${name}`);
  if (!isObject(header)) throw fault(name, 'a header that is no JSON object', 'an object');
  const data = bytes.subarray(start);
  const metadata = readMetadata(header.get(metadataKey), name);
  const claims = [...header].filter(([key]) => key !== metadataKey).map(([key, entry]) => readClaim(key, entry, name));
  checkCover(claims, data.length, name);
  const tensors = new Map<string, StoredTensor>();
  for (const { key, dtype, shape, begin, end } of claims)
    tensors.set(key, { dtype, shape, bytes: data.subarray(begin, end) });
  return { tensors, metadata };
}

/** The header's text, and where the tensors begin. */
function readHeader(bytes: Uint8Array, name: string): { readonly text: string; readonly start: number } {
  if (bytes.length < 8) throw fault(name, `${bytes.length} bytes`, 'at least the 8 bytes of the length of the header');
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(headerLimit))
    throw fault(name, `a header of ${length} bytes`, `at most ${headerLimit}`, 'This is no safetensors file.');
  const start = 8 + Number(length);
  if (start > bytes.length)
    throw fault(name, `a header of ${length} bytes in a file of ${bytes.length}`, 'the whole header in the file');
  const head = bytes.subarray(8, start);
  if (head[0] !== 0x7b)
    throw fault(name, 'a header that does not start with {', 'a JSON object from its first byte on');
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(head), start };
  } catch (error) {
    throw fault(name, 'a header that is not UTF-8', 'UTF-8', undefined, error);
  }
}

function readMetadata(entry: Json | undefined, name: string): Map<string, string> {
  const metadata = new Map<string, string>();
  if (entry === undefined) return metadata;
  if (!isObject(entry)) throw fault(name, `a ${metadataKey} that is no object`, 'an object of strings');
  for (const [key, value] of entry) {
    if (typeof value !== 'string')
      throw fault(name, `the value ${show(value)} for ${quoted(key)} in ${metadataKey}`, 'a string');
    metadata.set(key, value);
  }
  return metadata;
}

/** What the header says of one tensor, its size checked against its shape, its place not yet against the file. */
interface Claim {
  readonly key: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function readClaim(key: string, entry: Json, name: string): Claim {
  const refuse = (received: string, expected: string) => fault(name, `${received} for tensor ${quoted(key)}`, expected);
  if (!isObject(entry)) throw refuse(show(entry), 'an object with dtype, shape and data_offsets');
  for (const field of entry.keys())
    if (!fields.includes(field)) throw refuse(`the field ${quoted(field)}`, fields.join(', '));
  const dtype = entry.get('dtype');
  if (!isStoredType(dtype)) throw refuse(`the dtype ${show(dtype)}`, `one of ${storedTypes.join(', ')}`);
  const shape = wholeNumbers(entry, 'shape');
  if (shape === null)
    throw refuse(`the shape ${show(entry.get('shape'))}`, 'an array of whole numbers from 0 to 2^53 - 1');
  const offsets = wholeNumbers(entry, 'data_offsets');
  if (offsets?.length !== 2)
    throw refuse(`the data_offsets ${show(entry.get('data_offsets'))}`, 'two whole numbers from 0 to 2^53 - 1');
  const [begin, end] = offsets;
  if (end < begin) throw refuse(`the data_offsets [${begin}, ${end}]`, 'a begin that is not behind the end');
  const size = byteSize(dtype, shape);
  if (size === null) throw refuse(`the shape ${show(entry.get('shape'))}`, 'a size in bytes under 2^53');
  if (size !== end - begin)
    throw refuse(`${end - begin} bytes`, `${size}, as ${dtype} ${show(entry.get('shape'))} takes`);
  return { key, dtype, shape, begin, end };
}

const fields: readonly string[] = ['dtype', 'shape', 'data_offsets'];

/** A field that is an array of whole numbers, or null. */
function wholeNumbers(entry: JsonObject, field: string): number[] | null {
  const items = entry.get(field);
  if (!Array.isArray(items)) return null;
  return items.every((item) => typeof item === 'number' && item >= 0) ? items : null;
}

/** The tensors, in the order of their places, follow one another from the first byte to the last. */
function checkCover(claims: readonly Claim[], length: number, name: string): void {
  const placed = [...claims].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  for (const { key, begin, end } of placed) {
    if (begin !== reached) {
      const between = begin < reached ? 'inside the tensor before it' : `${begin - reached} bytes behind it`;
      throw fault(
        name,
        `tensor ${quoted(key)} at byte ${begin}, ${between}`,
        `byte ${reached}: tensors without gap or overlap`,
      );
    }
    reached = end;
    if (reached > length)
      throw fault(
        name,
        `tensor ${quoted(key)} up to byte ${end} of ${length}`,
        'all of its bytes in the file',
        'The file was cut short: fetch or write it again.',
      );
  }
  if (reached < length)
    throw fault(name, `${length - reached} bytes behind the last tensor`, 'the end of the file there');
}

/** A name or a value of the file, short enough for one line. */
export const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);

function show(value: Json | undefined): string {
  if (value === undefined) return 'that is missing';
  if (typeof value === 'string') return quoted(value);
  if (isObject(value)) return 'an object';
  if (value !== null && typeof value === 'object' && 'numeral' in value) return value.numeral.slice(0, 40);
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(show).join(', ')}${value.length > 8 ? ', …' : ''}]`;
  return String(value);
}

const fault = (
  name: string,
  received: string,
  expected: string,
  advice = 'The file is damaged or was written by a faulty program: fetch or write it again.',
  cause?: unknown,
): DataError => new DataError({ operation: `read safetensors ${name}`, received, expected, advice }, { cause });
