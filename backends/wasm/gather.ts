import type { DType, PrimitiveAttrs } from '../../src/backend.ts';
import { sizeOf } from '../../src/shape.ts';
import { copyInto, moveGrain } from './copy.ts';
import { requireIndex } from './indices.ts';
import { mergeAxes } from './layout.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';
import { bytesOf } from './storage.ts';

/** gather and its transpose, scatterAdd: a view is seen as [outer, axis, inner], with one step within all of inner. */

interface Slices {
  readonly address: number;
  /** The outer axes. */
  readonly table: number;
  readonly rank: number;
  readonly outer: number;
  /** Steps in bytes: along the axis, and within a slice of `width` elements. */
  readonly along: number;
  readonly width: number;
  readonly step: number;
}

/** @param unit whether a slice has to be contiguous; what does not fit is copied */
function slices(runtime: Runtime, view: WasmView, axis: number, unit: boolean): Slices {
  const part = (from: number, to?: number) =>
    mergeAxes(view.shape.slice(from, to), [{ strides: view.strides.slice(from, to) }]);
  const inner = part(axis + 1);
  const even = inner.sizes.length === 1 && (!unit || inner.sizes[0] === 1 || inner.steps[0][0] === 1);
  if (!even) return slices(runtime, copied(runtime, view), axis, unit);
  const outer = part(0, axis);
  const bytes = bytesOf[view.dtype];
  return {
    address: runtime.address(view),
    table: runtime.table(outer.sizes.flatMap((size, a) => [size, outer.steps[0][a] * bytes])),
    rank: outer.sizes.length,
    outer: sizeOf(outer.sizes),
    along: view.strides[axis] * bytes,
    width: inner.sizes[0],
    step: inner.steps[0][0] * bytes,
  };
}

function copied(runtime: Runtime, view: WasmView): WasmView {
  const copy = runtime.temporary(view);
  copyInto(runtime, view, runtime.address(copy));
  return copy;
}

const gatherOf = { 1: 'gather8', 4: 'gather32', 8: 'gather64' } as const;

/** y[…, m, …] = x[…, indices[m], …], for the operation of that name. */
export const gatherAs =
  (operation: string): WasmKernel<PrimitiveAttrs['gather']> =>
  (runtime, [x, indices], { axis }, [output]) => {
    const index = requireIndex(runtime, operation, indices, x.shape[axis]);
    const result = runtime.output(output);
    const count = index.shape[0];
    const { address, table, rank, outer, along, width, step } = slices(runtime, x, axis, false);
    const rows = Math.ceil(moveGrain / Math.max(1, width));
    const kernel = gatherOf[bytesOf[x.dtype] as 1 | 4 | 8];
    const to = result.address;
    const at = runtime.address(index);
    runtime.run(kernel, outer * count, rows, address, to, at, count, table, rank, along, width, step);
    return [result];
  };
export const gather = gatherAs('gather');

const scatterOf: Partial<Record<DType, 'scatterAddF32' | 'scatterAddF64' | 'scatterAddI32'>> = {
  float32: 'scatterAddF32',
  float64: 'scatterAddF64',
  int32: 'scatterAddI32',
};
/** Elements of a row that a thread takes at least: four cache lines. */
const leastWidth = 64;

// y = x, then y[…, indices[m], …] += updates[…, m, …] for m = 0, 1, …
export const scatterAdd: WasmKernel<PrimitiveAttrs['scatterAdd']> = (
  runtime,
  [x, indices, updates],
  { axis },
  [output],
) => {
  const index = requireIndex(runtime, 'scatterAdd', indices, x.shape[axis]);
  const result = runtime.output(output);
  const to = result.address;
  copyInto(runtime, x, to);
  const count = index.shape[0];
  const { address, table, rank, outer, along, width } = slices(runtime, updates, axis, true);
  const elements = Math.max(leastWidth, Math.ceil(moveGrain / Math.max(1, count)));
  const [kernel, at] = [scatterOf[x.dtype]!, runtime.address(index)];
  runtime.run(kernel, outer * width, elements, address, to, at, count, table, rank, along, width, x.shape[axis]);
  return [result];
};
