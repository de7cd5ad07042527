import type { PrimitiveAttrs } from '../../src/backend.ts';
import { sizeOf } from '../../src/shape.ts';
import { mergeAxes } from './layout.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';
import { bytesOf } from './storage.ts';

/** Elements of a chunk, where the work is moving memory. */
export const moveGrain = 1 << 15;

const kernelOf = { 1: 'copyStrided8', 4: 'copyStrided32', 8: 'copyStrided64' } as const;

/** The view's elements in row-major order to the address `to`. */
export function copyInto(runtime: Runtime, view: WasmView, to: number): void {
  const size = sizeOf(view.shape);
  if (size === 0) return;
  const bytes = bytesOf[view.dtype] as 1 | 4 | 8;
  const { sizes, steps } = mergeAxes(view.shape, [view]);
  const table = runtime.table(sizes.flatMap((length, axis) => [length, steps[0][axis] * bytes]));
  runtime.run(kernelOf[bytes], size, moveGrain, runtime.address(view), to, table, sizes.length);
}

export const copy: WasmKernel<PrimitiveAttrs['copy']> = (runtime, [x], _, [output]) => {
  const result = runtime.output(output);
  copyInto(runtime, x, result.address);
  return [result];
};

const bits = new Float32Array(1);
/** The bits of a float32, as an integer. */
function bitsOf(value: number): number {
  bits[0] = value;
  return new Int32Array(bits.buffer)[0];
}

export const fill: WasmKernel<PrimitiveAttrs['fill']> = (runtime, _, { value }, [output]) => {
  const result = runtime.output(output);
  const size = sizeOf(output.shape);
  if (output.dtype === 'float64') runtime.run('fillF64', size, moveGrain, result.address, value);
  else if (output.dtype === 'bool') runtime.run('fill8', size, moveGrain, result.address, value === 0 ? 0 : 1);
  else runtime.run('fill32', size, moveGrain, result.address, output.dtype === 'float32' ? bitsOf(value) : value);
  return [result];
};
