import { allocate, forEachRow, sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs, HostKernel } from './kernel.ts';
import { mapLanes, readLanes } from './walk.ts';

/** The k largest, sorting, running sums, one-hot rows. NaN counts as greater than everything and as equal to itself. */

const above = (a: number, b: number): boolean => a > b || (Number.isNaN(a) && !Number.isNaN(b));

/** Up to this k, inserting into a short list beats sorting the whole lane. */
const shortList = 32;

/** The first `count` of kept[] become the indices of the largest elements, descending, ties to the lowest index. */
export function selectLargest(lane: Float64Array, kept: Int32Array): void {
  if (kept.length > shortList) {
    kept.set(order(lane, (a, b) => (above(a, b) ? -1 : above(b, a) ? 1 : 0)).subarray(0, kept.length));
    return;
  }
  // A later element passes only those that it is strictly above, so an equal one with a lower index stays before it.
  for (let i = 0; i < lane.length; i++) {
    let place = Math.min(i, kept.length);
    while (place > 0 && above(lane[i], lane[kept[place - 1]])) {
      if (place < kept.length) kept[place] = kept[place - 1];
      place--;
    }
    if (place < kept.length) kept[place] = i;
  }
}

/** The indices of a lane in the given order; equal elements keep theirs. */
function order(lane: Float64Array, compare: (a: number, b: number) => number): Int32Array {
  return Int32Array.from(lane, (_, i) => i).sort((i, j) => compare(lane[i], lane[j]) || i - j);
}

export const topK: HostKernel<CompositeAttrs['topK']> = ([x], { k }, [output]) => {
  const values = allocate(x.dtype, sizeOf(output.shape));
  const indices = new Int32Array(values.length);
  readLanes(x, x.shape.length - 1, (lane, at) => {
    const kept = indices.subarray(at * k, (at + 1) * k);
    selectLargest(lane, kept);
    for (let i = 0; i < k; i++) values[at * k + i] = lane[kept[i]];
  });
  return [values, indices];
};

export const sort: HostKernel<CompositeAttrs['sort']> = ([x]) => {
  const values = allocate(x.dtype, sizeOf(x.shape));
  const indices = new Int32Array(values.length);
  readLanes(x, x.shape.length - 1, (lane, at) => {
    const ascending = order(lane, (a, b) => (above(a, b) ? 1 : above(b, a) ? -1 : 0));
    indices.set(ascending, at * lane.length);
    for (let i = 0; i < lane.length; i++) values[at * lane.length + i] = lane[ascending[i]];
  });
  return [values, indices];
};

// y_i = Σ_{j ≤ i} x_j; int32 wraps at every step
export const cumsum: HostKernel<CompositeAttrs['cumsum']> = ([x], { axis }, [output]) => {
  const int32 = x.dtype === 'int32';
  return [
    mapLanes(x, axis, allocate(output.dtype, sizeOf(x.shape)), (lane) => {
      for (let i = 1; i < lane.length; i++) lane[i] = int32 ? (lane[i - 1] + lane[i]) | 0 : lane[i - 1] + lane[i];
    }),
  ];
};

export const oneHot: HostKernel<CompositeAttrs['oneHot']> = ([indices], { depth }, [output]) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  forEachRow(indices.shape, [indices], (at, [start], length, [step]) => {
    for (let i = 0; i < length; i++) {
      const index = indices.buffer[start + i * step];
      if (index >= 0 && index < depth) result[(at + i) * depth + index] = 1;
    }
  });
  return [result];
};
