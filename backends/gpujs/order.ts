import type { DType } from '../../src/backend.ts';
import { ShapeError } from '../../src/errors.ts';
import { formatSpec, sizeOf } from '../../src/shape.ts';
import type { GpuBuffer } from './buffer.ts';
import { type GpuComposite, tooLong } from './kernel.ts';
import { eachLane, freeCopy, type LaneKernel, type Lanes, lanesAlong, lanesOver, withinLanes } from './lanes.ts';
import type { Runtime } from './runtime.ts';
import { stableOrder } from './stable-order.ts';

/**
 * The k largest, sorting, the largest. NaN counts as greater than everything and as equal to itself. A kernel writes only to
 * its own place, so nothing can be swapped: an element counts how many stand before it, and a place looks for its element.
 */

/** a > b, with NaN above all; `a !== a` holds for NaN alone. */
const above = (a: string, b: string): string => `(${a} > ${b} || (${a} !== ${a} && ${b} === ${b}))`;

const argmaxKernel: LaneKernel = {
  name: 'first of the largest',
  body: ({ element }) => `
    let best = 0;
    let value = ${element('0')};
    for (let l = 1; l < count; l++) {
      const v = ${element('l')};
      if (${above('v', 'value')}) {
        best = l;
        value = v;
      }
    }
    return best;`,
};

/** @throws ShapeError along an empty axis, which has no largest element */
export const argmax: GpuComposite<'argmax'> =
  (runtime) =>
  ([x], { axis }, [{ shape, dtype }]) => {
    if (x.shape[axis] === 0 && sizeOf(shape) > 0)
      throw new ShapeError({
        operation: 'argmax',
        received: `axis ${axis} of ${formatSpec(x)}`,
        expected: 'at least one element along it',
      });
    const long = tooLong(x.shape[axis]);
    if (long) return long;
    const lanes = lanesOver(runtime, 'argmax', x, [axis]);
    const y = eachLane(runtime, 'argmax', lanes, argmaxKernel, [], dtype);
    y.interval = [0, Math.max(0, lanes.count - 1)];
    freeCopy(runtime, lanes);
    return [y];
  };

// A round for each slot up to this one; each finds the largest of those that come after the pick of the round before, that is
// below it, or equal and of a higher index. So there is no mask to keep, and ties go to the lowest index.
const pickKernel: LaneKernel = {
  name: 'pick the largest',
  body: ({ element }) => `
    let picked = 0;
    let pickedValue = ${element('0')};
    for (let round = 0; round < width; round++) {
      let found = 0;
      let best = 0;
      let value = pickedValue;
      if (round <= place) {
        for (let l = 0; l < count; l++) {
          const v = ${element('l')};
          let free = 1;
          if (round > 0) {
            if (${above('v', 'pickedValue')}) {
              free = 0;
            } else {
              if (l <= picked) {
                if (!${above('pickedValue', 'v')}) { free = 0; }
              }
            }
          }
          if (free > 0) {
            if (found < 1 || ${above('v', 'value')}) {
              found = 1;
              best = l;
              value = v;
            }
          }
        }
        picked = best;
        pickedValue = value;
      }
    }
    return picked;`,
};

// The number of elements before this one: those that precede it, and equal ones of a lower index.
const rankKernel = (descending: boolean): LaneKernel => {
  const precedes = (a: string, b: string): string => (descending ? above(a, b) : above(b, a));
  return {
    name: descending ? 'rank from the largest' : 'rank from the smallest',
    body: ({ element }) => `
      const self = ${element('place')};
      let before = 0;
      for (let l = 0; l < count; l++) {
        const v = ${element('l')};
        if (${precedes('v', 'self')}) {
          before += 1;
        } else {
          if (l < place) {
            if (!${precedes('self', 'v')}) { before += 1; }
          }
        }
      }
      return before;`,
  };
};
const [rankDescending, rankAscending] = [rankKernel(true), rankKernel(false)];

// The inverse: which element has this rank.
const holderKernel: LaneKernel = {
  name: 'holder of a rank',
  body: ({ element }) => `
    let holder = 0;
    for (let l = 0; l < count; l++) {
      if (${element('l')} === place) { holder = l; }
    }
    return holder;`,
};

const elementKernel: LaneKernel = {
  name: 'element of a lane',
  parameters: { order: 'buffer' },
  body: ({ element }) => `
    const l = order[this.thread.x];
    return ${element('l')};`,
};

/** Indices of the first `width` elements of each lane when sorted: [lane, width]. */
function sorted(runtime: Runtime, operation: string, lanes: Lanes, width: number, kernel: LaneKernel): GpuBuffer {
  const ranks = withinLanes(runtime, operation, lanes, lanes.count, kernel, [], 'int32');
  const rankLanes: Lanes = {
    ...{ buffer: ranks, offset: 0, outer: lanes.outer, inner: lanes.inner, count: lanes.count, copy: null },
    ...{ outerStride: lanes.count * lanes.inner, innerStride: 1, stride: lanes.inner },
  };
  const order = withinLanes(runtime, operation, rankLanes, width, holderKernel, [], 'int32');
  runtime.free(ranks);
  return order;
}

/** Up to this k, rounds cost less than ranks: k/2 lanes are read for a pick, against one for each element and each place. */
const fewRounds = 8;

/** Indices of the k largest of each lane, descending, ties to the lowest index: int32 [lane, k]. */
export function largestOf(runtime: Runtime, operation: string, lanes: Lanes, k: number): GpuBuffer {
  const indices =
    k <= fewRounds
      ? withinLanes(runtime, operation, lanes, k, pickKernel, [], 'int32')
      : sorted(runtime, operation, lanes, k, rankDescending);
  indices.interval = [0, lanes.count - 1];
  return indices;
}

function elementsOf(runtime: Runtime, operation: string, lanes: Lanes, order: GpuBuffer, width: number, dtype: DType) {
  const values = withinLanes(runtime, operation, lanes, width, elementKernel, [order], dtype);
  values.interval = lanes.buffer.interval;
  return values;
}

export const topK: GpuComposite<'topK'> =
  (runtime) =>
  ([x], { k }, [{ dtype }]) => {
    const long = tooLong(x.shape.at(-1)!);
    if (long) return long;
    const lanes = lanesAlong(runtime, 'topK', x, x.shape.length - 1);
    const indices = largestOf(runtime, 'topK', lanes, k);
    const values = elementsOf(runtime, 'topK', lanes, indices, k, dtype);
    freeCopy(runtime, lanes);
    return [values, indices];
  };

/** From this length on, log₂ n passes of merging cost less than n comparisons for each element. */
const longLane = 1024;

function ascending(runtime: Runtime, lanes: Lanes, dtype: DType): GpuBuffer {
  const { buffer, offset, stride, count } = lanes;
  // Merging takes one vector without NaN.
  if (count >= longLane && lanes.outer * lanes.inner === 1 && dtype === 'int32')
    return stableOrder(runtime, 'sort', { buffer, offset, dtype, shape: [count], strides: [stride] });
  const order = sorted(runtime, 'sort', lanes, count, rankAscending);
  order.interval = [0, Math.max(0, count - 1)];
  return order;
}

export const sort: GpuComposite<'sort'> =
  (runtime) =>
  ([x], _, [{ dtype }]) => {
    const long = tooLong(x.shape.at(-1)!);
    if (long) return long;
    const lanes = lanesAlong(runtime, 'sort', x, x.shape.length - 1);
    const order = ascending(runtime, lanes, dtype);
    const values = elementsOf(runtime, 'sort', lanes, order, lanes.count, dtype);
    freeCopy(runtime, lanes);
    return [values, order];
  };
