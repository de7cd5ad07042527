import { moveGrain } from './copy.ts';
import { gatherAs } from './gather.ts';
import { requireIndex } from './indices.ts';
import type { CompositeAttrs } from './kernel.ts';
import { rowGrain, twin } from './rows.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';
import { bytesOf } from './storage.ts';

/** The gate, tokens to their experts and back, and what flows back through them. */

export const topKGate: WasmKernel<CompositeAttrs['topKGate']> = (runtime, [logits], { k, renormalize }, outputs) => {
  const [gates, chosen] = outputs.map(runtime.output);
  const [tokens, experts] = logits.shape;
  const z = runtime.address(runtime.contiguous(logits));
  const [gate, kept, shared] = [gates.address, chosen.address, renormalize ? 1 : 0];
  runtime.run(`topKGate${twin(logits)}`, tokens, rowGrain(4 * experts), z, gate, kept, experts, k, shared);
  return [gates, chosen];
};

export const topKGateGradient: WasmKernel<CompositeAttrs['topKGateGradient']> = (
  runtime,
  inputs,
  { renormalize },
  [output],
) => {
  const result = runtime.output(output);
  const [tokens, experts] = output.shape;
  const slots = inputs[1].shape[1];
  const [z, gates, chosen, g] = inputs.map(runtime.contiguous).map(runtime.address);
  const name = `topKGateGradient${twin(output)}` as const;
  const shared = renormalize ? 1 : 0;
  runtime.run(name, tokens, rowGrain(4 * experts), z, gates, chosen, g, result.address, experts, slots, shared);
  return [result];
};

const gatherTokens = gatherAs('moeDispatch');
export const moeDispatch: WasmKernel<CompositeAttrs['moeDispatch']> = (runtime, [x, tokenOfRow], _, outputs) =>
  gatherTokens(runtime, [x, tokenOfRow], { axis: 0 }, outputs);

/** Σ over the slots of each token of gate · row, gates (0: all of them 1) at their address, rows from `end` on left out. */
function combine(runtime: Runtime, rows: WasmView, gates: number, index: WasmView, end: number, to: number): void {
  const [[tokens, slots], width] = [index.shape, rows.shape[1]];
  const [from, at] = [runtime.contiguous(rows), index].map(runtime.address);
  const grain = rowGrain(slots * width);
  runtime.run(`combineRows${twin(rows)}`, tokens, grain, from, gates, at, to, slots, width, end);
}

export const moeDispatchGradient: WasmKernel<CompositeAttrs['moeDispatchGradient']> = (
  runtime,
  [g, rowOfSlot],
  _,
  [output],
) => {
  const index = requireIndex(runtime, 'moeDispatchGradient', rowOfSlot, g.shape[0], 'row');
  const result = runtime.output(output);
  combine(runtime, g, 0, index, g.shape[0], result.address);
  return [result];
};

/** Where the rows that belong to an expert end. */
const endOf = (runtime: Runtime, offsets: WasmView): number => runtime.integers(runtime.contiguous(offsets)).at(-1)!;

export const moeCombine: WasmKernel<CompositeAttrs['moeCombine']> = (
  runtime,
  [rows, gates, rowOfSlot, , , offsets],
  _,
  [output],
) => {
  const index = requireIndex(runtime, 'moeCombine', rowOfSlot, rows.shape[0], 'row');
  const result = runtime.output(output);
  const gate = runtime.address(runtime.contiguous(gates));
  combine(runtime, rows, gate, index, endOf(runtime, offsets), result.address);
  return [result];
};

/** Whether each of the rows is listed once, as a plan does it. */
function isPermutation(rows: Int32Array): boolean {
  const seen = new Uint8Array(rows.length);
  for (let i = 0; i < rows.length; i++) seen[rows[i]] = 1;
  return !seen.includes(0);
}

export const moeCombineGradient: WasmKernel<CompositeAttrs['moeCombineGradient']> = (
  runtime,
  [rows, gates, g, rowOfSlot, , , offsets],
  _,
  outputs,
) => {
  const index = requireIndex(runtime, 'moeCombineGradient', rowOfSlot, rows.shape[0], 'row');
  const end = endOf(runtime, offsets);
  // Where a row is listed twice the last slot counts, as in the definition, and one thread keeps that order.
  const inOrder = isPermutation(runtime.integers(index));
  const [ofRows, ofGates] = outputs.map(runtime.output);
  const [[tokens, slots], [count, width]] = [gates.shape, rows.shape];
  const unwritten = inOrder ? Math.max(0, Math.min(end, count)) : 0;
  zeroRows(
    runtime,
    { ...outputs[0], buffer: ofRows, strides: [width, 1], offset: unwritten * width },
    count - unwritten,
  );
  const [from, gate, slope, at] = [...[rows, gates, g].map(runtime.contiguous), index].map(runtime.address);
  const name = `combineGradient${twin(rows)}` as const;
  const call = [from, gate, slope, at, ofRows.address, ofGates.address, slots, width, end] as const;
  if (inOrder) runtime.run(name, tokens, rowGrain(2 * slots * width), ...call);
  else runtime.exports[name](...call, 0, tokens);
  return [ofRows, ofGates];
};

/** 0 in the first `count` rows of a row-major view. */
function zeroRows(runtime: Runtime, view: WasmView, count: number): void {
  const words = (count * view.shape[1] * bytesOf[view.dtype]) / 4;
  runtime.run('fill32', words, moveGrain, runtime.address(view), 0);
}
