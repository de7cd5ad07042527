import { sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs } from './kernel.ts';
import type { WasmKernel } from './runtime.ts';

/** Which slots each expert serves, and in which rows: kernels/plan.ts. */
export const planDispatch: WasmKernel<CompositeAttrs['planDispatch']> = (
  runtime,
  [chosen, capacity],
  { experts },
  specs,
) => {
  const outputs = specs.map(runtime.output);
  const rows = runtime.address(runtime.contiguous(chosen));
  const most = runtime.integers(capacity)[0];
  const next = runtime.scratch(4 * (experts + 1));
  const [slotOfRow, rowOfSlot, tokenOfRow, expertOfRow, offsets, load] = outputs.map(({ address }) => address);
  const sizes = [sizeOf(chosen.shape), chosen.shape[1], experts, most] as const;
  const results = [slotOfRow, rowOfSlot, tokenOfRow, expertOfRow, offsets, load] as const;
  runtime.run('planDispatch', 1, 1, rows, ...sizes, next, ...results);
  return outputs;
};
