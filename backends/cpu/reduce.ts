import type { HostArray, PrimitiveAttrs, ReduceKind, Spec } from '../../src/backend.ts';
import { ShapeError } from '../../src/errors.ts';
import { formatSpec, sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs, HostKernel, HostView } from './kernel.ts';
import { forEachLongRow, readLanes, stridesWithout } from './walk.ts';

/**
 * Reductions. The input is walked in row-major order beside a Float64 accumulator that has stride 0 along the reduced axes.
 * So reducing the last axis runs down one accumulator, and reducing leading axes adds whole rows to a row of accumulators.
 */

/** One row: accumulators at p, p + s, …, elements of x at q, q + t, … */
type FoldRow = (sum: Float64Array, p: number, s: number, x: HostArray, q: number, t: number, length: number) => void;

function fold(x: HostView, axes: readonly number[], initial: number, row: FoldRow): Float64Array {
  const strides = stridesWithout(x.shape, axes);
  const kept = x.shape.filter((_, axis) => !axes.includes(axis));
  const accumulator = new Float64Array(sizeOf(kept)).fill(initial);
  forEachLongRow(x.shape, [{ strides, offset: 0 }, x], (_, [p, q], length, [s, t]) =>
    row(accumulator, p, s, x.buffer, q, t, length),
  );
  return accumulator;
}

const addRow: FoldRow = (sum, p, s, x, q, t, length) => {
  if (s !== 0) for (let i = 0; i < length; i++, p += s, q += t) sum[p] += x[q];
  else {
    let total = sum[p];
    for (let i = 0; i < length; i++, q += t) total += x[q];
    sum[p] = total;
  }
};

/** `next(accumulated, element, place of the accumulator)` */
const rowOf =
  (next: (accumulated: number, element: number, place: number) => number): FoldRow =>
  (sum, p, s, x, q, t, length) => {
    for (let i = 0; i < length; i++, p += s, q += t) sum[p] = next(sum[p], x[q], p);
  };

// Math.max and Math.min propagate NaN. Sums of int32 wrap at every step, as Float64 would lose low bits beyond 2⁵³.
const addInt32 = rowOf((sum, element) => (sum + element) | 0);
const maxRow = rowOf((largest, element) => Math.max(largest, element));
const minRow = rowOf((smallest, element) => Math.min(smallest, element));

/** What an empty reduction gives: 0, and the extremes of the dtype (-∞ and +∞; -2³¹ and 2³¹ - 1 for int32). */
const initial = (kind: ReduceKind, int32: boolean): number =>
  kind === 'sum'
    ? 0
    : kind === 'max'
      ? int32
        ? -(2 ** 31)
        : Number.NEGATIVE_INFINITY
      : int32
        ? 2 ** 31 - 1
        : Number.POSITIVE_INFINITY;

const rounded = (values: Float64Array, { dtype }: Spec): HostArray =>
  dtype === 'float64' ? values : dtype === 'int32' ? new Int32Array(values) : new Float32Array(values);

export const reduce: HostKernel<PrimitiveAttrs['reduce']> = ([x], { kind, axes }, [output]) => {
  const int32 = x.dtype === 'int32';
  const row = kind === 'max' ? maxRow : kind === 'min' ? minRow : int32 ? addInt32 : addRow;
  return [rounded(fold(x, axes, initial(kind, int32), row), output)];
};

const countAlong = (x: HostView, axes: readonly number[]) => axes.reduce((count, axis) => count * x.shape[axis], 1);

function meanOf(x: HostView, axes: readonly number[]): Float64Array {
  const count = countAlong(x, axes);
  return fold(x, axes, 0, addRow).map((sum) => sum / count);
}

export const mean: HostKernel<CompositeAttrs['mean']> = ([x], { axes }, [output]) => [rounded(meanOf(x, axes), output)];

// 1/(N - correction) Σ (x - mean)², in two passes so that a large mean costs no accuracy
export const variance: HostKernel<CompositeAttrs['variance']> = ([x], { axes, correction }, [output]) => {
  const centre = meanOf(x, axes);
  const divisor = countAlong(x, axes) - correction;
  const squares = fold(
    x,
    axes,
    0,
    rowOf((sum, element, place) => sum + (element - centre[place]) ** 2),
  );
  return [
    rounded(
      squares.map((sum) => sum / divisor),
      output,
    ),
  ];
};

// m + log Σ e^{x - m} with m = max x; an infinite or NaN m is taken as 0
export const logSumExp: HostKernel<CompositeAttrs['logSumExp']> = ([x], { axes }, [output]) => {
  const shift = fold(x, axes, Number.NEGATIVE_INFINITY, maxRow).map((max) => (Number.isFinite(max) ? max : 0));
  const sums = fold(
    x,
    axes,
    0,
    rowOf((sum, element, place) => sum + Math.exp(element - shift[place])),
  );
  return [
    rounded(
      sums.map((sum, place) => Math.log(sum) + shift[place]),
      output,
    ),
  ];
};

// s √Σ (x/s)² with s = max |x|; an s of 0 or ∞ is taken as 1
export const norm: HostKernel<CompositeAttrs['norm']> = ([x], { axes }, [output]) => {
  const scale = fold(
    x,
    axes,
    0,
    rowOf((largest, element) => Math.max(largest, Math.abs(element))),
  ).map((largest) => (largest === 0 || largest === Number.POSITIVE_INFINITY ? 1 : largest));
  const sums = fold(
    x,
    axes,
    0,
    rowOf((sum, element, place) => sum + (element / scale[place]) ** 2),
  );
  return [
    rounded(
      sums.map((sum, place) => Math.sqrt(sum) * scale[place]),
      output,
    ),
  ];
};

/** The first index of the largest element; NaN counts as the largest. */
function firstLargest(lane: Float64Array): number {
  let best = 0;
  for (let i = 0; i < lane.length; i++) {
    if (Number.isNaN(lane[i])) return i;
    if (lane[i] > lane[best]) best = i;
  }
  return best;
}

/** @throws ShapeError along an empty axis, which has no largest element */
export const argmax: HostKernel<CompositeAttrs['argmax']> = ([x], { axis }, [output]) => {
  const result = new Int32Array(sizeOf(output.shape));
  if (x.shape[axis] === 0 && result.length > 0)
    throw new ShapeError({
      operation: 'argmax',
      received: `axis ${axis} of ${formatSpec(x)}`,
      expected: 'at least one element along it',
    });
  readLanes(x, axis, (lane, at) => {
    result[at] = firstLargest(lane);
  });
  return [result];
};
