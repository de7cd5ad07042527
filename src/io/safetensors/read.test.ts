import { existsSync, readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../errors.ts';
import { readSafetensors } from './read.ts';
import { fileOf, tensorList, textOf } from './tensors.fixture.ts';
import { byteSize } from './types.ts';
import { writeSafetensors } from './write.ts';

const entry = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const one = (dtype: string, shape: string, offsets: string) => `{"x":${entry(dtype, shape, offsets)}}`;

describe('readSafetensors', () => {
  it('reads a header of any spacing and field order, at any offset of memory', () => {
    const header =
      '{ "b" : { "data_offsets" : [ 4 , 6 ] , "shape":[2],"dtype":"U8"},\n"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}  ';
    const file = fileOf(header, new Uint8Array([0, 0, 0x80, 0x3f, 7, 8]));
    for (let offset = 0; offset < 9; offset++) {
      const memory = new Uint8Array(offset + file.length + 3).fill(0xff);
      memory.set(file, offset);
      const { tensors, metadata } = readSafetensors(memory.subarray(offset, offset + file.length));
      expect([...tensors.keys()]).toEqual(['b', 'a']);
      expect(tensors.get('a')).toEqual({ dtype: 'F32', shape: [], bytes: new Uint8Array([0, 0, 0x80, 0x3f]) });
      expect(tensors.get('b')).toEqual({ dtype: 'U8', shape: [2], bytes: new Uint8Array([7, 8]) });
      expect(metadata.size).toBe(0);
    }
  });

  it('takes a tensor named __proto__ and metadata of that name as any other', () => {
    const header = `{"__metadata__":{"__proto__":"p"},"__proto__":${entry('U8', '[1]', '[0,1]')}}`;
    const { tensors, metadata } = readSafetensors(fileOf(header, 1));
    expect([...tensors.keys()]).toEqual(['__proto__']);
    expect([...metadata]).toEqual([['__proto__', 'p']]);
    expect(Object.prototype).not.toHaveProperty('dtype');
  });

  it('takes no tensors at all, and empty ones where they stand', () => {
    expect(readSafetensors(fileOf('{}')).tensors.size).toBe(0);
    const header = `{"a":${entry('U8', '[2]', '[0,2]')},"e":${entry('F64', '[0,9]', '[2,2]')},"b":${entry('U8', '[1]', '[2,3]')}}`;
    expect(readSafetensors(fileOf(header, 3)).tensors.get('e')?.bytes.length).toBe(0);
    // The header may name the empty one after the one that starts where it stands.
    const swapped = `{"b":${entry('U8', '[1]', '[0,1]')},"e":${entry('F64', '[0]', '[0,0]')}}`;
    expect([...readSafetensors(fileOf(swapped, 1)).tensors.keys()]).toEqual(['b', 'e']);
  });

  const length = (bytes: bigint, file: number) => {
    const made = new Uint8Array(file);
    new DataView(made.buffer).setBigUint64(0, bytes, true);
    return made;
  };
  const a = entry('U8', '[4]', '[0,4]');
  const faults: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['an empty file', new Uint8Array(), /0 bytes, expected at least the 8 bytes/],
    ['a cut length', new Uint8Array(7), /7 bytes/],
    ['a header longer than the file', length(100n, 50), /a header of 100 bytes in a file of 50/],
    ['a header over the limit', length(100_000_001n, 50), /a header of 100000001 bytes, expected at most 100000000/],
    ['a header of 2^53 + 1', length(2n ** 53n + 1n, 50), /a header of 9007199254740993 bytes/],
    ['a header of 2^64 - 1', length(2n ** 64n - 1n, 50), /a header of 18446744073709551615 bytes/],
    ['an empty header', length(0n, 8), /does not start with \{/],
    ['a leading space', fileOf(' {}'), /does not start with \{/],
    ['a byte order mark', fileOf('\ufeff{}'), /does not start with \{/],
    ['an array', fileOf('[]'), /does not start with \{/],
    ['no UTF-8', fileOf(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])), /not UTF-8/],
    ['a NUL as padding', fileOf('{}\0'), /"\\u0000" at character 2 of its JSON, expected the end/],
    ['a second value', fileOf('{}{}'), /expected the end/],
    ['a comma at the end', fileOf('{"x":1,}'), /expected a string/],
    ['deep nesting', fileOf(`{"x":${'['.repeat(1e6)}`), /nesting of at most 32 levels/],
    ['deep objects', fileOf('{"x":'.repeat(1e5)), /nesting of at most 32 levels/],
    ['a tensor given twice', fileOf(`{"x":${a},"x":${a}}`, 4), /"\\"x\\":.* at character .*every key only once/],
    ['a tensor given twice by an escape', fileOf(`{"x":${a},"\\u0078":${a}}`, 4), /every key only once/],
    [
      'a field given twice',
      fileOf('{"x":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}', 4),
      /every key only once/,
    ],
    ['__proto__ twice', fileOf(`{"__proto__":${a},"__proto__":${a}}`, 4), /every key only once/],
    ['metadata twice', fileOf('{"__metadata__":{},"__metadata__":{}}'), /every key only once/],
    ['a metadata key twice', fileOf('{"__metadata__":{"a":"b","a":"c"}}'), /every key only once/],
    ['half a surrogate pair', fileOf('{"__metadata__":{"a":"\\ud800"}}'), /halves of a surrogate pair/],
    [
      'metadata that is a number',
      fileOf('{"__metadata__":{"a":1}}'),
      /the value 1 for "a" in __metadata__, expected a string/,
    ],
    ['metadata that is an array', fileOf('{"__metadata__":[]}'), /no object/],
    ['metadata that is a tensor', fileOf(`{"__metadata__":${a}}`, 4), /for "shape" in __metadata__/],
    ['a tensor that is null', fileOf('{"x":null}'), /null for tensor "x"/],
    [
      'an unknown dtype',
      fileOf(one('F8_E4M3', '[4]', '[0,4]'), 4),
      /the dtype "F8_E4M3" for tensor "x", expected one of BOOL/,
    ],
    ['a dtype of JavaScript', fileOf(one('constructor', '[4]', '[0,4]'), 4), /the dtype "constructor"/],
    ['no dtype', fileOf('{"x":{"shape":[4],"data_offsets":[0,4]}}', 4), /the dtype that is missing/],
    ['no shape', fileOf('{"x":{"dtype":"U8","data_offsets":[0,4]}}', 4), /the shape that is missing/],
    ['no offsets', fileOf('{"x":{"dtype":"U8","shape":[4]}}', 4), /the data_offsets that is missing/],
    ['a field too many', fileOf('{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"y":1}}', 4), /the field "y"/],
    ['a negative size', fileOf(one('U8', '[-4]', '[0,4]'), 4), /the shape \[-4\] for tensor "x"/],
    ['a minus zero', fileOf(one('U8', '[-0]', '[0,0]')), /the shape \[-0\]/],
    ['a fraction', fileOf(one('U8', '[4.5]', '[0,4]'), 4), /the shape \[4\.5\]/],
    ['a whole number written as a fraction', fileOf(one('U8', '[4.0]', '[0,4]'), 4), /the shape \[4\.0\]/],
    ['an exponent', fileOf(one('U8', '[4e0]', '[0,4]'), 4), /the shape \[4e0\]/],
    ['a size as text', fileOf(one('U8', '["4"]', '[0,4]'), 4), /the shape \["4"\]/],
    ['a size beyond 2^53', fileOf(one('U8', '[9007199254740993]', '[0,4]'), 4), /the shape \[9007199254740993\]/],
    [
      'a product beyond 2^64 that wraps to 4',
      fileOf(one('U8', '[4294967297,4294967292]', '[0,4]'), 4),
      /a size in bytes under 2\^53/,
    ],
    [
      'a product that wraps to 0',
      fileOf(one('F32', '[4294967296,4294967296]', '[0,0]')),
      /a size in bytes under 2\^53/,
    ],
    [
      'a product beyond 2^53 beside a 0',
      fileOf(one('F32', '[0,4294967296,4294967296]', '[0,0]')),
      /a size in bytes under 2\^53/,
    ],
    [
      'a size that the offsets do not have',
      fileOf(one('F32', '[1]', '[0,3]'), 3),
      /3 bytes for tensor "x", expected 4, as F32 \[1\] takes/,
    ],
    ['a huge claim', fileOf(one('U8', '[1000000000000]', '[0,1000000000000]'), 4), /up to byte 1000000000000 of 4/],
    ['reversed offsets', fileOf(one('U8', '[4]', '[4,0]'), 4), /the data_offsets \[4, 0\] for tensor "x"/],
    ['three offsets', fileOf(one('U8', '[4]', '[0,4,4]'), 4), /the data_offsets \[0, 4, 4\]/],
    ['a negative offset', fileOf(one('U8', '[4]', '[-4,0]'), 4), /the data_offsets \[-4, 0\]/],
    ['a gap at the start', fileOf(one('U8', '[3]', '[1,4]'), 4), /at byte 1, 1 bytes behind it, expected byte 0/],
    [
      'a gap',
      fileOf(`{"x":${entry('U8', '[1]', '[0,1]')},"y":${entry('U8', '[1]', '[2,3]')}}`, 3),
      /tensor "y" at byte 2/,
    ],
    [
      'an overlap',
      fileOf(`{"x":${entry('U8', '[2]', '[0,2]')},"y":${entry('U8', '[2]', '[1,3]')}}`, 3),
      /tensor "y" at byte 1, inside/,
    ],
    ['the same place twice', fileOf(`{"x":${a},"y":${a}}`, 4), /tensor "y" at byte 0, inside/],
    [
      'an empty tensor inside another',
      fileOf(`{"x":${a},"y":${entry('U8', '[0]', '[2,2]')}}`, 4),
      /tensor "y" at byte 2, inside/,
    ],
    [
      'an empty tensor behind the end',
      fileOf(`{"x":${a},"y":${entry('U8', '[0]', '[9,9]')}}`, 4),
      /tensor "y" at byte 9, 5 bytes behind/,
    ],
    ['a cut tail', fileOf(`{"x":${a}}`, 3), /tensor "x" up to byte 4 of 3.* cut short/],
    ['bytes behind the last tensor', fileOf(`{"x":${a}}`, 5), /1 bytes behind the last tensor/],
    ['bytes without any tensor', fileOf('{}', 1), /1 bytes behind/],
  ];
  it.each(faults)('refuses %s', (_, file, message) => {
    expect(() => readSafetensors(file, 'm.safetensors')).toThrow(DataError);
    expect(() => readSafetensors(file, 'm.safetensors')).toThrow(message);
    expect(() => readSafetensors(file, 'm.safetensors')).toThrow(/m\.safetensors/);
  });

  /** Dtypes and shapes; of an empty tensor only that it is empty, for nothing else in the file depends on its other axes. */
  const shapes = (file: Uint8Array) =>
    [...readSafetensors(file).tensors.values()].map(({ dtype, shape }) =>
      shape.includes(0) ? 'empty' : [dtype, ...shape].join(),
    );

  it('gives every single flipped bit either a refusal or the same shapes, and every truncation a refusal', () => {
    const tensors = (['U8', 'I8', 'BOOL', 'F16', 'BF16', 'I32', 'F32', 'I64'] as const).map((dtype, at) => {
      const shape = [[], [12], [2, 3], [1, 2, 1], [0, 10], [3], [5], [0]][at];
      return [`t.${at}`, { dtype, shape, bytes: new Uint8Array(byteSize(dtype, shape) ?? 0).fill(at) }] as const;
    });
    const file = writeSafetensors(tensors, [['format', 'pt']]);
    const whole = shapes(file);
    for (let bit = 0; bit < file.length * 8; bit++) {
      file[bit >> 3] ^= 1 << (bit & 7);
      const found = refusedOr(() => shapes(file));
      file[bit >> 3] ^= 1 << (bit & 7);
      if (found !== null && found.join('|') !== whole.join('|')) expect(`${bit}: ${found}`).toBe(whole);
    }
    for (let cut = 0; cut < file.length; cut++) expect(refusedOr(() => shapes(file.slice(0, cut)))).toBeNull();
  });

  it('does so for any tensors', () => {
    fc.assert(
      fc.property(tensorList, fc.nat(), (tensors, drawn) => {
        const file = writeSafetensors(tensors);
        const whole = shapes(file);
        expect(refusedOr(() => shapes(file.slice(0, drawn % file.length)))).toBeNull();
        const bit = drawn % (file.length * 8);
        file[bit >> 3] ^= 1 << (bit & 7);
        const found = refusedOr(() => shapes(file));
        if (found !== null) expect(found).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws anything but a DataError, whatever is done to the header', () => {
    const tokens = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '0',
      '-1',
      '1e9',
      '9'.repeat(30),
      'null',
      '\\u0000',
      '"dtype"',
      '[0,0]',
      '\ud800',
    ];
    const edit = fc.record({ at: fc.nat(), cut: fc.nat({ max: 12 }), put: fc.constantFrom('', ...tokens) });
    fc.assert(
      fc.property(
        tensorList,
        fc.array(edit, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (tensors, edits, spaces) => {
          const file = writeSafetensors(tensors);
          const header = textOf(file);
          const edited = edits.reduce(
            (text, { at, cut, put }) => {
              const start = at % (text.length + 1);
              return text.slice(0, start) + put + text.slice(start + cut);
            },
            spaces ? header.replaceAll(',', ' ,\n') : header,
          );
          const data = file.subarray(8 + new TextEncoder().encode(header).length);
          const read = refusedOr(() => readSafetensors(fileOf(edited, data)));
          // What is taken all the same covers the data exactly.
          if (read)
            expect([...read.tensors.values()].reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(data.length);
        },
      ),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void refusedOr(() => readSafetensors(bytes))));
  });
});

/** What a function returns, or null where it refuses with a DataError; any other error is not caught. */
function refusedOr<T>(act: () => T): T | null {
  try {
    return act();
  } catch (error) {
    if (error instanceof DataError) return null;
    throw error;
  }
}

const folder = new URL('../../../../shared/weights/', import.meta.url);

describe.skipIf(!existsSync(folder))(
  'files of others (skipped where ../shared/weights is not beside the repository)',
  () => {
    const files = existsSync(folder)
      ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.safetensors'))
      : [];

    it.each(files)('%s is read, and written back with the same tensors', (name) => {
      const file = readSafetensors(readFileSync(new URL(name, folder)), name);
      const again = readSafetensors(writeSafetensors(file.tensors, file.metadata));
      expect([...again.tensors.keys()].sort()).toEqual([...file.tensors.keys()].sort());
      for (const [key, { dtype, shape, bytes }] of again.tensors) {
        expect({ dtype, shape }).toEqual({ dtype: file.tensors.get(key)?.dtype, shape: file.tensors.get(key)?.shape });
        // Buffers are compared at once; a test runner compares large arrays element by element.
        expect(Buffer.compare(bytes, file.tensors.get(key)?.bytes ?? new Uint8Array())).toBe(0);
      }
      expect([...again.metadata]).toEqual([...file.metadata]);
    });

    it('of one tensor, by the format’s own writer, come out byte by byte the same', () => {
      for (const type of ['float32', 'float16', 'int8']) {
        const bytes = readFileSync(new URL(`safetensors-fixtures/model2vec-2d-${type}.safetensors`, folder));
        expect(Buffer.compare(writeSafetensors(readSafetensors(bytes).tensors), bytes)).toBe(0);
      }
    });
  },
);
