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

/** e^{z − m} over its sum, m the largest */
function softmaxOf(z: Float64Array): Float64Array {
  const m = z.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY);
  const e = z.map((value) => Math.exp(value - m));
  const sum = e.reduce((total, value) => total + value, 0);
  return e.map((value) => value / sum);
}

// With w = g γ:  renormalised ∂z = w − γ Σ_slot w at the chosen experts;  else w at these, and −softmax(z) Σ_slot w at all
export const topKGateGradient: HostKernel<CompositeAttrs['topKGateGradient']> = (
  [logits, gates, chosen, g],
  { renormalize },
  [output],
) => {
  const [tokens, experts] = logits.shape;
  const slots = gates.shape[1];
  const [z, gate, choice, slope] = [logits, gates, chosen, g].map(gatherView);
  const result = allocate(output.dtype, sizeOf(output.shape));
  const ofToken = new Float64Array(experts);
  for (let token = 0; token < tokens; token++) {
    const [first, behind] = [token * slots, (token + 1) * slots];
    let total = 0;
    for (let s = first; s < behind; s++) total += slope[s] * gate[s];
    ofToken.fill(0);
    for (let s = first; s < behind; s++) {
      const w = slope[s] * gate[s];
      if (choice[s] >= 0 && choice[s] < experts) ofToken[choice[s]] += renormalize ? w - gate[s] * total : w;
    }
    if (!renormalize) {
      const p = softmaxOf(Float64Array.from(z.subarray(token * experts, (token + 1) * experts)));
      for (let e = 0; e < experts; e++) ofToken[e] -= p[e] * total;
    }
    result.set(ofToken, token * experts);
  }
  return [result];
};

// A stable counting sort of the slots by their experts, whose first `capacity` are served; all others stand behind.
export const planDispatch: HostKernel<CompositeAttrs['planDispatch']> = ([chosen, capacity], { experts }) => {
  const slots = chosen.shape[1];
  const choice = gatherView(chosen);
  const most = capacity.buffer[capacity.offset];
  const load = new Int32Array(experts);
  // Where each slot's owner is: its expert, or `experts`, which is nobody.
  const owner = new Int32Array(choice.length).fill(experts);
  for (let slot = 0; slot < choice.length; slot++) {
    const e = choice[slot];
    if (e >= 0 && e < experts && load[e]++ < most) owner[slot] = e;
  }
  const offsets = new Int32Array(experts + 1);
  for (let e = 0; e < experts; e++) offsets[e + 1] = offsets[e] + Math.max(0, Math.min(load[e], most));

  const next = offsets.slice(); // the row that the next slot of each owner takes
  const [slotOfRow, rowOfSlot, tokenOfRow, expertOfRow] = [0, 1, 2, 3].map(() => new Int32Array(choice.length));
  for (let slot = 0; slot < choice.length; slot++) {
    const row = next[owner[slot]]++;
    rowOfSlot[slot] = row;
    slotOfRow[row] = slot;
    tokenOfRow[row] = Math.floor(slot / slots);
    expertOfRow[row] = owner[slot];
  }
  return [slotOfRow, rowOfSlot, tokenOfRow, expertOfRow, offsets, load];
};

const gatherTokens = gatherAs('moeDispatch');
export const moeDispatch: HostKernel<CompositeAttrs['moeDispatch']> = ([x, tokenOfRow], _, outputs) =>
  gatherTokens([x, tokenOfRow], { axis: 0 }, outputs);

/** The rows of all slots, token by token. @throws OmoeError for one out of range */
const rowsOfSlots = (operation: string, rowOfSlot: HostView, rows: number): Int32Array =>
  requireIndex(
    operation,
    { ...rowOfSlot, buffer: gatherView(rowOfSlot), shape: [sizeOf(rowOfSlot.shape)], strides: [1], offset: 0 },
    rows,
    'row',
  );

/** sum += factor · row */
function addRow(sum: Float64Array, factor: number, rows: HostView, row: number): void {
  const step = rows.strides[1];
  for (let i = 0, p = rows.offset + row * rows.strides[0]; i < sum.length; i++, p += step)
    sum[i] += factor * rows.buffer[p];
}

// ∂x_t = Σ over the token's slots of the gradient of their rows
export const moeDispatchGradient: HostKernel<CompositeAttrs['moeDispatchGradient']> = ([g, rowOfSlot], _, [output]) => {
  const [tokens, slots] = rowOfSlot.shape;
  const row = rowsOfSlots('moeDispatchGradient', rowOfSlot, g.shape[0]);
  const result = allocate(output.dtype, sizeOf(output.shape));
  const sum = new Float64Array(g.shape[1]);
  for (let token = 0; token < tokens; token++) {
    sum.fill(0);
    for (let s = token * slots; s < (token + 1) * slots; s++) addRow(sum, 1, g, row[s]);
    result.set(sum, token * sum.length);
  }
  return [result];
};

/** Where the rows that belong to an expert end. */
const endOf = (offsets: HostView): number =>
  offsets.buffer[offsets.offset + (offsets.shape[0] - 1) * offsets.strides[0]];

// y_t = Σ over the token's slots of gate · row, in the order of the slots, where the row belongs to an expert
export const moeCombine: HostKernel<CompositeAttrs['moeCombine']> = (
  [rows, gates, rowOfSlot, , , offsets],
  _,
  [output],
) => {
  const [tokens, slots] = gates.shape;
  const row = rowsOfSlots('moeCombine', rowOfSlot, rows.shape[0]);
  const end = endOf(offsets);
  const gate = gatherView(gates);
  const y = allocate(output.dtype, sizeOf(output.shape));
  const sum = new Float64Array(rows.shape[1]);
  for (let token = 0; token < tokens; token++) {
    sum.fill(0);
    for (let s = token * slots; s < (token + 1) * slots; s++) if (row[s] < end) addRow(sum, gate[s], rows, row[s]);
    y.set(sum, token * sum.length);
  }
  return [y];
};

// For each slot that is served, with its row r and token t:  ∂row_r = gate · g_t,  ∂gate = Σ_width g_t · row_r;  else 0
export const moeCombineGradient: HostKernel<CompositeAttrs['moeCombineGradient']> = (
  [rows, gates, g, rowOfSlot, , , offsets],
  _,
  [ofRows, ofGates],
) => {
  const [slots, width] = [gates.shape[1], rows.shape[1]];
  const row = rowsOfSlots('moeCombineGradient', rowOfSlot, rows.shape[0]);
  const end = endOf(offsets);
  const [gate, slope] = [gatherView(gates), gatherView(g)];
  const [rowGradient, gateGradient] = [ofRows, ofGates].map(({ dtype, shape }) => allocate(dtype, sizeOf(shape)));
  for (let s = 0; s < row.length; s++) {
    if (row[s] >= end) continue;
    const token = Math.floor(s / slots);
    const [from, to] = [rows.offset + row[s] * rows.strides[0], row[s] * width];
    let sum = 0;
    for (let j = 0; j < width; j++) {
      rowGradient[to + j] = gate[s] * slope[token * width + j];
      sum += slope[token * width + j] * rows.buffer[from + j * rows.strides[1]];
    }
    gateGradient[s] = sum;
  }
  return [rowGradient, gateGradient];
};
