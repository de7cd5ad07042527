import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../errors.ts';
import { readSafetensors } from './read.ts';
import { fileOf, notes, storedTensor, tensorList, tensorName, textOf } from './tensors.fixture.ts';
import { byteSize, type StoredTensor, type StoredType } from './types.ts';
import { writeSafetensors } from './write.ts';

const tensor = (dtype: StoredType, ...shape: number[]): StoredTensor => ({
  dtype,
  shape,
  bytes: new Uint8Array(byteSize(dtype, shape) ?? 0).fill(1),
});

describe('writeSafetensors', () => {
  it('gives back every tensor and note, to the byte and whatever its name, aligned to its element', () => {
    fc.assert(
      fc.property(tensorList, notes, (tensors, metadata) => {
        const names = tensors.map(([name]) => name);
        fc.pre(!names.includes('__metadata__'));
        const file = writeSafetensors(tensors, metadata);
        const read = readSafetensors(file);
        expect(new Map(read.tensors)).toEqual(new Map(tensors));
        expect(new Map(read.metadata)).toEqual(new Map(metadata));
        for (const { dtype, bytes } of read.tensors.values())
          expect(bytes.byteOffset % (byteSize(dtype, [1]) ?? 0)).toBe(0);
        // The order they are given in is of no account, nor is writing what was read.
        expect(writeSafetensors([...tensors].reverse(), [...metadata].reverse())).toEqual(file);
        expect(writeSafetensors(read.tensors, read.metadata)).toEqual(file);
      }),
    );
  });

  it('lays tensors out as the format’s own writer: wide types first, then by name in UTF-8', () => {
    const file = writeSafetensors(
      [
        ['b', tensor('F32', 1)],
        ['flag', tensor('BOOL', 1)],
        // U+FFFF is before U+10000 in UTF-8, behind it in UTF-16.
        ['\u{10000}', tensor('U8', 2)],
        ['\uffff', tensor('U8', 0, 3)],
        ['a', tensor('F32')],
        ['half', tensor('BF16', 1)],
        ['id', tensor('I64', 1)],
      ],
      [
        ['format', 'pt'],
        ['by', '"x"\n'],
      ],
    );
    expect(textOf(file).trimEnd()).toBe(
      '{"__metadata__":{"by":"\\"x\\"\\n","format":"pt"},' +
        '"id":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
        '"a":{"dtype":"F32","shape":[],"data_offsets":[8,12]},' +
        '"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},' +
        '"half":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]},' +
        '"\uffff":{"dtype":"U8","shape":[0,3],"data_offsets":[18,18]},' +
        '"\u{10000}":{"dtype":"U8","shape":[2],"data_offsets":[18,20]},' +
        '"flag":{"dtype":"BOOL","shape":[1],"data_offsets":[20,21]}}',
    );
    expect(textOf(file).length % 8 === 0 || new TextEncoder().encode(textOf(file)).length % 8 === 0).toBe(true);
    expect(writeSafetensors([])).toEqual(fileOf('{}      '));
  });

  it.each([
    [
      'a name twice',
      [
        ['x', tensor('U8', 1)],
        ['x', tensor('F32', 1)],
      ],
      [],
      /two tensors of the name "x"/,
    ],
    ['the reserved name', [['__metadata__', tensor('U8', 1)]], [], /__metadata__, expected another name/],
    ['half a surrogate pair', [['a\ud800', tensor('U8', 1)]], [], /half of a surrogate pair/],
    ['half a pair in a note', [], [['a', '\udfff']], /half of a surrogate pair/],
    [
      'a note twice',
      [],
      [
        ['a', '1'],
        ['a', '2'],
      ],
      /two values for "a"/,
    ],
    ['a note that is a number', [], [['a', 1]], /a number for "a" in the metadata, expected a string/],
    [
      'too few bytes',
      [['x', { ...tensor('F32', 2), bytes: new Uint8Array(7) }]],
      [],
      /7 bytes for tensor "x", expected 8, as F32 \[2\]/,
    ],
    ['an unknown dtype', [['x', { ...tensor('U8', 2), dtype: 'F8' }]], [], /the dtype F8 for tensor "x"/],
    ['a negative size', [['x', { ...tensor('U8', 2), shape: [-2] }]], [], /the shape \[-2\]/],
    ['a fraction', [['x', { ...tensor('U8', 2), shape: [2.5] }]], [], /the shape \[2\.5\]/],
    [
      'an overflowing shape',
      [['x', { ...tensor('U8', 0), shape: [0, 2 ** 52, 2 ** 52] }]],
      [],
      /expected fewer than 2\^53/,
    ],
  ] as const)('refuses %s', (_, tensors, metadata, message) => {
    const write = () => writeSafetensors(tensors as never, metadata as never);
    expect(write).toThrow(UsageError);
    expect(write).toThrow(message);
  });

  it('refuses a header over the limit', () => {
    expect(() => writeSafetensors([], [['a', 'x'.repeat(1e8)]])).toThrow(/a header of 1000000\d\d bytes/);
  });

  it('writes nothing that the reader refuses, whatever it is given', () => {
    const size = fc.oneof(fc.nat({ max: 4 }), fc.constantFrom(-1, 0.5, 2 ** 53, Number.NaN));
    const wild = fc.record({
      dtype: fc.constantFrom('U8', 'F16', 'F8', 'toString'),
      shape: fc.array(size, { maxLength: 2 }),
      bytes: fc.uint8Array({ maxLength: 8 }),
    }) as unknown as fc.Arbitrary<StoredTensor>;
    const name = fc.oneof(tensorName, fc.constantFrom('__metadata__', '\ud800', 'x'));
    const list = fc.array(fc.tuple(name, fc.oneof(storedTensor, wild)), { maxLength: 3 });
    fc.assert(
      fc.property(list, fc.array(fc.tuple(name, name), { maxLength: 2 }), (tensors, metadata) => {
        let file: Uint8Array;
        try {
          file = writeSafetensors(tensors, metadata);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          return;
        }
        expect(readSafetensors(file).tensors.size).toBe(tensors.length);
      }),
      { numRuns: 500 },
    );
  });
});
