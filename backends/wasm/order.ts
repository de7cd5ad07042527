import type { DType } from '../../src/backend.ts';
import type { Exports } from './generated/exports.ts';
import type { CompositeAttrs } from './kernel.ts';
import { mergeAxes } from './layout.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';
import { bytesOf } from './storage.ts';

/** The k largest, sorting, running sums, first largest elements: whatever looks along one axis. */

interface Lanes {
  readonly address: number;
  /** The axes that tell lanes apart. */
  readonly table: number;
  readonly rank: number;
  readonly lanes: number;
  /** Elements of a lane, `step` bytes apart. */
  readonly n: number;
  readonly step: number;
}

function lanesAlong(runtime: Runtime, x: WasmView, axis: number): Lanes {
  const bytes = bytesOf[x.dtype];
  const { sizes, steps } = mergeAxes(x.shape.toSpliced(axis, 1), [{ strides: x.strides.toSpliced(axis, 1) }]);
  return {
    address: runtime.address(x),
    table: runtime.table(sizes.flatMap((size, a) => [size, steps[0][a] * bytes])),
    rank: sizes.length,
    lanes: sizes.reduce((all, size) => all * size, 1),
    n: x.shape[axis],
    step: x.strides[axis] * bytes,
  };
}

type Name = 'argmax' | 'topK' | 'sort' | 'cumsum';
const kernelOf = <N extends Name>(name: N, dtype: DType): `${N}F32` & keyof Exports =>
  `${name}${dtype === 'int32' ? 'I32' : dtype === 'float64' ? 'F64' : 'F32'}` as `${N}F32` & keyof Exports;

/** Lanes of a chunk for one thread, where an element costs a nanosecond or two (scanned) or some ten a merge (sorted). */
const grain = (elements: number, n: number): number => Math.ceil(elements / Math.max(1, n));
const scanned = 1 << 14;
const sorted = 1 << 11;

export const argmax: WasmKernel<CompositeAttrs['argmax']> = (runtime, [x], { axis }, [output]) => {
  const result = runtime.output(output);
  const { address, table, rank, lanes, n, step } = lanesAlong(runtime, x, axis);
  const kernel = kernelOf('argmax', x.dtype);
  runtime.run(kernel, lanes, grain(scanned, n), address, result.address, table, rank, n, step);
  return [result];
};

/** The first k of each lane in order: values to one address, indices to another. */
function sortLanes(runtime: Runtime, x: WasmView, k: number, descending: boolean, to: number, indices: number): void {
  const { address, table, rank, lanes, n, step } = lanesAlong(runtime, x, x.shape.length - 1);
  const piece = Math.ceil((n * (bytesOf[x.dtype] + 8)) / 16) * 16; // a lane, and its indices twice
  const scratch = runtime.scratch(runtime.threads * piece);
  const order = descending ? 1 : 0;
  const [kernel, chunk] = [kernelOf('sort', x.dtype), grain(sorted, n)];
  runtime.run(kernel, lanes, chunk, address, to, indices, table, rank, n, step, k, order, scratch, piece);
}

/** Up to this k, letting elements into a short list beats sorting the whole lane. */
const shortList = 32;

export const topK: WasmKernel<CompositeAttrs['topK']> = (runtime, [x], { k }, outputs) => {
  const [values, indices] = outputs.map(runtime.output);
  if (k > shortList) sortLanes(runtime, x, k, true, values.address, indices.address);
  else {
    const { address, table, rank, lanes, n, step } = lanesAlong(runtime, x, x.shape.length - 1);
    const kernel = kernelOf('topK', x.dtype);
    runtime.run(kernel, lanes, grain(scanned, n), address, values.address, indices.address, table, rank, n, step, k);
  }
  return [values, indices];
};

export const sort: WasmKernel<CompositeAttrs['sort']> = (runtime, [x], _, outputs) => {
  const [values, indices] = outputs.map(runtime.output);
  sortLanes(runtime, x, x.shape[x.shape.length - 1], false, values.address, indices.address);
  return [values, indices];
};

// y_i = Σ_{j ≤ i} x_j; int32 wraps at every step
export const cumsum: WasmKernel<CompositeAttrs['cumsum']> = (runtime, [x], { axis }, [output]) => {
  const result = runtime.output(output);
  const { address, table, rank, lanes, n, step } = lanesAlong(runtime, x, axis);
  const width = x.shape.slice(axis + 1).reduce((all, size) => all * size, 1);
  const kernel = kernelOf('cumsum', x.dtype);
  // Lanes side by side are walked together: a chunk has long pieces of their rows.
  const chunk = Math.max(Math.min(width, 512), grain(scanned, n));
  runtime.run(kernel, lanes, chunk, address, result.address, table, rank, n, step, width);
  return [result];
};
