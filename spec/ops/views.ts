/**
 * The same elements, read in another arrangement. (`broadcastTo` is in ../array.ts.)
 */
import type { NdArray } from 'ndarray';
import {
  at,
  fromFunctionLike,
  normalizeAxis,
  precondition,
  type Shape,
  type Storage,
  sizeOf,
  toFlat,
} from '../array.ts';

/** The elements in row-major order, in another shape of the same size. */
export function reshape<D extends Storage>(a: NdArray<D>, shape: Shape): NdArray<D> {
  precondition(sizeOf(shape) === sizeOf(a.shape), `[${a.shape}] cannot take the shape [${shape}]`);
  const values = toFlat(a);
  let next = 0;
  return fromFunctionLike(a, shape, () => values[next++]);
}

/** Axes in a new order: axis i of the result is axis axes[i] of a. Without axes: the reverse order. */
export function permuteDims<D extends Storage>(a: NdArray<D>, axes?: readonly number[]): NdArray<D> {
  const rank = a.shape.length;
  const order = (axes ?? a.shape.map((_, i) => rank - 1 - i)).map((axis) => normalizeAxis(axis, rank));
  precondition(
    order.length === rank && new Set(order).size === rank,
    `[${axes}] names not every axis of [${a.shape}] once`,
  );
  return fromFunctionLike(
    a,
    order.map((axis) => a.shape[axis]),
    (index) => {
      const source = new Array<number>(rank);
      order.forEach((axis, i) => {
        source[axis] = index[i];
      });
      return at(a, source);
    },
  );
}

/**
 * Positions start, start + step, … below stop along one axis. 0 ≤ start, 0 ≤ stop ≤ size, step ≥ 1; empty where start ≥ stop.
 * A negative start or stop counts from the end, as axes do.
 */
export function slice<D extends Storage>(
  a: NdArray<D>,
  axis: number,
  start: number,
  stop: number,
  step = 1,
): NdArray<D> {
  const along = normalizeAxis(axis, a.shape.length);
  const size = a.shape[along];
  const [first, end] = [start < 0 ? start + size : start, stop < 0 ? stop + size : stop];
  precondition(
    Number.isInteger(first) && Number.isInteger(end) && first >= 0 && first <= size && end >= 0 && end <= size,
    `${start} to ${stop} is not within an axis of size ${size}`,
  );
  precondition(Number.isInteger(step) && step >= 1, `a step is a positive integer, not ${step}`);
  const shape = [...a.shape];
  shape[along] = Math.max(0, Math.ceil((end - first) / step));
  return fromFunctionLike(a, shape, (index) => {
    const source = [...index];
    source[along] = first + index[along] * step;
    return at(a, source);
  });
}
