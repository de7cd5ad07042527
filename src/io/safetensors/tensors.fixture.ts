import * as fc from 'fast-check';
import { byteSize, type StoredTensor, storedTypes } from './types.ts';

/** Names as they come and as they should not: unicode of all kinds, and words that mean something to JavaScript. */
export const tensorName: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    '',
    '0',
    'a"b\\c',
    'encoder.layer.0.weight',
    '\u{ffff}',
    '😀',
  ),
);

/** Any tensor of up to 3 axes, sizes of 0 and 1 included, with any bytes. */
export const storedTensor: fc.Arbitrary<StoredTensor> = fc
  .tuple(fc.constantFrom(...storedTypes), fc.array(fc.nat({ max: 3 }), { maxLength: 3 }))
  .chain(([dtype, shape]) => {
    const size = byteSize(dtype, shape) ?? 0;
    const bytes = fc.uint8Array({ minLength: size, maxLength: size });
    return bytes.map((drawn) => ({ dtype, shape, bytes: drawn }));
  });

export const tensorList: fc.Arbitrary<[string, StoredTensor][]> = fc.uniqueArray(fc.tuple(tensorName, storedTensor), {
  selector: ([name]) => name,
  maxLength: 6,
});

export const notes: fc.Arbitrary<[string, string][]> = fc.uniqueArray(fc.tuple(tensorName, tensorName), {
  selector: ([key]) => key,
  maxLength: 3,
});

/** A file with this header as it stands, and this many bytes of data. */
export function fileOf(header: string | Uint8Array, data: number | Uint8Array = 0): Uint8Array {
  const head = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const tail = typeof data === 'number' ? new Uint8Array(data) : data;
  const file = new Uint8Array(8 + head.length + tail.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  file.set(tail, 8 + head.length);
  return file;
}

export const textOf = (file: Uint8Array): string => {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return new TextDecoder().decode(file.subarray(8, 8 + length));
};
