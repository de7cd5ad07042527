import type { HostArray } from '../../src/backend.ts';
import { allocate, gatherView, sizeOf } from '../../src/shape.ts';
import { requireIndex } from './indices.ts';
import type { CompositeAttrs, HostKernel, HostView } from './kernel.ts';
import { gatherAs } from './move.ts';
import { selectLargest } from './order.ts';
import { readLanes } from './walk.ts';

/** The gate, and tokens to their experts and back. */

// The k largest logits of each token, and e^{z - m} over its sum: that of the kept ones, or that of all experts'
export const topKGate: HostKernel<CompositeAttrs['topKGate']> = ([logits], { k, renormalize }, [output]) => {
  const gates = allocate(output.dtype, sizeOf(output.shape));
  const chosen = new Int32Array(gates.length);
  readLanes(logits, 1, (lane, token) => {
    const kept = chosen.subarray(token * k, (token + 1) * k);
    selectLargest(lane, kept);
    const m = lane[kept[0]];
    for (let e = 0; e < lane.length; e++) lane[e] = Math.exp(lane[e] - m);
    let sum = 0;
    if (renormalize) for (const e of kept) sum += lane[e];
    else for (let e = 0; e < lane.length; e++) sum += lane[e];
    for (let s = 0; s < k; s++) gates[token * k + s] = lane[kept[s]] / sum;
  });
  return [gates, chosen];
};

const gatherTokens = gatherAs('moeDispatch');
export const moeDispatch: HostKernel<CompositeAttrs['moeDispatch']> = ([x, tokenOfRow], _, outputs) =>
  gatherTokens([x, tokenOfRow], { axis: 0 }, outputs);

/** sum += gate · row */
function addRow(sum: Float64Array, gate: number, rows: HostView, row: number): void {
  const step = rows.strides[1];
  for (let i = 0, p = rows.offset + row * rows.strides[0]; i < sum.length; i++, p += step)
    sum[i] += gate * rows.buffer[p];
}

// y_t = Σ over the token's slots of gate · row, in the order of the slots, where the row belongs to an expert
export const moeCombine: HostKernel<CompositeAttrs['moeCombine']> = (
  [rows, gates, rowOfSlot, , , offsets],
  _,
  [output],
) => {
  const [tokens, slots] = gates.shape;
  const flat = { ...rowOfSlot, buffer: gatherView(rowOfSlot), shape: [tokens * slots], strides: [1], offset: 0 };
  const row = requireIndex('moeCombine', flat, rows.shape[0], 'row');
  const end = offsets.buffer[offsets.offset + (offsets.shape[0] - 1) * offsets.strides[0]];
  const gate = gatherView(gates);
  const y: HostArray = allocate(output.dtype, sizeOf(output.shape));
  const sum = new Float64Array(rows.shape[1]);
  for (let token = 0; token < tokens; token++) {
    sum.fill(0);
    for (let s = token * slots; s < (token + 1) * slots; s++) if (row[s] < end) addRow(sum, gate[s], rows, row[s]);
    y.set(sum, token * sum.length);
  }
  return [y];
};
