import type { DType, HostArray } from './backend.ts';
import type { Engine } from './engine.ts';
import { DataError } from './errors.ts';
import type { Tensor } from './tensor.ts';
import { leaves } from './tree.ts';

/** Tensors as plain arrays by name, to be written down and taken up again bit for bit. */

export interface StoredArray {
  readonly shape: readonly number[];
  /** Row-major. Float32Array holds float32, Float64Array float64, Int32Array int32, Uint8Array bool. */
  readonly data: HostArray;
}

export type StoredArrays = ReadonlyMap<string, StoredArray>;

export const dtypeOf = (data: HostArray): DType => {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  return data instanceof Int32Array ? 'int32' : 'bool';
};

/** An array that is read when it is written down, so that not all of them are on the host at once. */
export interface PendingArray {
  readonly shape: readonly number[];
  readonly dtype: DType;
  read(): Promise<HostArray>;
}

export const pending = ({ shape, data }: StoredArray): PendingArray => ({
  shape,
  dtype: dtypeOf(data),
  read: async () => data,
});

/** Every tensor of a tree, by path. They have to live until they are read. */
export const storeTree = (tree: unknown, prefix = ''): Map<string, PendingArray> =>
  new Map(
    leaves(tree, prefix).map(({ path, tensor }) => [
      path,
      { shape: tensor.shape, dtype: tensor.dtype, read: () => tensor.data() },
    ]),
  );

/** What an array has to be; null stands for any size. */
export interface Wanted {
  readonly shape: readonly (number | null)[];
  readonly dtype: DType;
}

const shown = ({ shape, dtype }: Wanted): string => `${dtype} [${shape.map((size) => size ?? 'any').join(', ')}]`;

/**
 * Takes arrays out of a file one by one and notes everything that is not as it should be, so that one error tells all:
 * what is missing, what is misshapen, and, in the end, what nobody asked for.
 */
export class StrictArrays {
  readonly #arrays: StoredArrays;
  readonly #taken = new Set<string>();
  readonly #complaints: string[] = [];

  constructor(arrays: StoredArrays) {
    this.#arrays = arrays;
  }

  /** The array, or null (noted) where it is missing or of another kind. */
  take(name: string, wanted: Wanted): StoredArray | null {
    this.#taken.add(name);
    const found = this.#arrays.get(name);
    if (!found) {
      this.#complaints.push(`${name} is missing, it should be ${shown(wanted)}`);
      return null;
    }
    const is = { shape: found.shape, dtype: dtypeOf(found.data) };
    const fits =
      is.dtype === wanted.dtype &&
      is.shape.length === wanted.shape.length &&
      is.shape.every((size, axis) => wanted.shape[axis] === null || wanted.shape[axis] === size);
    if (fits) return found;
    this.#complaints.push(`${name} is ${shown(is)}, it should be ${shown(wanted)}`);
    return null;
  }

  /** The array as a tensor; a tensor of one zero stands in for what is not there until `finish` refuses it. */
  tensor(t: Engine, name: string, wanted: Wanted): Tensor {
    const found = this.take(name, wanted);
    return found ? t.tensor(found.data, found.shape, wanted.dtype) : t.zeros([]);
  }

  /** Notes something else that is wrong. */
  complain(what: string): void {
    this.#complaints.push(what);
  }

  /** @throws DataError listing all that was missing, misshapen or never asked for */
  finish(operation: string, expected: string): void {
    const extra = [...this.#arrays.keys()].filter((name) => !this.#taken.has(name));
    const wrong = [...this.#complaints, ...extra.map((name) => `${name} is not expected`)];
    if (wrong.length > 0) throw new DataError({ operation, received: wrong.join('; '), expected });
  }
}
