/**
 * Tokens to their experts and back, slot by slot: the gate, the plan, the two moves of rows, and what flows back through them.
 *
 * A token with k experts takes k slots. The row of a slot is where it stands once the slots are sorted by expert; what stands
 * from the last of the offsets on belongs to no expert.
 */
import { at, fromFunction, type Int, intArray, precondition, type Real, toFlat } from '../array.ts';
import { topK } from './order.ts';
import { gather } from './placement.ts';
import { softmax } from './softmax.ts';

/**
 * p = softmax(z);  T = the k experts with the largest z (ties: the lowest index), descending;
 * γ_e = p_e / Σ_{f ∈ T} p_f when renormalised, else p_e.   z [token, expert] -> γ and T, both [token, slot].
 *
 * The choice is made on the logits: softmax keeps their order, but may round different ones to equal probabilities.
 */
export function slotGates(logits: Real, k: number, renormalize: boolean): { gates: Real; chosen: Int } {
  const p = softmax(logits, 1);
  const { indices: chosen } = topK(logits, k);
  const kept = fromFunction(chosen.shape, ([t, slot]) => at(p, [t, at(chosen, [t, slot])]));
  const gates = fromFunction(chosen.shape, ([t, slot]) => {
    if (!renormalize) return at(kept, [t, slot]);
    let share = 0;
    for (let s = 0; s < k; s++) share += at(kept, [t, s]);
    return at(kept, [t, slot]) / share;
  });
  return { gates, chosen };
}

/**
 * The gradient of the logits, from g, that of the gates γ. With w_s = g_s γ_s for each slot s of a token, and s → e where it
 * chose expert e:
 *   renormalised, γ is a softmax over the kept logits:  ∂z_e = Σ_{s → e} (w_s − γ_s Σ_r w_r);
 *   else γ_s = p_e, p = softmax(z) over all experts:     ∂z_e = Σ_{s → e} w_s − p_e Σ_r w_r.
 * logits [token, expert], gates, chosen and g [token, slot] -> [token, expert]. What is chosen outside [0, experts) goes nowhere.
 */
export function slotGatesGradient(logits: Real, gates: Real, chosen: Int, g: Real, renormalize: boolean): Real {
  const p = softmax(logits, 1);
  const slots = [...Array(gates.shape[1]).keys()];
  const weighted = (t: number, s: number): number => at(g, [t, s]) * at(gates, [t, s]);
  return fromFunction(logits.shape, ([t, e]) => {
    const total = slots.reduce((sum, s) => sum + weighted(t, s), 0);
    const choosing = slots.filter((s) => at(chosen, [t, s]) === e);
    if (renormalize) return choosing.reduce((sum, s) => sum + (weighted(t, s) - at(gates, [t, s]) * total), 0);
    return choosing.reduce((sum, s) => sum + weighted(t, s), 0) - at(p, [t, e]) * total;
  });
}

export interface Plan {
  /** [row]: the slot it carries, counted token by token; its expert, or `experts` where nobody serves it; its token. */
  readonly slotOfRow: Int;
  readonly expertOfRow: Int;
  readonly tokenOfRow: Int;
  /** [token, slot]: the inverse of slotOfRow. */
  readonly rowOfSlot: Int;
  /** [expert + 1]: rows offsets[e] … offsets[e + 1] − 1 belong to expert e. */
  readonly offsets: Int;
  /** [expert]: the slots that asked for it. */
  readonly load: Int;
}

/**
 * A row of work for each slot: first those of expert 0, which serves the first `capacity` slots that chose it, in order; then
 * those of expert 1, and so on; at last, in order, the slots that nobody serves. chosen [token, slot]; a choice outside
 * [0, experts) is that of nobody.
 */
export function planDispatch(chosen: Int, capacity: number, experts: number): Plan {
  precondition(capacity >= 0, `a capacity is not negative: ${capacity}`);
  const choices = toFlat(chosen);
  const slots = [...choices.keys()];
  const asking = [...Array(experts).keys()].map((e) => slots.filter((slot) => choices[slot] === e));
  const served = asking.map((list) => list.slice(0, capacity));
  const owner = slots.map((slot) => (served.flat().includes(slot) ? choices[slot] : experts));
  const rows = [...served.flat(), ...slots.filter((slot) => owner[slot] === experts)];
  const ends = served.map((_, e) => served.slice(0, e + 1).flat().length);
  return {
    slotOfRow: intArray(rows),
    expertOfRow: intArray(rows.map((slot) => owner[slot])),
    tokenOfRow: intArray(rows.map((slot) => Math.floor(slot / chosen.shape[1]))),
    rowOfSlot: intArray(
      slots.map((slot) => rows.indexOf(slot)),
      chosen.shape,
    ),
    offsets: intArray([0, ...ends]),
    load: intArray(asking.map((list) => list.length)),
  };
}

/** y_r = x_{tokenOfRow[r]}: x [token, width], tokenOfRow [row] -> [row, width]. */
export const moeDispatch = (x: Real, tokenOfRow: Int): Real => gather(x, tokenOfRow, 0);

/** ∂x_t = Σ over the slots s of t:  g_{rowOfSlot_ts}.   g [row, width], rowOfSlot [token, slot] -> [token, width]. */
export const moeDispatchGradient = (g: Real, rowOfSlot: Int): Real =>
  fromFunction([rowOfSlot.shape[0], g.shape[1]], ([t, j]) => {
    let sum = 0;
    for (let s = 0; s < rowOfSlot.shape[1]; s++) sum += at(g, [at(rowOfSlot, [t, s]), j]);
    return sum;
  });

/**
 * y_t = Σ over the slots s of t with rowOfSlot_{ts} < o_E:  γ_{ts} · row_{rowOfSlot_ts}.
 * rows [row, width], γ and rowOfSlot [token, slot], offsets [expert + 1] -> [token, width]. A slot whose row belongs to no
 * expert is not served: it adds nothing, whatever its gate and its row hold.
 */
export function moeCombine(rows: Real, gates: Real, rowOfSlot: Int, offsets: Int): Real {
  const [tokens, slots] = gates.shape;
  precondition(
    rowOfSlot.shape.length === 2 && rowOfSlot.shape[0] === tokens && rowOfSlot.shape[1] === slots,
    `each of the gates [${gates.shape}] has a row, not [${rowOfSlot.shape}]`,
  );
  const end = at(offsets, [offsets.shape[0] - 1]);
  return fromFunction([tokens, rows.shape[1]], ([t, j]) => {
    let sum = 0;
    for (let s = 0; s < slots; s++) {
      const row = at(rowOfSlot, [t, s]);
      if (row < end) sum += at(gates, [t, s]) * at(rows, [row, j]);
    }
    return sum;
  });
}

/**
 * For each slot that is served, with its row r = rowOfSlot_{ts} < o_E:
 *   ∂row_r = γ_{ts} g_t,   ∂γ_{ts} = Σ_j g_{tj} row_{rj},
 * and 0 for the others, whatever stands there. g [token, width] is the gradient of y; rowOfSlot holds every row once.
 */
export function moeCombineGradient(
  rows: Real,
  gates: Real,
  g: Real,
  rowOfSlot: Int,
  offsets: Int,
): { rows: Real; gates: Real } {
  const [tokens, slots] = gates.shape;
  const end = at(offsets, [offsets.shape[0] - 1]);
  const ofGates = fromFunction(gates.shape, ([t, s]) => {
    const row = at(rowOfSlot, [t, s]);
    let sum = 0;
    if (row < end) for (let j = 0; j < rows.shape[1]; j++) sum += at(g, [t, j]) * at(rows, [row, j]);
    return sum;
  });
  const ofRows = fromFunction(rows.shape, () => 0);
  for (let t = 0; t < tokens; t++)
    for (let s = 0; s < slots; s++) {
      const row = at(rowOfSlot, [t, s]);
      if (row < end) for (let j = 0; j < rows.shape[1]; j++) ofRows.set(row, j, at(gates, [t, s]) * at(g, [t, j]));
    }
  return { rows: ofRows, gates: ofGates };
}
