import { sizeOf } from '../../src/shape.ts';
import { moveGrain } from './copy.ts';
import type { CompositeAttrs } from './kernel.ts';
import { mergeAxes } from './layout.ts';
import type { WasmKernel } from './runtime.ts';
import { bytesOf } from './storage.ts';

/** What is laid beside something else: concat and oneHot. */

const placeOf = { 1: 'place8', 4: 'place32', 8: 'place64' } as const;

export const concat: WasmKernel<CompositeAttrs['concat']> = (runtime, inputs, { axis }, [output]) => {
  const result = runtime.output(output);
  const bytes = bytesOf[output.dtype] as 1 | 4 | 8;
  const pitch = sizeOf(output.shape.slice(axis)) * bytes;
  let to = result.address;
  for (const x of inputs) {
    const width = sizeOf(x.shape.slice(axis));
    const { sizes, steps } = mergeAxes(x.shape, [x]);
    const table = runtime.table(sizes.flatMap((size, a) => [size, steps[0][a] * bytes]));
    const [items, from] = [sizeOf(x.shape), runtime.address(x)];
    runtime.run(placeOf[bytes], items, moveGrain, from, to, table, sizes.length, width, pitch);
    to += width * bytes;
  }
  return [result];
};

const oneHotOf = { bool: 'oneHot8', int32: 'oneHotI32', float32: 'oneHotF32', float64: 'oneHotF64' } as const;

export const oneHot: WasmKernel<CompositeAttrs['oneHot']> = (runtime, [indices], { depth, dtype }, [output]) => {
  const result = runtime.output(output);
  const from = runtime.address(runtime.contiguous(indices));
  const rows = Math.ceil(moveGrain / Math.max(1, depth));
  runtime.run(oneHotOf[dtype], sizeOf(indices.shape), rows, from, result.address, depth);
  return [result];
};
