import { DataError, OmoeError, UsageError } from '../../errors.ts';
import { type Half, narrowBits, roundToHalf, widenBits } from './half.ts';
import { byteSize, bytesOf, isStoredType, type StoredTensor, type StoredType, storedTypes } from './types.ts';

/** The arrays that tensors of the engine come from and go to. */
export type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array;

/**
 * The elements of a stored tensor, in an array of their own:
 *
 *   F64 -> Float64Array;   F32, F16, BF16 -> Float32Array (F16 and BF16 widen exactly, NaN payloads included)
 *   I32, I16, I8, U16, U32, I64, U64 -> Int32Array;   U8, BOOL -> Uint8Array
 *
 * @throws DataError for a number of U32, I64 or U64 outside Int32, and a BOOL other than 0 and 1
 */
export function toNumbers({ dtype, bytes }: StoredTensor): Numbers {
  needLittleEndian();
  // A copy starts at offset 0: the view of a file may start anywhere, where no typed array may.
  const { buffer } = new Uint8Array(bytes);
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer);
    case 'F32':
      return new Float32Array(buffer);
    case 'F16':
    case 'BF16':
      return widen(new Uint16Array(buffer), dtype);
    case 'I32':
      return new Int32Array(buffer);
    case 'I16':
      return Int32Array.from(new Int16Array(buffer));
    case 'U16':
      return Int32Array.from(new Uint16Array(buffer));
    case 'I8':
      return Int32Array.from(new Int8Array(buffer));
    case 'U32':
      return within(new Uint32Array(buffer), dtype);
    case 'I64':
      return within(new BigInt64Array(buffer), dtype);
    case 'U64':
      return within(new BigUint64Array(buffer), dtype);
    case 'U8':
      return new Uint8Array(buffer);
    case 'BOOL':
      return booleans(new Uint8Array(buffer));
    default:
      throw unknownType('read the numbers of a tensor', dtype);
  }
}

function widen(halves: Uint16Array, half: Half): Float32Array {
  const numbers = new Float32Array(halves.length);
  // Written as bits: a NaN that passes through a number may lose its payload.
  const bits = new Uint32Array(numbers.buffer);
  for (let at = 0; at < halves.length; at++) bits[at] = widenBits(halves[at], half);
  return numbers;
}

function within(values: Uint32Array | BigInt64Array | BigUint64Array, dtype: StoredType): Int32Array {
  const numbers = new Int32Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (value < -0x80000000 || value > 0x7fffffff)
      throw new DataError({
        operation: `read the numbers of a tensor of ${dtype}`,
        received: `${value} at element ${at}`,
        expected: 'a number that Int32 holds',
        advice: 'The engine has no wider whole numbers.',
      });
    numbers[at] = Number(value);
  }
  return numbers;
}

function booleans(bytes: Uint8Array): Uint8Array {
  const odd = bytes.findIndex((byte) => byte > 1);
  if (odd >= 0)
    throw new DataError({
      operation: 'read the numbers of a tensor of BOOL',
      received: `${bytes[odd]} at element ${odd}`,
      expected: '0 or 1',
    });
  return bytes;
}

/**
 * Numbers as a tensor that can be written.
 *
 * A floating-point type takes the nearest of its numbers, ties to even; NaN and the infinities stay what they are, and
 * whole numbers have to be exact. A whole-number type takes whole numbers in its range; BOOL takes 0 and 1. Between equal
 * types the bits are copied, so that a NaN keeps its payload.
 *
 * @param as default: F32, F64, I32, U8 for the four arrays
 * @throws UsageError if the shape has another number of elements, or an element cannot be stored so: a finite number
 *   beyond the largest of the type, a fraction or a number out of range for whole numbers
 */
export function store(data: Numbers, shape: readonly number[], as: StoredType = typeOf(data)): StoredTensor {
  needLittleEndian();
  if (!isStoredType(as)) throw unknownType('store a tensor', as);
  const whole = shape.every((axis) => Number.isSafeInteger(axis) && axis >= 0);
  const size = whole ? byteSize(as, shape) : null;
  if (size !== data.length * bytesOf[as])
    throw new UsageError({
      operation: `store a tensor as ${as}`,
      received: `${data.length} elements for the shape [${shape.join(', ')}]`,
      expected: 'as many elements as the shape has',
    });
  const own = as === typeOf(data);
  return { dtype: as, shape: [...shape], bytes: own ? bytesIn(data.slice()) : convert(data, as) };
}

const typeOf = (data: Numbers): StoredType =>
  data instanceof Float32Array
    ? 'F32'
    : data instanceof Float64Array
      ? 'F64'
      : data instanceof Int32Array
        ? 'I32'
        : 'U8';

const bytesIn = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function convert(data: Numbers, as: StoredType): Uint8Array {
  switch (as) {
    case 'F64':
      return bytesIn(new Float64Array(data));
    case 'F32': {
      const numbers = new Float32Array(data);
      for (let at = 0; at < data.length; at++) checkFloat(data, at, numbers[at], as);
      return bytesIn(numbers);
    }
    case 'F16':
    case 'BF16':
      return bytesIn(toHalves(data, as));
    case 'I64':
    case 'U64': {
      const wide = new BigInt64Array(data.length);
      for (let at = 0; at < data.length; at++) wide[at] = BigInt(checkWhole(data, at, as));
      return bytesIn(wide);
    }
    default: {
      const numbers = new wholeArrays[as](data.length);
      for (let at = 0; at < data.length; at++) numbers[at] = checkWhole(data, at, as);
      return bytesIn(numbers);
    }
  }
}

function toHalves(data: Numbers, half: Half): Uint16Array {
  const rounded = new Float32Array(data.length);
  const bits = new Uint32Array(rounded.buffer);
  // The bits of Float32 data are taken as they are where they are NaN: a NaN keeps its payload.
  const given = data instanceof Float32Array ? new Uint32Array(data.slice().buffer) : null;
  const halves = new Uint16Array(data.length);
  for (let at = 0; at < data.length; at++) {
    rounded[at] = roundToHalf(data[at], half);
    checkFloat(data, at, rounded[at], half);
    halves[at] = narrowBits(given !== null && Number.isNaN(data[at]) ? given[at] : bits[at], half);
  }
  return halves;
}

const wholeArrays = {
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

/** Refuses a finite number that became infinite, and a whole number of a whole-number array that became another one. */
function checkFloat(data: Numbers, at: number, stored: number, as: StoredType): void {
  const value = data[at];
  if (Number.isFinite(value) && !Number.isFinite(stored))
    throw cannotStore(
      value,
      at,
      as,
      `a number of at most the largest of ${as}`,
      'Scale it, or store it as F32 or BF16.',
    );
  const floating = data instanceof Float32Array || data instanceof Float64Array;
  if (!floating && stored !== value)
    throw cannotStore(value, at, as, `a whole number that ${as} holds exactly`, 'Store it as I32.');
}

function checkWhole(data: Numbers, at: number, as: Exclude<StoredType, `${string}F${string}`>): number {
  const value = data[at];
  const [low, high] = ranges[as];
  if (!Number.isInteger(value) || value < low || value > high)
    throw cannotStore(value, at, as, `a whole number from ${low} to ${high}`);
  return value;
}

/** Numbers arrive as Float64 at most, so that beyond 2^53 nobody knows which whole number was meant. */
const ranges = {
  I64: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  U64: [0, Number.MAX_SAFE_INTEGER],
  I32: [-0x80000000, 0x7fffffff],
  U32: [0, 0xffffffff],
  I16: [-0x8000, 0x7fff],
  U16: [0, 0xffff],
  I8: [-0x80, 0x7f],
  U8: [0, 0xff],
  BOOL: [0, 1],
} as const;

const cannotStore = (value: number, at: number, as: StoredType, expected: string, advice?: string): UsageError =>
  new UsageError({
    operation: `store a tensor as ${as}`,
    received: `${value} at element ${at}`,
    expected,
    ...(advice && { advice }),
  });

const unknownType = (operation: string, dtype: unknown): UsageError =>
  new UsageError({ operation, received: `the dtype ${dtype}`, expected: `one of ${storedTypes.join(', ')}` });

/** Typed arrays have the byte order of the machine, files are little endian. Every machine that runs Node today is so too. */
function needLittleEndian(): void {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1)
    throw new OmoeError({
      operation: 'convert a stored tensor',
      received: 'a big-endian machine',
      expected: 'a little-endian one',
    });
}
