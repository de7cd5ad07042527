import type { DType, HostArray } from './backend.ts';
import { sizeOf } from './shape.ts';
import type { Tensor } from './tensor.ts';

/**
 * What a read will tell: the tensors to fetch, and what their values mean. A read waits for the device, so that what a
 * training step wants to know is collected and fetched at once.
 */
export interface Pending<T> {
  readonly tensors: readonly Tensor[];
  /** The values of each tensor in row-major order; int32 and bool ones as floats. */
  of(values: readonly HostArray[]): T;
}

/** A single number of a tensor of size 1. */
export const pendingNumber = (tensor: Tensor): Pending<number> => ({ tensors: [tensor], of: ([values]) => values[0] });

export const pendingAll = <T>(parts: readonly Pending<T>[]): Pending<T[]> => ({
  tensors: parts.flatMap(({ tensors }) => tensors),
  of(values) {
    const of = cutAt(
      values,
      parts.map(({ tensors }) => tensors.length),
    );
    return parts.map((part, i) => part.of(of[i]));
  },
});

/** One after the other, pieces of the given lengths. */
function cutAt<V extends { slice(start: number, end: number): V }>(whole: V, lengths: readonly number[]): V[] {
  let end = 0;
  return lengths.map((length) => {
    end += length;
    return whole.slice(end - length, end);
  });
}

/** Fetches all with one read, through one float tensor that holds them one after the other. */
export async function readTogether<T extends readonly unknown[]>(
  ...parts: { readonly [K in keyof T]: Pending<T[K]> }
): Promise<T> {
  const all = pendingAll(parts as readonly Pending<unknown>[]);
  if (all.tensors.length === 0) return all.of([]) as unknown as T;
  const dtype: DType = all.tensors.some((tensor) => tensor.dtype === 'float64') ? 'float64' : 'float32';
  const flat = all.tensors.map((tensor) =>
    tensor
      .stopGradient()
      .astype(dtype)
      .reshape([sizeOf(tensor.shape)]),
  );
  const values = (await flat[0].engine.concat(flat).data()) as Float32Array | Float64Array;
  return all.of(
    cutAt<HostArray>(
      values,
      flat.map(({ size }) => size),
    ),
  ) as unknown as T;
}
