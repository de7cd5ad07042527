import ndarray, { type NdArray } from 'ndarray';
import type { DType, HostArray, View } from './backend.ts';
import { DTypeError, ShapeError, UsageError } from './errors.ts';
import { allocate, checkShape, contiguousStrides, formatShape, gatherView, sizeOf } from './shape.ts';

/** Host data in and out: numbers, nested arrays, typed arrays, scijs ndarrays. */

type Nested = number | boolean | readonly Nested[];
export type HostData = Nested | HostArray | NdArray<HostArray> | NdArray<number[]>;

export interface HostView {
  readonly array: HostArray;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly dtype: DType;
}

const isHostArray = (data: unknown): data is HostArray =>
  data instanceof Float32Array ||
  data instanceof Float64Array ||
  data instanceof Int32Array ||
  data instanceof Uint8Array;

const isNdarray = (data: object): data is NdArray<HostArray> => 'stride' in data && 'offset' in data && 'data' in data;

const dtypeOf = (array: HostArray): DType =>
  array instanceof Float32Array
    ? 'float32'
    : array instanceof Float64Array
      ? 'float64'
      : array instanceof Int32Array
        ? 'int32'
        : 'bool';

/** A float or bool array must not become int32 by dropping digits; int32 arrays must hold what they were given. */
function convert(array: ArrayLike<number>, dtype: DType): HostArray {
  const converted = allocate(dtype, array.length);
  for (let i = 0; i < array.length; i++) {
    converted[i] = dtype === 'bool' ? Number(array[i] !== 0) : array[i];
    if (dtype === 'int32' && converted[i] !== array[i])
      throw new DTypeError({
        operation: 'tensor',
        received: `${array[i]} at position ${i}`,
        expected: 'integers that int32 holds',
      });
  }
  return converted;
}

/** The shape of nested arrays, and their elements in row-major order. @throws ShapeError where rows differ in length */
function flatten(data: Nested): { shape: number[]; elements: (number | boolean)[] } {
  const shape: number[] = [];
  for (let level: Nested = data; Array.isArray(level); level = level[0] as Nested) shape.push(level.length);
  const elements: (number | boolean)[] = [];
  const walk = (node: Nested, depth: number): void => {
    if (Array.isArray(node) !== depth < shape.length || (Array.isArray(node) && node.length !== shape[depth]))
      throw new ShapeError({
        operation: 'tensor',
        received: `ragged arrays at depth ${depth}`,
        expected: `arrays nested as ${formatShape(shape)}`,
      });
    if (Array.isArray(node)) for (const child of node) walk(child, depth + 1);
    else elements.push(node as number | boolean);
  };
  walk(data, 0);
  return { shape, elements };
}

/** Describes host data as a strided view of a typed array; copies only where the dtype or the container has to change. */
export function hostView(
  data: HostData,
  shape: readonly number[] | undefined,
  dtype: DType | undefined,
  floats: DType,
): HostView {
  if (typeof data === 'object' && data !== null && isNdarray(data) && isHostArray(data.data)) {
    const own = dtypeOf(data.data);
    const view = { shape: [...data.shape], strides: [...data.stride], offset: data.offset };
    const fits = shape === undefined || sizeOf(shape) === sizeOf(view.shape);
    if (!fits) throw misfit(sizeOf(view.shape), shape!);
    if ((dtype ?? own) === own && shape === undefined) return { array: data.data, dtype: own, ...view };
    const array = gatherView({ buffer: data.data, dtype: own, ...view } satisfies View<HostArray>);
    return contiguous(own === (dtype ?? own) ? array : convert(array, dtype!), shape ?? view.shape, dtype ?? own);
  }
  if (isHostArray(data)) {
    const own = dtypeOf(data);
    return contiguous((dtype ?? own) === own ? data : convert(data, dtype!), shape ?? [data.length], dtype ?? own);
  }
  const plain = typeof data === 'object' && data !== null && isNdarray(data) ? ndarrayElements(data) : data;
  const wellFormed = typeof plain === 'number' || typeof plain === 'boolean' || Array.isArray(plain);
  if (!wellFormed)
    throw new UsageError({
      operation: 'tensor',
      received: plain === null ? 'null' : typeof plain,
      expected: 'a number, (nested) arrays of numbers or booleans, a typed array, or a scijs ndarray',
    });
  const { shape: nesting, elements } = flatten(plain as Nested);
  const wrong = elements.findIndex((element) => typeof element !== 'number' && typeof element !== 'boolean');
  if (wrong >= 0)
    throw new UsageError({
      operation: 'tensor',
      received: `${typeof elements[wrong]} at position ${wrong}`,
      expected: 'numbers or booleans',
    });
  const target = dtype ?? (typeof elements[0] === 'boolean' ? 'bool' : floats);
  return contiguous(convert(elements.map(Number), target), shape ?? nesting, target);
}

function contiguous(array: HostArray, shape: readonly number[], dtype: DType): HostView {
  checkShape('tensor', shape);
  if (sizeOf(shape) !== array.length) throw misfit(array.length, shape);
  return { array, shape, strides: contiguousStrides(shape), offset: 0, dtype };
}

const misfit = (count: number, shape: readonly number[]) =>
  new ShapeError({
    operation: 'tensor',
    received: `${count} elements for shape ${formatShape(shape)}`,
    expected: `${sizeOf(shape)} elements`,
  });

/** An ndarray over a plain array, as nested arrays. */
function ndarrayElements(array: NdArray): Nested {
  const walk = (depth: number, offset: number): Nested =>
    depth === array.shape.length
      ? ((array.data as ArrayLike<number>)[offset] as number)
      : Array.from({ length: array.shape[depth] }, (_, i) => walk(depth + 1, offset + i * array.stride[depth]));
  return walk(0, array.offset);
}

export const toNdarray = (
  data: HostArray,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): NdArray<HostArray> => ndarray(data, [...shape], [...strides], offset) as NdArray<HostArray>;
