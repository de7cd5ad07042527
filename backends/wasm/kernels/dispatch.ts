import { addScaled, dot, rowAt, scale } from './rows';

/** Tokens back from the experts: rows are added with a weight. Indices have been checked by the host. */

/**
 * y_t = Σ over the token's slots of gate · row where the row lies before `end`, in the order of the slots. Without gates (0) all of
 * them are 1. Work items are tokens.
 */
function combineRows<T>(
  rows: usize,
  gates: usize,
  rowOfSlot: usize,
  y: usize,
  slots: i32,
  width: i32,
  end: i32,
  first: i32,
  last: i32,
): void {
  for (let token = first; token < last; token++) {
    const to = rowAt<T>(y, token, width);
    memory.fill(to, 0, <usize>width * sizeof<T>());
    for (let slot = token * slots; slot < (token + 1) * slots; slot++) {
      const row = load<i32>(rowAt<i32>(rowOfSlot, slot, 1));
      if (row >= end) continue;
      const gate: T = gates !== 0 ? load<T>(rowAt<T>(gates, slot, 1)) : 1;
      addScaled<T>(rowAt<T>(rows, row, width), to, width, gate);
    }
  }
}
export function combineRowsF32(
  rows: usize,
  gates: usize,
  rowOfSlot: usize,
  y: usize,
  slots: i32,
  width: i32,
  end: i32,
  first: i32,
  last: i32,
): void {
  combineRows<f32>(rows, gates, rowOfSlot, y, slots, width, end, first, last);
}
export function combineRowsF64(
  rows: usize,
  gates: usize,
  rowOfSlot: usize,
  y: usize,
  slots: i32,
  width: i32,
  end: i32,
  first: i32,
  last: i32,
): void {
  combineRows<f64>(rows, gates, rowOfSlot, y, slots, width, end, first, last);
}

/**
 * For each slot s of token t, with its row r before `end`:  ∂row_r = gate_s · g_t,  ∂gate_s = Σ g_t · row_r;  for the others
 * ∂gate_s = 0, and no row is written. Work items are tokens.
 */
function combineGradient<T>(
  rows: usize,
  gates: usize,
  g: usize,
  rowOfSlot: usize,
  ofRows: usize,
  ofGates: usize,
  slots: i32,
  width: i32,
  end: i32,
  first: i32,
  last: i32,
): void {
  for (let token = first; token < last; token++) {
    const slope = rowAt<T>(g, token, width);
    for (let slot = token * slots; slot < (token + 1) * slots; slot++) {
      const row = load<i32>(rowAt<i32>(rowOfSlot, slot, 1));
      let ofGate: T = 0;
      if (row < end) {
        scale<T>(slope, rowAt<T>(ofRows, row, width), width, load<T>(rowAt<T>(gates, slot, 1)));
        ofGate = dot<T>(slope, rowAt<T>(rows, row, width), width);
      }
      store<T>(rowAt<T>(ofGates, slot, 1), ofGate);
    }
  }
}
export function combineGradientF32(
  rows: usize,
  gates: usize,
  g: usize,
  rowOfSlot: usize,
  ofRows: usize,
  ofGates: usize,
  slots: i32,
  width: i32,
  end: i32,
  first: i32,
  last: i32,
): void {
  combineGradient<f32>(rows, gates, g, rowOfSlot, ofRows, ofGates, slots, width, end, first, last);
}
export function combineGradientF64(
  rows: usize,
  gates: usize,
  g: usize,
  rowOfSlot: usize,
  ofRows: usize,
  ofGates: usize,
  slots: i32,
  width: i32,
  end: i32,
  first: i32,
  last: i32,
): void {
  combineGradient<f64>(rows, gates, g, rowOfSlot, ofRows, ofGates, slots, width, end, first, last);
}
