/**
 * Arrays of the specification: scijs `ndarray`s over Float64Array (numbers), Int32Array (indices) and Uint8Array
 * (booleans, 0 or 1). Everything here is a plain loop over all indices: slow, and easy to check by eye.
 *
 * Vocabulary. A *shape* is a list of sizes. An *index* is a list of positions, one per axis. Axes may be counted from the
 * end: axis −1 is the last one. An array without axes (shape `[]`) holds one value; a size of 0 holds none.
 */
import ndarray, { type NdArray } from 'ndarray';

export type Storage = Float64Array | Int32Array | Uint8Array;
export type Shape = readonly number[];
export type Index = readonly number[];
/** Real numbers. */
export type Real = NdArray<Float64Array>;
/** Indices, counts and labels. */
export type Int = NdArray<Int32Array>;
/** Truth values, stored as 0 and 1. */
export type Bool = NdArray<Uint8Array>;
/** What a definition takes where the kind of number does not matter. */
export type Any = NdArray<Storage>;

/** A call outside the domain of a definition. */
export class SpecError extends Error {
  override readonly name = 'SpecError';
}

/** States what a definition presupposes. Throws `SpecError` where it does not hold. A message that costs is a function. */
export function precondition(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new SpecError(typeof message === 'string' ? message : message());
}

/** The number of elements, ∏ shape. The empty product is 1. */
export function sizeOf(shape: Shape): number {
  for (const size of shape) {
    precondition(
      Number.isInteger(size) && size >= 0,
      () => `a size is a non-negative integer, not ${size} in [${shape}]`,
    );
  }
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major array of the given numbers. Without a shape: one axis. */
export function array(data: ArrayLike<number>, shape: Shape = [data.length]): Real {
  precondition(data.length === sizeOf(shape), `${data.length} values do not fill the shape [${shape}]`);
  return ndarray(Float64Array.from(data), [...shape]);
}

/** Row-major array of indices. Throws `SpecError` for a value that is not a 32-bit integer. */
export function intArray(data: ArrayLike<number>, shape: Shape = [data.length]): Int {
  precondition(data.length === sizeOf(shape), `${data.length} values do not fill the shape [${shape}]`);
  const integers = Int32Array.from(data);
  precondition(
    integers.every((value, i) => value === data[i]),
    'an index array holds 32-bit integers',
  );
  return ndarray(integers, [...shape]);
}

/** Row-major array of truth values; any number but 0 is true. */
export function boolArray(data: ArrayLike<number | boolean>, shape: Shape = [data.length]): Bool {
  precondition(data.length === sizeOf(shape), `${data.length} values do not fill the shape [${shape}]`);
  return ndarray(
    Uint8Array.from(data, (value) => (value ? 1 : 0)),
    [...shape],
  );
}

/** An array without axes. */
export const scalar = (value: number): Real => array([value], []);

export const zeros = (shape: Shape): Real => array(new Float64Array(sizeOf(shape)), shape);

/** Every index of a shape, in row-major order: the last axis moves fastest. */
export function* indices(shape: Shape): Generator<number[]> {
  const size = sizeOf(shape);
  for (let flat = 0; flat < size; flat++) {
    const index = new Array<number>(shape.length);
    let rest = flat;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    yield index;
  }
}

/** The array whose value at each index is f(index). */
export function fromFunction(shape: Shape, f: (index: number[]) => number): Real {
  const result = zeros(shape);
  for (const index of indices(shape)) result.set(...index, f(index));
  return result;
}

/** `fromFunction` with the storage kind (real, int, bool) of another array. */
export function fromFunctionLike<D extends Storage>(
  like: NdArray<D>,
  shape: Shape,
  f: (index: number[]) => number,
): NdArray<D> {
  const data = new (like.data.constructor as new (size: number) => D)(sizeOf(shape));
  let flat = 0;
  for (const index of indices(shape)) data[flat++] = f(index);
  return ndarray(data, [...shape]);
}

/** The value at an index. Throws `SpecError` outside the array. */
export function at<D extends Storage>(a: NdArray<D>, index: Index): number {
  precondition(
    index.length === a.shape.length && index.every((i, axis) => Number.isInteger(i) && i >= 0 && i < a.shape[axis]),
    () => `[${index}] is not an index of the shape [${a.shape}]`,
  );
  return a.get(...index) as number;
}

/** All values in row-major order, whatever the strides. */
export function toFlat<D extends Storage>(a: NdArray<D>): number[] {
  const values: number[] = [];
  for (const index of indices(a.shape)) values.push(at(a, index));
  return values;
}

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);

/** An axis counted from the front, 0 ≤ axis < rank. −1 is the last. Throws `SpecError` out of range. */
export function normalizeAxis(axis: number, rank: number): number {
  precondition(
    Number.isInteger(axis) && axis >= -rank && axis < rank,
    `${axis} is not an axis of an array with ${rank} axes`,
  );
  return axis < 0 ? axis + rank : axis;
}

/** Axes counted from the front, ascending, each once; without axes, all of them. Throws `SpecError` for one named twice. */
export function normalizeAxes(axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) => normalizeAxis(axis, rank));
  precondition(new Set(list).size === list.length, `an axis is named twice in [${list}]`);
  return list.sort((a, b) => a - b);
}

/** A copy of `list` with the entry at `position` replaced. */
export const withEntry = (list: readonly number[], position: number, value: number): number[] =>
  list.map((entry, i) => (i === position ? value : entry));

/**
 * Broadcasting: shapes are aligned at their last axis, missing leading sizes count as 1, and along each axis the sizes
 * agree or one of them is 1.
 * Throws `SpecError` where they do neither.
 */
export function broadcastShapes(...shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const lead = rank - shape.length;
    shape.forEach((size, i) => {
      const other = result[lead + i];
      precondition(size === other || size === 1 || other === 1, `[${shapes.join('] and [')}] do not broadcast`);
      if (size !== 1) result[lead + i] = size;
    });
  }
  return result;
}

/**
 * The array repeated along the axes where its size is 1 or missing: result[…, i, …] = a[…, 0 or i, …].
 * Throws `SpecError` where `shape` is not what broadcasting would give.
 */
export function broadcastTo<D extends Storage>(a: NdArray<D>, shape: Shape): NdArray<D> {
  precondition(sameShape(broadcastShapes(a.shape, shape), shape), `[${a.shape}] does not broadcast to [${shape}]`);
  const lead = shape.length - a.shape.length;
  return fromFunctionLike(a, shape, (index) =>
    at(
      a,
      a.shape.map((size, axis) => (size === 1 ? 0 : index[lead + axis])),
    ),
  );
}

/** The values of `a` along one axis, all other positions as in `index`. */
export function lane<D extends Storage>(a: NdArray<D>, axis: number, index: Index): number[] {
  return Array.from({ length: a.shape[axis] }, (_, i) => at(a, withEntry(index, axis, i)));
}

/** Replaces every lane along an axis by f(lane). All results must have the `length` given (that of the axis by default). */
export function mapLanes(a: Real, axis: number, f: (lane: number[]) => ArrayLike<number>, length?: number): Real {
  const along = normalizeAxis(axis, a.shape.length);
  const result = zeros(withEntry(a.shape, along, length ?? a.shape[along]));
  for (const start of indices(withEntry(a.shape, along, 1))) {
    const values = f(lane(a, along, start));
    precondition(values.length === result.shape[along], 'every lane keeps the same length');
    for (let i = 0; i < values.length; i++) result.set(...withEntry(start, along, i), values[i]);
  }
  return result;
}
