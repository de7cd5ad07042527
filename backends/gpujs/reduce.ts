import type { ReduceKind, View } from '../../src/backend.ts';
import { sizeOf } from '../../src/shape.ts';
import { addressFunctions, integerFunction, type Layout, merged, padded, splitAddress } from './addressing.ts';
import type { GpuBuffer } from './buffer.ts';
import { intervalOfSum } from './interval.ts';
import type { GpuPrimitive } from './kernel.ts';
import { copied } from './move.ts';
import type { GpuFunction, Program } from './program.ts';
import { largestInteger, type Runtime } from './runtime.ts';

/**
 * Reductions. One thread folds one stretch of the reduced axes; where these are long, they are cut into stretches, whose
 * results are folded again: a sum of a million is 4,000 threads of 256 additions, then 16, then 1.
 */

const longest = 1024;
const stretch = 256;

/** Where thread i begins: `parts` threads share one element of the result, each with `chunk` elements of the lane. */
export const laneFunctions: readonly GpuFunction[] = [
  ...addressFunctions(2),
  ...splitAddress,
  integerFunction(
    'laneStart',
    ['i', 'parts', 'chunk', 'd1', 's0', 's1', 'stride', 'offset'],
    'return address2(quotient(i, parts), d1, s0, s1, offset) + remainder(i, parts) * chunk * stride;',
  ),
  integerFunction(
    'laneCount',
    ['i', 'parts', 'chunk', 'count'],
    'if (count - remainder(i, parts) * chunk < chunk) { return count - remainder(i, parts) * chunk; }\nreturn chunk;',
  ),
];

const start = 'laneStart(this.thread.x, parts, chunk, d1, s0, s1, stride, offset)';
const element = 'x[stepped(high, low, j, stride)]';

const folds: Readonly<Record<ReduceKind, string>> = {
  sum: `
    let result = 0;
    while (j < count) { result = result + ${element}; j++; }`,
  max: `
    let result = ${element.replace('j', '0')};
    while (j < count) {
      const value = ${element};
      if (result === result) { if (value > result || value !== value) { result = value; } }
      j++;
    }`,
  min: `
    let result = ${element.replace('j', '0')};
    while (j < count) {
      const value = ${element};
      if (result === result) { if (value < result || value !== value) { result = value; } }
      j++;
    }`,
};

// Whether a partial sum of whole numbers went beyond those that are exact.
const beyondFold = `
    let result = 0;
    let sum = 0;
    while (j < count) {
      sum = sum + ${element};
      if (Math.abs(sum) > largest) { result = 1; }
      j++;
    }`;

const program = (key: string, fold: string, parameters: Program['parameters'] = {}): Program => ({
  key,
  parameters: {
    ...parameters,
    x: 'buffer',
    offset: 'integer',
    d1: 'integer',
    s0: 'integer',
    s1: 'integer',
    stride: 'integer',
    length: 'integer',
    parts: 'integer',
    chunk: 'integer',
  },
  functions: laneFunctions,
  body: `
    const high = highPart(${start});
    const low = lowPart(${start});
    let j = 0;
    const count = laneCount(this.thread.x, parts, chunk, length);
    ${fold}
    return result;`,
});

const programs = { sum: program('sum', folds.sum), max: program('max', folds.max), min: program('min', folds.min) };
const beyondProgram = program('sum, beyond', beyondFold, { largest: 'number' });

/** A view as [kept] lanes of `length` elements: kept axes of rank 2, and one axis along the lane. */
export interface Lanes {
  readonly buffer: GpuBuffer;
  readonly offset: number;
  readonly kept: Layout;
  readonly stride: number;
  readonly length: number;
  /** Whether the buffer was made for this, and is the caller's to free. */
  readonly fresh: boolean;
}

/** The view with `axes` as lanes; copied where it takes more axes than that. */
export function lanesOf(runtime: Runtime, operation: string, view: View<GpuBuffer>, axes: readonly number[]): Lanes {
  const kept = view.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const of = (some: readonly number[]): Layout =>
    merged(
      some.map((axis) => view.shape[axis]),
      [some.map((axis) => view.strides[axis])],
    );
  const [outer, inner] = [of(kept), of(axes)];
  if (outer.sizes.length <= 2 && inner.sizes.length <= 1) {
    return {
      buffer: view.buffer,
      offset: view.offset,
      kept: padded(outer, 2),
      stride: inner.strides[0][0] ?? 0,
      length: inner.sizes[0] ?? 1,
      fresh: false,
    };
  }
  const order = [...kept, ...axes];
  const permuted = {
    ...view,
    shape: order.map((axis) => view.shape[axis]),
    strides: order.map((axis) => view.strides[axis]),
  };
  const copy = copied(runtime, operation, permuted);
  const length = axes.reduce((product, axis) => product * view.shape[axis], 1);
  const count = kept.reduce((product, axis) => product * view.shape[axis], 1);
  return {
    buffer: copy.buffer,
    offset: 0,
    kept: { sizes: [1, count], strides: [[0, length]] },
    stride: 1,
    length,
    fresh: true,
  };
}

function fold(runtime: Runtime, kind: ReduceKind, lanes: Lanes, count: number): GpuBuffer {
  const { buffer, offset, kept, stride, length } = lanes;
  const chunk = length > longest ? stretch : length;
  const parts = Math.ceil(length / chunk);
  const args = [buffer, offset, kept.sizes[1], ...kept.strides[0], stride, length, parts, chunk];
  const result = runtime.run(kind, programs[kind], args, count * parts, buffer.dtype);
  try {
    if (buffer.dtype === 'int32') {
      result.interval = kind === 'sum' ? intervalOfSum(buffer.interval, chunk) : buffer.interval;
      const beyond = () => runtime.run(kind, beyondProgram, [largestInteger, ...args], count * parts, 'bool');
      if (kind === 'sum') runtime.requireExact(kind, result, beyond);
    }
  } finally {
    if (lanes.fresh) runtime.free(buffer);
  }
  if (parts === 1) return result;
  const partial = {
    buffer: result,
    offset: 0,
    kept: { sizes: [1, count], strides: [[0, parts]] },
    stride: 1,
    length: parts,
  };
  return fold(runtime, kind, { ...partial, fresh: true }, count);
}

const ofNothing: Readonly<Record<ReduceKind, number>> = {
  sum: 0,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
};

export const reduce: GpuPrimitive<'reduce'> =
  (runtime) =>
  ([x], { kind, axes }, [output]) => {
    const count = sizeOf(output.shape);
    if (sizeOf(x.shape) === 0) {
      const extreme = output.dtype === 'int32' ? Math.sign(ofNothing[kind]) * 2 ** 31 : ofNothing[kind];
      return [runtime.constant(kind, count === 0 ? 0 : extreme, count, output.dtype)];
    }
    return [fold(runtime, kind, lanesOf(runtime, kind, x, axes), count)];
  };
