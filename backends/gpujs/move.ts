import type { View } from '../../src/backend.ts';
import { contiguousStrides, isContiguous, sizeOf } from '../../src/shape.ts';
import { addressFunctions, merged, padded, rankClass } from './addressing.ts';
import type { GpuBuffer } from './buffer.ts';
import type { GpuPrimitive } from './kernel.ts';
import type { Parameter, Program } from './program.ts';
import type { Runtime } from './runtime.ts';

/** Kernels that move elements and change none: copy and fill. */

const flatCopy: Program = {
  key: 'contiguous copy',
  parameters: { x: 'buffer', offset: 'integer' },
  body: 'return x[offset + this.thread.x];',
};

const copyOfRank = (rank: number): Program => {
  const sizes = Array.from({ length: rank - 1 }, (_, i) => `d${i + 1}`);
  const strides = Array.from({ length: rank }, (_, i) => `s${i}`);
  const names = [...sizes, ...strides, 'offset'];
  return {
    key: `copy of rank ${rank}`,
    parameters: { x: 'buffer', ...Object.fromEntries(names.map((name): [string, Parameter] => [name, 'integer'])) },
    functions: addressFunctions(rank),
    body: `return x[address${rank}(this.thread.x, ${names.join(', ')})];`,
  };
};

/** The elements of a view in a fresh buffer, one after the other. */
export function copyOf(runtime: Runtime, operation: string, view: View<GpuBuffer>): GpuBuffer {
  const { buffer, shape, strides, offset, dtype } = view;
  const length = sizeOf(shape);
  let result: GpuBuffer;
  if (buffer.constant !== null || length === 0)
    result = runtime.constant(operation, buffer.constant ?? 0, length, dtype);
  else if (isContiguous(view)) result = runtime.run(operation, flatCopy, [buffer, offset], length, dtype);
  else {
    const layout = merged(shape, [strides]);
    const rank = rankClass(layout);
    const { sizes, strides: steps } = padded(layout, rank);
    const args = [buffer, ...sizes.slice(1), ...steps[0], offset];
    result = runtime.run(operation, copyOfRank(rank), args, length, dtype);
  }
  result.interval = buffer.interval;
  return result;
}

/** The view over a fresh contiguous buffer, which is the caller's to free. */
export const copied = (runtime: Runtime, operation: string, view: View<GpuBuffer>): View<GpuBuffer> => ({
  buffer: copyOf(runtime, operation, view),
  shape: view.shape,
  dtype: view.dtype,
  strides: contiguousStrides(view.shape),
  offset: 0,
});

export const copy: GpuPrimitive<'copy'> =
  (runtime) =>
  ([x]) => [copyOf(runtime, 'copy', x)];

export const fill: GpuPrimitive<'fill'> =
  (runtime) =>
  (_, { value }, [{ shape, dtype }]) => [runtime.constant('fill', value, sizeOf(shape), dtype)];
