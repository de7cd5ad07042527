/**
 * Tokens to their experts and back, slot by slot: the gate, and the two moves of rows.
 *
 * A token with k experts takes k slots. The row of a slot is where it stands once the slots are sorted by expert; what stands
 * from the last of the offsets on belongs to no expert.
 */
import { at, fromFunction, type Int, precondition, type Real } from '../array.ts';
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

/** y_r = x_{tokenOfRow[r]}: x [token, width], tokenOfRow [row] -> [row, width]. */
export const moeDispatch = (x: Real, tokenOfRow: Int): Real => gather(x, tokenOfRow, 0);

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
