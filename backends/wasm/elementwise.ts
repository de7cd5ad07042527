import type { PrimitiveAttrs, Spec } from '../../src/backend.ts';
import { isContiguous, sizeOf } from '../../src/shape.ts';
import { copyInto, moveGrain } from './copy.ts';
import * as kinds from './kernels/kinds.ts';
import { type Layout, mergeAxes } from './layout.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';
import { bytesOf, type WasmBuffer } from './storage.ts';

const numberOf = { ...kinds };

/** Elementwise kernels. Elements of a chunk, where each takes some computing. */
export const mapGrain = 1 << 13;

/** The result of a function of one number begins as a row-major copy where its argument is not row-major. */
export function mapped(runtime: Runtime, x: WasmView, output: Spec): { from: number; result: WasmBuffer } {
  const result = runtime.output(output);
  if (isContiguous(x)) return { from: runtime.address(x), result };
  copyInto(runtime, x, result.address);
  return { from: result.address, result };
}

const unaryOf = { float32: 'unaryF32', float64: 'unaryF64', int32: 'unaryI32' } as const;

export const unary: WasmKernel<PrimitiveAttrs['unary']> = (runtime, [x], { kind }, [output]) => {
  const { from, result } = mapped(runtime, x, output);
  const size = result.length;
  if (kind === 'logicalNot') runtime.run('logicalNot8', size, moveGrain, from, result.address);
  else runtime.run(unaryOf[x.dtype as keyof typeof unaryOf], size, mapGrain, numberOf[kind], from, result.address);
  return [result];
};

const castSuffix = { float32: 'F32', float64: 'F64', int32: 'I32', bool: 'Bool' } as const;

export const cast: WasmKernel<PrimitiveAttrs['cast']> = (runtime, [x], _, [output]) => {
  const result = runtime.output(output);
  if (x.dtype === output.dtype) copyInto(runtime, x, result.address);
  else {
    const name = `cast${castSuffix[x.dtype]}${castSuffix[output.dtype]}` as 'castF32F64'; // one of twelve that are alike
    runtime.run(name, result.length, moveGrain, runtime.address(runtime.contiguous(x)), result.address);
  }
  return [result];
};

/**
 * Operands as the kernels of two and three walk them: along the innermost axis each is contiguous or a single element, and
 * not all are single. Others are copied first.
 */
function inRows(runtime: Runtime, operands: readonly WasmView[]): { rows: readonly WasmView[]; layout: Layout } {
  const { shape } = operands[0];
  const { sizes, steps } = mergeAxes(shape, operands);
  const single = sizes[0] > 1 && steps.every(([inner]) => inner === 0);
  const rows = operands.map((operand, i) =>
    steps[i][0] === 1 || (steps[i][0] === 0 && !(single && i === 0)) ? operand : copied(runtime, operand),
  );
  return { rows, layout: mergeAxes(shape, rows) };
}

function copied(runtime: Runtime, view: WasmView): WasmView {
  const copy = runtime.temporary(view);
  copyInto(runtime, view, runtime.address(copy));
  return copy;
}

/** For each operand the table of its axes, one behind the other. */
const tables = (runtime: Runtime, rows: readonly WasmView[], { sizes, steps }: Layout): number =>
  runtime.table(rows.flatMap(({ dtype }, i) => sizes.flatMap((size, axis) => [size, steps[i][axis] * bytesOf[dtype]])));

const binaryOf = { float32: 'binaryF32', float64: 'binaryF64', int32: 'binaryI32', bool: 'binary8' } as const;

export const binary: WasmKernel<PrimitiveAttrs['binary']> = (runtime, operands, { kind }, [output]) => {
  const result = runtime.output(output);
  const size = result.length;
  if (size === 0) return [result];
  const { rows, layout } = inRows(runtime, operands);
  const [a, b] = rows.map(runtime.address);
  const name = binaryOf[rows[0].dtype];
  const grain = kind === 'power' ? mapGrain : moveGrain;
  const table = tables(runtime, rows, layout);
  runtime.run(name, size, grain, numberOf[kind], a, b, result.address, table, layout.sizes.length);
  return [result];
};

const selectOf = { 1: 'select8', 4: 'select32', 8: 'select64' } as const;

export const select: WasmKernel<PrimitiveAttrs['select']> = (runtime, operands, _, [output]) => {
  const result = runtime.output(output);
  const size = sizeOf(output.shape);
  if (size === 0) return [result];
  const { rows, layout } = inRows(runtime, operands);
  const [condition, a, b] = rows.map(runtime.address);
  const name = selectOf[bytesOf[output.dtype] as 1 | 4 | 8];
  const table = tables(runtime, rows, layout);
  runtime.run(name, size, moveGrain, condition, a, b, result.address, table, layout.sizes.length);
  return [result];
};
