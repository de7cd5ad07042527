import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../../errors.ts';
import { type Half, narrowBits, roundToHalf, widenBits } from './half.ts';
import { type StoredType, storedTypes } from './types.ts';
import { type Numbers, store, toNumbers } from './values.ts';

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const halves: readonly (readonly [Half, number, number])[] = [
  ['F16', 10, -14],
  ['BF16', 7, -126],
];

/** The value of a half by the definition of its format, in Float64: NaN for every NaN. */
function defined(bits: number, fraction: number, least: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> fraction;
  const part = (bits & ((1 << fraction) - 1)) / 2 ** fraction;
  if (exponent === (1 << (15 - fraction)) - 1) return part === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * part * 2 ** least : sign * (1 + part) * 2 ** (exponent - 1 + least);
}

describe.each(halves)('%s', (half, fraction, least) => {
  it('is widened exactly, all 65,536 of them, and comes back bit by bit, NaN payloads included', () => {
    const all = new Uint16Array(65536).map((_, bits) => bits);
    const numbers = toNumbers({ dtype: half, shape: [65536], bytes: bytesOf(all) }) as Float32Array;
    expect(numbers).toBeInstanceOf(Float32Array);
    for (let bits = 0; bits < 65536; bits++)
      if (!Object.is(numbers[bits], defined(bits, fraction, least)))
        expect([bits, numbers[bits]]).toBe(defined(bits, fraction, least));
    expect(Buffer.compare(store(numbers, [65536], half).bytes, bytesOf(all))).toBe(0);
  });

  it('takes the nearest, ties to even, from Float64 in one rounding', () => {
    // Finite ones in order; beyond the last the next would be 2^128 or 65536.
    const finite = Array.from({ length: 0x8000 }, (_, bits) => defined(bits, fraction, least)).filter(Number.isFinite);
    const at = fc.nat({ max: finite.length - 2 });
    fc.assert(
      fc.property(at, fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), (index, share, negative) => {
        const [low, high] = [finite[index], finite[index + 1]];
        const value = low + (high - low) * share;
        const middle = (low + high) / 2;
        const even = index % 2 === 0 ? low : high;
        const nearest = value < middle ? low : value > middle ? high : even;
        const sign = negative ? -1 : 1;
        expect(roundToHalf(sign * value, half)).toBe(sign * nearest);
        expect(roundToHalf(sign * middle, half)).toBe(sign * even);
        // A hair beside the middle, which is no Float32: two roundings would take it for the middle.
        const hair = middle * 2 ** -50;
        if (middle + hair > middle) expect(roundToHalf(middle + hair, half)).toBe(high);
        if (middle - hair < middle) expect(roundToHalf(middle - hair, half)).toBe(low);
      }),
      { numRuns: 2000 },
    );
    expect(Object.is(roundToHalf(-1e-300, half), -0)).toBe(true);
  });

  it('refuses what is half a step or more beyond its largest, and takes infinities as they are', () => {
    const largest = defined(((1 << (15 - fraction)) - 1) * 2 ** fraction - 1, fraction, least);
    const step = 2 ** (Math.floor(Math.log2(largest)) - fraction);
    const stored = (value: number) => toNumbers(store(new Float64Array([value]), [1], half))[0];
    expect(stored(largest)).toBe(largest);
    expect(stored(-(largest + step * 0.499))).toBe(-largest);
    expect(() => stored(largest + step / 2)).toThrow(
      new RegExp(`at element 0, expected a number of at most the largest of ${half}`),
    );
    expect(() => stored(-1e308)).toThrow(UsageError);
    expect(stored(Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY);
    expect(stored(Number.NaN)).toBeNaN();
  });

  it('keeps a NaN one, though its payload lies in the bits that are cut', () => {
    for (const bits of [0x7f800001, 0xff800001, 0x7fc00000]) {
      const kept = narrowBits(bits, half);
      expect(widenBits(kept, half) & 0x7fffff).not.toBe(0);
      expect(kept >>> 15).toBe(bits >>> 31);
    }
  });
});

describe('toNumbers', () => {
  it('gives each type its array, from any offset of memory', () => {
    const kinds: readonly (readonly [StoredType, ArrayBufferView, Numbers])[] = [
      ['F64', new Float64Array([1.5, -0]), new Float64Array([1.5, -0])],
      ['F32', new Float32Array([1.5, -0]), new Float32Array([1.5, -0])],
      ['I64', new BigInt64Array([-(2n ** 31n), 2n ** 31n - 1n]), new Int32Array([-(2 ** 31), 2 ** 31 - 1])],
      ['U64', new BigUint64Array([0n, 7n]), new Int32Array([0, 7])],
      ['I32', new Int32Array([-1, 2 ** 31 - 1]), new Int32Array([-1, 2 ** 31 - 1])],
      ['U32', new Uint32Array([0, 2 ** 31 - 1]), new Int32Array([0, 2 ** 31 - 1])],
      ['I16', new Int16Array([-32768, 32767]), new Int32Array([-32768, 32767])],
      ['U16', new Uint16Array([0, 65535]), new Int32Array([0, 65535])],
      ['I8', new Int8Array([-128, 127]), new Int32Array([-128, 127])],
      ['U8', new Uint8Array([0, 255]), new Uint8Array([0, 255])],
      ['BOOL', new Uint8Array([0, 1]), new Uint8Array([0, 1])],
    ];
    expect(
      kinds
        .map(([dtype]) => dtype)
        .concat('F16', 'BF16')
        .sort(),
    ).toEqual([...storedTypes].sort());
    for (const [dtype, raw, expected] of kinds)
      for (let offset = 0; offset < 9; offset++) {
        const memory = new Uint8Array(offset + raw.byteLength);
        memory.set(bytesOf(raw), offset);
        const bytes = memory.subarray(offset);
        const numbers = toNumbers({ dtype, shape: [2], bytes });
        expect(numbers).toEqual(expected);
        // It is a copy: what is done to it stays out of the file.
        numbers[0] = 1;
        numbers[1] = 1;
        expect(bytes).toEqual(bytesOf(raw));
        if (dtype !== 'BOOL') expect(store(expected, [2], dtype).bytes).toEqual(bytesOf(raw));
      }
  });

  it('refuses whole numbers that Int32 does not hold, and odd booleans', () => {
    const read = (dtype: StoredType, raw: ArrayBufferView) => () =>
      toNumbers({ dtype, shape: [2], bytes: bytesOf(raw) });
    expect(read('I64', new BigInt64Array([0n, 2n ** 31n]))).toThrow(/I64: received 2147483648 at element 1/);
    expect(read('I64', new BigInt64Array([0n, -(2n ** 31n) - 1n]))).toThrow(DataError);
    expect(read('U64', new BigUint64Array([2n ** 64n - 1n]))).toThrow(DataError);
    expect(read('U32', new Uint32Array([2 ** 31]))).toThrow(DataError);
    expect(read('BOOL', new Uint8Array([1, 2]))).toThrow(/2 at element 1, expected 0 or 1/);
  });
});

describe('store', () => {
  it('copies bits between equal types, NaN payloads included', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 0xffffffff })), (bits) => {
        const words = new Uint32Array(bits);
        const stored = store(new Float32Array(words.buffer), [bits.length]);
        expect(stored.dtype).toBe('F32');
        expect(Buffer.compare(stored.bytes, bytesOf(words))).toBe(0);
        expect(new Uint32Array((toNumbers(stored) as Float32Array).buffer)).toEqual(words);
      }),
    );
  });

  it('keeps a copy', () => {
    const data = new Float32Array([1, 2]);
    const stored = store(data.subarray(1), [1]);
    data[1] = 9;
    expect(toNumbers(stored)).toEqual(new Float32Array([2]));
  });

  it('rounds Float64 to F32 and refuses what F32 does not reach', () => {
    expect(toNumbers(store(new Float64Array([0.1, Number.POSITIVE_INFINITY]), [2], 'F32'))).toEqual(
      new Float32Array([0.1, Number.POSITIVE_INFINITY]),
    );
    expect(() => store(new Float64Array([0, 1e39]), [2], 'F32')).toThrow(/1e\+39 at element 1.*largest of F32/);
  });

  it('takes whole numbers only where they stay the same', () => {
    expect(toNumbers(store(new Int32Array([2 ** 24]), [1], 'F32'))[0]).toBe(2 ** 24);
    expect(() => store(new Int32Array([2 ** 24 + 1]), [1], 'F32')).toThrow(/F32 holds exactly/);
    expect(() => store(new Int32Array([2049]), [1], 'F16')).toThrow(/F16 holds exactly/);
    for (const [value, as] of [
      [0.5, 'I32'],
      [Number.NaN, 'I8'],
      [-1, 'U8'],
      [256, 'U8'],
      [128, 'I8'],
      [2, 'BOOL'],
      [2 ** 53, 'I64'],
      [-1, 'U64'],
      [2 ** 32, 'U32'],
    ] as const)
      expect(() => store(new Float64Array([value]), [1], as)).toThrow(/at element 0, expected a whole number from/);
  });

  it('refuses a shape of another size and an unknown type', () => {
    expect(() => store(new Float32Array(3), [2])).toThrow(/3 elements for the shape \[2\]/);
    expect(() => store(new Float32Array(0), [-1, 0])).toThrow(UsageError);
    expect(() => store(new Float32Array(1), [1], 'F8' as never)).toThrow(/the dtype F8/);
    expect(() => toNumbers({ dtype: 'F8' as never, shape: [], bytes: new Uint8Array(1) })).toThrow(/the dtype F8/);
  });
});
