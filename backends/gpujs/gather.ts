import type { Spec, View } from '../../src/backend.ts';
import { DeviceError, OmoeError } from '../../src/errors.ts';
import { contiguousStrides, sizeOf } from '../../src/shape.ts';
import { accessOf, addressFunctions, integerFunction, merged, operand } from './addressing.ts';
import type { GpuBuffer, Interval } from './buffer.ts';
import { intervalOfBinary, intervalOfSum, isWithin } from './interval.ts';
import type { GpuPrimitive } from './kernel.ts';
import { copied } from './move.ts';
import type { GpuFunction, Program } from './program.ts';
import { exactInteger, largestInteger, type Runtime } from './runtime.ts';
import { stableOrder } from './stable-order.ts';

/** gather, and its transpose scatterAdd: slices along an axis, at places that are data. */

/** A view of [before, axis, after], where the axes before and after are merged into one each. */
interface Slices {
  readonly buffer: GpuBuffer;
  readonly offset: number;
  readonly after: number;
  /** Strides before, along, and after the axis. */
  readonly strides: readonly [number, number, number];
  /** Whether the buffer was made for this. */
  readonly fresh: boolean;
}

function slicesOf(runtime: Runtime, operation: string, view: View<GpuBuffer>, axis: number): Slices {
  const part = (from: number, to: number) => merged(view.shape.slice(from, to), [view.strides.slice(from, to)]);
  const [before, after] = [part(0, axis), part(axis + 1, view.shape.length)];
  if (before.sizes.length > 1 || after.sizes.length > 1) {
    const copy = copied(runtime, operation, view);
    return { ...slicesOf(runtime, operation, copy, axis), fresh: true };
  }
  return {
    buffer: view.buffer,
    offset: view.offset,
    after: after.sizes[0] ?? 1,
    strides: [before.strides[0][0] ?? 0, view.strides[axis], after.strides[0][0] ?? 0],
    fresh: false,
  };
}

/** Place i of [before, count, after]: which slice it is in, and where that is when it lies at `slice`. */
const sliceFunctions: readonly GpuFunction[] = [
  ...addressFunctions(1),
  integerFunction('sliceAt', ['i', 'count', 'after'], 'return remainder(quotient(i, after), count);'),
  integerFunction(
    'inSlice',
    ['i', 'count', 'after', 'slice', 's0', 's1', 's2', 'offset'],
    'return offset + quotient(quotient(i, after), count) * s0 + slice * s1 + remainder(i, after) * s2;',
  ),
];

const outOfRange: Program = {
  key: 'index out of range',
  parameters: { indices: 'buffer', offset: 'integer', stride: 'integer', size: 'number' },
  functions: [integerFunction('indexPlace', ['i', 'offset', 'stride'], 'return offset + i * stride;')],
  body: `
    const index = indices[indexPlace(this.thread.x, offset, stride)];
    if (index >= 0 && index < size) { return 0; }
    return 1;`,
};

/** Refuses indices outside [0, size), at once where their interval or the host can tell, else at the next read. */
export function requireIndices(runtime: Runtime, operation: string, indices: View<GpuBuffer>, size: number): void {
  const [length] = indices.shape;
  if (length === 0 || isWithin(indices.buffer.interval, 0, size - 1)) return;
  const { buffer, offset, strides } = indices;
  runtime.check({
    operation,
    program: outOfRange,
    args: [buffer, offset, strides[0], size],
    length,
    values: { buffer, offset, stride: strides[0] },
    complaint: (position, value) =>
      new OmoeError({
        operation,
        received: `index ${value} at position ${position}`,
        expected: size === 0 ? 'none at all, as that axis is empty' : `from 0 to ${size - 1}`,
      }),
  });
}

const gatherProgram: Program = {
  key: 'gather',
  parameters: {
    x: 'buffer',
    indices: 'buffer',
    count: 'integer',
    after: 'integer',
    offset: 'integer',
    s0: 'integer',
    s1: 'integer',
    s2: 'integer',
    indexOffset: 'integer',
    indexStride: 'integer',
  },
  functions: sliceFunctions,
  body: `
    const index = indices[address1(sliceAt(this.thread.x, count, after), indexStride, indexOffset)];
    return x[inSlice(this.thread.x, count, after, index, s0, s1, s2, offset)];`,
};

/** y[…, m, …] = x[…, indices[m], …] */
export function gathered(
  runtime: Runtime,
  operation: string,
  x: View<GpuBuffer>,
  indices: View<GpuBuffer>,
  axis: number,
  { shape, dtype }: Spec,
): GpuBuffer {
  requireIndices(runtime, operation, indices, x.shape[axis]);
  const length = sizeOf(shape);
  if (length === 0) return runtime.constant(operation, 0, 0, dtype);
  const { buffer, offset, after, strides, fresh } = slicesOf(runtime, operation, x, axis);
  const args = [
    buffer,
    indices.buffer,
    indices.shape[0],
    after,
    offset,
    ...strides,
    indices.offset,
    indices.strides[0],
  ];
  const result = runtime.run(operation, gatherProgram, args, length, dtype);
  result.interval = x.buffer.interval;
  if (fresh) runtime.free(buffer);
  return result;
}

export const gather: GpuPrimitive<'gather'> =
  (runtime) =>
  ([x, indices], { axis }, [output]) => [gathered(runtime, 'gather', x, indices, axis, output)];

// Where the run of each slice begins among the sorted indices: how many of them are smaller.
const runStarts: Program = {
  key: 'run starts',
  parameters: { order: 'buffer', indices: 'buffer', count: 'integer', indexOffset: 'integer', indexStride: 'integer' },
  functions: addressFunctions(1),
  body: `
    let low = 0;
    let high = count;
    for (let step = 0; step < 26; step++) {
      if (low < high) {
        const middle = low + Math.floor((high - low) * 0.5);
        const position = order[address1(middle, 1, 0)];
        const index = indices[address1(position, indexStride, indexOffset)];
        if (index < this.thread.x) { low = middle + 1; } else { high = middle; }
      }
    }
    return low;`,
};

// y = x, then y[…, indices[m], …] += updates[…, m, …] for m = 0, 1, …: each element goes through its own m, in that order.
// For whole numbers also whether a partial sum went beyond those that are exact.
const scatterProgram = (
  access: 'constant' | 'flat',
  parameters: Program['parameters'],
  element: string,
  beyond: boolean,
): Program => ({
  key: `scatterAdd ${access}${beyond ? ', beyond' : ''}`,
  parameters: {
    ...(beyond ? ({ largest: 'number' } as const) : {}),
    ...parameters,
    updates: 'buffer',
    order: 'buffer',
    starts: 'buffer',
    size: 'integer',
    after: 'integer',
    offset: 'integer',
    s0: 'integer',
    s1: 'integer',
    s2: 'integer',
  },
  functions: sliceFunctions,
  body: `
    const first = starts[sliceAt(this.thread.x, size, after)];
    const count = starts[address1(sliceAt(this.thread.x, size, after), 1, 1)] - first;
    let total = ${element};
    ${beyond ? 'let beyond = 0;' : ''}
    let j = 0;
    while (j < count) {
      const m = order[address1(j, 1, first)];
      total = total + updates[inSlice(this.thread.x, size, after, m, s0, s1, s2, offset)];
      ${beyond ? 'if (Math.abs(total) > largest) { beyond = 1; }' : ''}
      j++;
    }
    return ${beyond ? 'beyond' : 'total'};`,
});

export const scatterAdd: GpuPrimitive<'scatterAdd'> =
  (runtime) =>
  ([x, indices, updates], { axis }, [output]) => {
    const operation = 'scatterAdd';
    const [count] = indices.shape;
    const size = x.shape[axis];
    if (count > exactInteger)
      throw new DeviceError({
        operation,
        received: `${count} indices`,
        expected: `at most ${exactInteger}, as positions are numbers on this device`,
        advice: 'Split the indices.',
      });
    requireIndices(runtime, operation, indices, size);
    const length = sizeOf(output.shape);
    if (length === 0) return [runtime.constant(operation, 0, 0, output.dtype)];
    const made: GpuBuffer[] = [];
    const own = (buffer: GpuBuffer, fresh = true): GpuBuffer => {
      if (fresh) made.push(buffer);
      return buffer;
    };
    const base = accessOf(x) === 'strided' ? copied(runtime, operation, x) : x;
    own(base.buffer, base !== x);
    if (sizeOf(updates.shape) === 0) {
      const result = copied(runtime, operation, base).buffer;
      made.forEach(runtime.free);
      return [result];
    }
    const order = own(stableOrder(runtime, operation, indices));
    const starts = own(
      runtime.run(
        operation,
        runStarts,
        [order, indices.buffer, count, indices.offset, indices.strides[0]],
        size + 1,
        'int32',
      ),
    );
    const access = accessOf(base) === 'constant' ? 'constant' : 'flat';
    const { parameters, element, args } = operand('x', base, access, { sizes: [], strides: [] }, 0);
    const slices = slicesOf(runtime, operation, updates, axis);
    own(slices.buffer, slices.fresh);
    const rest = [slices.buffer, order, starts, size, slices.after, slices.offset, ...slices.strides];
    const added = (beyond: boolean): GpuBuffer =>
      runtime.run(
        operation,
        scatterProgram(access, parameters, element, beyond),
        [...(beyond ? [largestInteger] : []), ...args, ...rest],
        length,
        output.dtype,
      );
    try {
      const result = added(false);
      if (output.dtype === 'int32') {
        result.interval = intervalOfScatter(x.buffer.interval, updates.buffer.interval, count);
        runtime.requireExact(operation, result, () => added(true));
      }
      return [result];
    } finally {
      made.forEach(runtime.free);
    }
  };

const intervalOfScatter = (x: Interval | null, updates: Interval | null, count: number): Interval | null =>
  intervalOfBinary('add', x, intervalOfSum(updates, count));

/** A vector as a view. */
export const vector = (buffer: GpuBuffer): View<GpuBuffer> => ({
  buffer,
  shape: [buffer.length],
  strides: contiguousStrides([buffer.length]),
  offset: 0,
  dtype: buffer.dtype,
});
