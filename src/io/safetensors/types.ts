/** The element types that are read and written, by the format's own names. */
export type StoredType =
  | 'F64'
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'I64'
  | 'I32'
  | 'I16'
  | 'I8'
  | 'U64'
  | 'U32'
  | 'U16'
  | 'U8'
  | 'BOOL';

/** One tensor as it lies in a file. */
export interface StoredTensor {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** Little endian, row-major; as long as the shape and the dtype say. Of a file that was read it is a view, at any offset. */
  readonly bytes: Uint8Array;
}

export interface SafetensorsFile {
  /** In the order of the file's header. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The header's `__metadata__`, empty where there is none. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Bytes of an element. The order is the one that the format's own writer lays tensors out by, last one first: wide
 * types lead, so that every tensor is aligned without padding. (Its `Dtype` enumeration, of which this is a part.)
 */
export const bytesOf: Readonly<Record<StoredType, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
};

export const storedTypes = Object.keys(bytesOf) as readonly StoredType[];

export const isStoredType = (name: unknown): name is StoredType =>
  typeof name === 'string' && Object.hasOwn(bytesOf, name);

/**
 * Bytes of a tensor, or null at 2^53 and above. Axes of size 0 are left out of that test's product, so that whether a
 * shape is refused does not depend on the order of its axes.
 */
export function byteSize(dtype: StoredType, shape: readonly number[]): number | null {
  let size = BigInt(bytesOf[dtype]);
  for (const axis of shape) {
    if (axis !== 0) size *= BigInt(axis);
    if (size > Number.MAX_SAFE_INTEGER) return null;
  }
  return shape.includes(0) ? 0 : Number(size);
}

/** The largest header, in bytes: the bound that the format states. */
export const headerLimit = 100_000_000;

/** The header's key that is no tensor. */
export const metadataKey = '__metadata__';
