import { sizeOf } from '../../src/shape.ts';
import { moveGrain } from './copy.ts';
import type { CompositeAttrs } from './kernel.ts';
import { normStretch } from './kernels/blocks.ts';
import type { WasmKernel } from './runtime.ts';

/** The reduced axes are moved behind the others, so that each length is that of a row; where that moves anything, by a copy. */
export const norm: WasmKernel<CompositeAttrs['norm']> = (runtime, [x], { axes }, [output]) => {
  const result = runtime.output(output);
  const rows = sizeOf(output.shape);
  const order = [...x.shape.keys()].filter((axis) => !axes.includes(axis)).concat(axes);
  const pick = (list: readonly number[]): number[] => order.map((axis) => list[axis]);
  const moved = runtime.contiguous({ ...x, shape: pick(x.shape), strides: pick(x.strides) });
  const length = rows === 0 ? 0 : sizeOf(x.shape) / rows;
  // A row of nothing has one stretch of nothing.
  const stretches = Math.max(1, Math.ceil(length / normStretch));
  const parts = runtime.scratch(16 * rows * stretches);
  const type = x.dtype === 'float64' ? 'F64' : 'F32';
  const grain = Math.ceil(moveGrain / Math.max(1, Math.min(length, normStretch)));
  runtime.run(`normStretches${type}`, rows * stretches, grain, runtime.address(moved), parts, length, stretches);
  runtime.run(`normJoin${type}`, rows, moveGrain, parts, result.address, stretches);
  return [result];
};
