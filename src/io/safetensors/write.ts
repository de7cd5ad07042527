import { UsageError } from '../../errors.ts';
import { quoted } from './read.ts';
import { byteSize, headerLimit, isStoredType, metadataKey, type StoredTensor, storedTypes } from './types.ts';

/**
 * The bytes of a safetensors file. The same tensors and metadata give the same bytes, whatever order they come in:
 * metadata by key; tensors by dtype, the widest first, then by name, as the format's own writer has them. The header is
 * padded with spaces to a multiple of 8 bytes, so that every tensor is aligned to its element.
 *
 * @throws UsageError for what {@link readSafetensors} would refuse: a name given twice or not well formed, bytes that do
 *   not fit the shape, a header over the limit
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: Iterable<readonly [string, string]> = [],
): Uint8Array {
  const sorted = [...tensors].map(([name, tensor]) => ({ ...tensor, name, key: encoder.encode(name) }));
  sorted.sort((a, b) => storedTypes.indexOf(b.dtype) - storedTypes.indexOf(a.dtype) || compareBytes(a.key, b.key));
  const parts: string[] = [];
  const notes = [...metadata].sort(([a], [b]) => compareNames(a, b));
  checkMetadata(notes);
  if (notes.length > 0) parts.push(`"${metadataKey}":{${notes.map((note) => note.map(text).join(':')).join(',')}}`);
  let end = 0;
  const taken = new Set<string>();
  for (const tensor of sorted) {
    checkTensor(tensor.name, tensor, taken);
    const begin = end;
    end += tensor.bytes.length;
    const { dtype, shape } = tensor;
    parts.push(`${text(tensor.name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
  }
  const header = encoder.encode(`{${parts.join(',')}}`);
  const length = Math.ceil(header.length / 8) * 8;
  if (length > headerLimit)
    throw refusal(
      `a header of ${length} bytes for ${sorted.length} tensors`,
      `at most ${headerLimit}`,
      'Write fewer tensors into one file.',
    );
  const file = new Uint8Array(8 + length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(header, 8);
  file.fill(space, 8 + header.length, 8 + length);
  let at = 8 + length;
  for (const { bytes } of sorted) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

function checkTensor(name: string, { dtype, shape, bytes }: StoredTensor, taken: Set<string>): void {
  const refuse = (received: string, expected: string) => refusal(`${received} for tensor ${quoted(name)}`, expected);
  if (name === metadataKey) throw refusal(`a tensor of the name ${metadataKey}`, 'another name: this one is reserved');
  if (taken.has(name)) throw refusal(`two tensors of the name ${quoted(name)}`, 'every name only once');
  taken.add(name);
  checkText(name);
  if (!isStoredType(dtype)) throw refuse(`the dtype ${dtype}`, `one of ${storedTypes.join(', ')}`);
  if (!shape.every((axis) => Number.isSafeInteger(axis) && axis >= 0))
    throw refuse(`the shape [${shape.join(', ')}]`, 'whole numbers from 0 to 2^53 - 1');
  const size = byteSize(dtype, shape);
  if (size !== bytes.length)
    throw refuse(`${bytes.length} bytes`, `${size ?? 'fewer than 2^53'}, as ${dtype} [${shape.join(', ')}] takes`);
}

function checkMetadata(notes: readonly (readonly [string, string])[]): void {
  notes.forEach(([key, value], index) => {
    if (key === notes[index + 1]?.[0]) throw refusal(`two values for ${quoted(key)} in the metadata`, 'one');
    if (typeof value !== 'string') throw refusal(`a ${typeof value} for ${quoted(key)} in the metadata`, 'a string');
    checkText(key);
    checkText(value);
  });
}

function checkText(value: string): void {
  if (/\p{Surrogate}/u.test(value))
    throw refusal(`the text ${quoted(value)} with half of a surrogate pair`, 'text that UTF-8 can hold');
}

/** A JSON string. Of well-formed text both `JSON.stringify` and the format's own writer escape the same characters alike. */
const text = (value: string): string => JSON.stringify(value);

const encoder = new TextEncoder();
const space = 0x20;

/** The order of names as UTF-8, which is that of code points and not JavaScript's own. */
export const compareNames = (a: string, b: string): number => compareBytes(encoder.encode(a), encoder.encode(b));

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return a[at] - b[at];
  return a.length - b.length;
}

const refusal = (received: string, expected: string, advice?: string): UsageError =>
  new UsageError({ operation: 'write safetensors', received, expected, ...(advice && { advice }) });
