import type { HostArray } from '../../src/backend.ts';
import { contiguousStrides, forEachRow, type Shape, sizeOf } from '../../src/shape.ts';
import type { HostView } from './kernel.ts';

/** Two ways through strided views: the longest possible rows, and the lanes along one axis. */

type Strided = { readonly strides: readonly number[]; readonly offset: number };

/**
 * `forEachRow` after merging neighbouring axes that all views step through evenly. Contiguous tensors become one row,
 * and so do a matrix and a repeated scalar; [batch, position, width] plus [width] becomes rows of `width`.
 */
export function forEachLongRow(
  shape: Shape,
  views: readonly Strided[],
  visit: (at: number, positions: readonly number[], length: number, strides: readonly number[]) => void,
): void {
  const sizes: number[] = [];
  const strides: number[][] = views.map(() => []);
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const last = sizes.length - 1;
    if (last >= 0 && views.every((view, v) => strides[v][last] === view.strides[axis] * size)) {
      sizes[last] *= size;
      views.forEach((view, v) => {
        strides[v][last] = view.strides[axis];
      });
    } else {
      sizes.push(size);
      views.forEach((view, v) => {
        strides[v].push(view.strides[axis]);
      });
    }
  });
  forEachRow(
    sizes,
    views.map((view, v) => ({ strides: strides[v], offset: view.offset })),
    visit,
  );
}

/** Where each lane along `axis` begins in several views of one shape; `at` counts the lanes in row-major order. */
export function forEachLane(
  shape: Shape,
  axis: number,
  views: readonly Strided[],
  visit: (at: number, starts: readonly number[]) => void,
): void {
  const other = (list: readonly number[]) => list.filter((_, a) => a !== axis);
  const starts = views.map(() => 0);
  forEachRow(
    other(shape),
    views.map((view) => ({ strides: other(view.strides), offset: view.offset })),
    (at, positions, length, steps) => {
      for (let i = 0; i < length; i++) {
        for (let v = 0; v < views.length; v++) starts[v] = positions[v] + i * steps[v];
        visit(at + i, starts);
      }
    },
  );
}

// Loops over elements stand in functions of their own here and in the kernels: inside a closure that each call makes anew
// they ran several times slower (measured on adamwStep: 180 ns an element instead of 25).
function loadLane(lane: Float64Array, data: HostArray, start: number, stride: number): void {
  for (let i = 0, p = start; i < lane.length; i++, p += stride) lane[i] = data[p];
}
function storeLane(lane: Float64Array, result: HostArray, start: number, stride: number): void {
  for (let i = 0, p = start; i < lane.length; i++, p += stride) result[p] = lane[i];
}

/** Each lane of `x` along `axis`, copied into one Float64Array that is used again for the next. */
export function readLanes(x: HostView, axis: number, visit: (lane: Float64Array, at: number) => void): void {
  const [data, stride] = [x.buffer, x.strides[axis]];
  const lane = new Float64Array(x.shape[axis]);
  forEachLane(x.shape, axis, [x], (at, [start]) => {
    loadLane(lane, data, start, stride);
    visit(lane, at);
  });
}

/** Replaces each lane along `axis` by what `change` leaves in its copy, stored row-major in `result` and rounded there. */
export function mapLanes(
  x: HostView,
  axis: number,
  result: HostArray,
  change: (lane: Float64Array) => void,
): HostArray {
  const [length, after] = [x.shape[axis], sizeOf(x.shape.slice(axis + 1))];
  readLanes(x, axis, (lane, at) => {
    change(lane);
    // Lane `at` is number (at mod after) of block ⌊at/after⌋, and a block holds length · after elements.
    const first = (at - (at % after)) * length + (at % after);
    storeLane(lane, result, first, after);
  });
  return result;
}

/** Strides of a row-major array over the axes of `shape` that are not in `axes`; 0 along those that are. */
export function stridesWithout(shape: Shape, axes: readonly number[]): number[] {
  return contiguousStrides(shape.map((size, axis) => (axes.includes(axis) ? 1 : size))).map((stride, axis) =>
    axes.includes(axis) ? 0 : stride,
  );
}
