import type { DType, HostArray, Spec, View } from './backend.ts';
import { DTypeError, ShapeError } from './errors.ts';

/** Shapes, strides and broadcasting: pure arithmetic on `readonly number[]`, shared by the core and the backends. */

export type Shape = readonly number[];

export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`;
export const formatSpec = (spec: Spec): string => `${spec.dtype}${formatShape(spec.shape)}`;
export const formatSpecs = (specs: readonly Spec[]): string => specs.map(formatSpec).join(', ');

/** Buffers are indexed by int32 on every backend, so no tensor holds more elements than this. */
const maxElements = 2 ** 31 - 1;

export const sizeOf = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

/** Shapes and axes are arrays; JavaScript callers may hand over anything. @throws ShapeError */
export function requireList(operation: string, what: string, list: unknown): asserts list is readonly unknown[] {
  if (!Array.isArray(list))
    throw new ShapeError({
      operation,
      received: `${what} ${String(list)}`,
      expected: 'an array of integers',
      advice: typeof list === 'number' ? `Write [${list}].` : undefined,
    });
}

/** Refuses negative, fractional and over-large sizes before anything is allocated. @throws ShapeError */
export function checkShape(operation: string, shape: Shape): void {
  requireList(operation, 'shape', shape);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new ShapeError({
      operation,
      received: `shape ${formatShape(shape)}`,
      expected: 'sizes that are integers ≥ 0',
    });
  if (sizeOf(shape) > maxElements)
    throw new ShapeError({
      operation,
      received: `shape ${formatShape(shape)} of ${sizeOf(shape)} elements`,
      expected: `at most ${maxElements} elements`,
      advice: 'Split the tensor.',
    });
}

/** A target shape for the elements of `spec` in which one size may be −1, worked out from the others. @throws ShapeError */
export function completeShape(operation: string, spec: Spec, shape: Shape): Shape {
  requireList(operation, 'shape', shape);
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const unknown = shape.filter((size) => size === -1).length;
  const size = sizeOf(spec.shape);
  if (unknown > 1 || (unknown === 1 && (known === 0 || size % known !== 0)))
    throw new ShapeError({
      operation,
      received: `${formatSpec(spec)} to ${formatShape(shape)}`,
      expected: 'at most one −1, and sizes that divide the number of elements',
    });
  return unknown === 0 ? shape : shape.map((entry) => (entry === -1 ? size / known : entry));
}

/** Row-major strides: the last axis is contiguous. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** True where the elements of the view lie one after the other in row-major order (axes of size 1 do not matter). */
export function isContiguous(view: { shape: Shape; strides: readonly number[] }): boolean {
  for (let axis = view.shape.length - 1, stride = 1; axis >= 0; axis--) {
    if (view.shape[axis] !== 1 && view.strides[axis] !== stride) return sizeOf(view.shape) === 0;
    stride *= view.shape[axis];
  }
  return true;
}

/** Negative axes count from the end. @throws ShapeError when outside [-rank, rank) */
export function normalizeAxis(operation: string, axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank)
    throw new ShapeError({
      operation,
      received: `axis ${axis} of a tensor of rank ${rank}`,
      expected: rank === 0 ? 'no axis at all' : `an integer from ${-rank} to ${rank - 1}`,
    });
  return normal;
}

/** Sorted, distinct, non-negative axes; `undefined` means all. @throws ShapeError on repeats */
export function normalizeAxes(operation: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = typeof axes === 'number' ? [axes] : axes;
  requireList(operation, 'axes', list);
  const normal = list.map((axis) => normalizeAxis(operation, axis, rank)).sort((a, b) => a - b);
  if (new Set(normal).size !== normal.length)
    throw new ShapeError({ operation, received: `axes ${formatShape(list)}`, expected: 'each axis once' });
  return normal;
}

const sizesBroadcast = (a: number, b: number): boolean => a === b || a === 1 || b === 1;

/** Whether `broadcastShapes` takes them. */
export const canBroadcast = (a: Shape, b: Shape): boolean =>
  a.every((size, axis) => sizesBroadcast(size, b[axis + b.length - a.length] ?? 1));

/** Right-aligned broadcasting of the array-API standard: sizes agree or one of them is 1. @throws ShapeError */
export function broadcastShapes(operation: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [sizeA, sizeB] = [a[a.length - rank + axis] ?? 1, b[b.length - rank + axis] ?? 1];
    if (!sizesBroadcast(sizeA, sizeB))
      throw new ShapeError({
        operation,
        received: `${formatShape(a)} and ${formatShape(b)}`,
        expected: 'shapes that broadcast: from the right, sizes equal or one of them 1',
        advice: `They differ at axis ${axis - rank} (${sizeA} and ${sizeB}).`,
      });
    return sizeA === 1 ? sizeB : sizeA;
  });
}

/** Strides of `view` seen in a larger shape: repeated axes get stride 0. */
export function broadcastStrides(view: { shape: Shape; strides: readonly number[] }, target: Shape): number[] {
  const lead = target.length - view.shape.length;
  return target.map((size, axis) =>
    axis < lead || (view.shape[axis - lead] === 1 && size !== 1) ? 0 : view.strides[axis - lead],
  );
}

/**
 * Strides that show `view` under `target` (same number of elements) without moving data, or null where that needs a copy.
 * Old axes are merged greedily into runs that are contiguous among themselves; each run must be split exactly by new axes.
 */
export function reshapeStrides(view: { shape: Shape; strides: readonly number[] }, target: Shape): number[] | null {
  if (sizeOf(target) === 0) return contiguousStrides(target);
  const old = view.shape.map((size, axis) => ({ size, stride: view.strides[axis] })).filter((axis) => axis.size !== 1);
  const strides = new Array<number>(target.length).fill(1);
  let next = target.length - 1;
  for (let i = old.length - 1; i >= 0; i--) {
    let { size, stride } = old[i];
    while (i > 0 && old[i - 1].stride === stride * size) size *= old[--i].size;
    for (let covered = 1; covered < size; next--) {
      while (target[next] === 1) next--;
      covered *= target[next];
      if (size % covered !== 0) return null;
      strides[next] = stride;
      stride *= target[next];
    }
  }
  return strides;
}

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

export const isFloat = (dtype: DType): boolean => dtype === 'float32' || dtype === 'float64';

export function requireFloat(operation: string, spec: Spec): void {
  if (!isFloat(spec.dtype))
    throw new DTypeError({
      operation,
      received: formatSpec(spec),
      expected: 'float32 or float64',
      advice: "Convert with .astype('float32').",
    });
}

export function requireDType(operation: string, what: string, spec: Spec, dtype: DType): void {
  if (spec.dtype !== dtype)
    throw new DTypeError({
      operation,
      received: `${what} ${formatSpec(spec)}`,
      expected: dtype,
      advice: `Convert with .astype('${dtype}').`,
    });
}

/** @throws DTypeError unless all have the dtype of the first */
export function requireOneDType(operation: string, specs: readonly Spec[]): void {
  if (specs.some(({ dtype }) => dtype !== specs[0].dtype))
    throw new DTypeError({
      operation,
      received: formatSpecs(specs),
      expected: 'tensors of one dtype',
      advice: 'Nothing is promoted silently: convert with .astype().',
    });
}

export function requireRank(operation: string, what: string, spec: Spec, rank: number): void {
  if (spec.shape.length !== rank)
    throw new ShapeError({ operation, received: `${what} ${formatSpec(spec)}`, expected: `rank ${rank}` });
}

const arrayTypes = { float32: Float32Array, float64: Float64Array, int32: Int32Array, bool: Uint8Array } as const;
export const allocate = (dtype: DType, size: number): HostArray => new arrayTypes[dtype](size);

/** The elements of a strided view of a host array, copied out in row-major order. */
export function gatherView(view: View<HostArray>): HostArray {
  const size = sizeOf(view.shape);
  if (isContiguous(view)) return view.buffer.slice(view.offset, view.offset + size);
  const result = allocate(view.dtype, size);
  forEachRow(view.shape, [view], (at, [position], length, [stride]) => {
    for (let i = 0, p = position; i < length; i++, p += stride) result[at + i] = view.buffer[p];
  });
  return result;
}

/**
 * Walks several views of one shape row by row: `visit(at, positions, length, strides)` gets the row's place in row-major
 * order, where the row begins in each buffer, and the step along the last axis in each. The innermost loop stays with the
 * caller, so that it can be contiguous.
 */
export function forEachRow(
  shape: Shape,
  views: readonly { strides: readonly number[]; offset: number }[],
  visit: (at: number, positions: readonly number[], length: number, strides: readonly number[]) => void,
): void {
  if (sizeOf(shape) === 0) return;
  const last = shape.length - 1;
  const length = last < 0 ? 1 : shape[last];
  const steps = views.map((view) => (last < 0 ? 0 : view.strides[last]));
  const positions = views.map((view) => view.offset);
  const index = new Array<number>(Math.max(0, last)).fill(0);
  for (let at = 0; ; at += length) {
    visit(at, positions, length, steps);
    let axis = last - 1;
    for (; axis >= 0; axis--) {
      index[axis]++;
      for (let v = 0; v < views.length; v++) positions[v] += views[v].strides[axis];
      if (index[axis] < shape[axis]) break;
      for (let v = 0; v < views.length; v++) positions[v] -= views[v].strides[axis] * shape[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/** The stretch of its buffer that a strided view touches: the position of its first element and the length up to its last. */
export function spanOf(
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): { readonly first: number; readonly length: number } {
  if (sizeOf(shape) === 0) return { first: offset, length: 0 };
  let [first, last] = [offset, offset];
  shape.forEach((size, axis) => {
    const reach = (size - 1) * strides[axis];
    if (reach < 0) first += reach;
    else last += reach;
  });
  return { first, length: last - first + 1 };
}
