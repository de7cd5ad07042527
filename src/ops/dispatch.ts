import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpecs, requireDType, requireFloat, requireOneDType, requireRank } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/**
 * To the experts and back. A token with k experts takes k slots, and the row of a slot is where it stands once the slots are
 * sorted by expert: `slotOfRow` [row] is that order, `rowOfSlot` [token, slot] its inverse, `tokenOfRow` [row] the token
 * behind each row. As each is known in both directions, neither way nor either gradient needs a scatter.
 */

/**
 * x [token, width], tokenOfRow int32 [row], rowOfSlot int32 [token, slot] -> [row, width]: y_r = x_{tokenOfRow[r]}.
 * `rowOfSlot` serves the gradient alone: it lists for each token the rows that carry it, each row once.
 * @throws ShapeError unless there is one row for each slot; DTypeError; OmoeError for a token out of range
 */
export const moeDispatch: Op = {
  name: 'moeDispatch',
  kind: 'composite',
  infer(inputs) {
    const [x, tokenOfRow, rowOfSlot] = inputs;
    requireFloat('moeDispatch', x);
    requireRank('moeDispatch', 'x', x, 2);
    requireDType('moeDispatch', 'tokenOfRow', tokenOfRow, 'int32');
    requireRank('moeDispatch', 'tokenOfRow', tokenOfRow, 1);
    requireDType('moeDispatch', 'rowOfSlot', rowOfSlot, 'int32');
    requireRank('moeDispatch', 'rowOfSlot', rowOfSlot, 2);
    const [tokens, slots] = rowOfSlot.shape;
    if (tokens !== x.shape[0] || tokens * slots !== tokenOfRow.shape[0])
      throw new ShapeError({
        operation: 'moeDispatch',
        received: formatSpecs(inputs),
        expected: 'x [token, width], tokenOfRow [token · slot] and rowOfSlot [token, slot]',
      });
    return [{ shape: [tokenOfRow.shape[0], x.shape[1]], dtype: x.dtype }];
  },
  compose: ([x, tokenOfRow]) => [x.gather(tokenOfRow, 0)],
  // ∂x_t = Σ over the token's slots of g_{rowOfSlot[t, s]}: the rows back in the order of the slots, then summed.
  vjp({ inputs: [x, , rowOfSlot], gradients: [g] }) {
    const [tokens, slots] = rowOfSlot.shape;
    const inSlots = g.gather(rowOfSlot.reshape([tokens * slots]), 0); // [slot, width]
    return [inSlots.reshape([tokens, slots, x.shape[1]]).sum([1]), null, null];
  },
};

/** The slices of x [n, width] in the order `to` (int32 [n]), whose inverse is `back`. */
function reordered(x: Tensor, to: Tensor, back: Tensor): Tensor {
  return x.engine.run(moeDispatch, [x, to, back.expandDims(1)], {})[0];
}

/**
 * y_t = Σ over the slots of t that are served of gate · row: rows [row, width], gates [token, slot], rowOfSlot int32 [token, slot],
 * tokenOfRow int32 [row], slotOfRow int32 [row], offsets int32 [expert + 1] -> [token, width].
 * A slot is served where its row belongs to an expert, rowOfSlot[t, s] < offsets[experts]. What is not served (padding, dropped
 * slots) adds exactly 0, whatever its row and gate hold. `tokenOfRow` and `slotOfRow` serve the gradient alone.
 * @throws ShapeError unless there is one row for each slot; DTypeError; OmoeError for a row out of range
 */
export const moeCombine: Op = {
  name: 'moeCombine',
  kind: 'composite',
  infer(inputs) {
    const [rows, gates, rowOfSlot, tokenOfRow, slotOfRow, offsets] = inputs;
    requireFloat('moeCombine', rows);
    requireOneDType('moeCombine', [rows, gates]);
    const indices = { rowOfSlot, tokenOfRow, slotOfRow, offsets };
    for (const [name, spec] of Object.entries(indices)) requireDType('moeCombine', name, spec, 'int32');
    requireRank('moeCombine', 'rows', rows, 2);
    requireRank('moeCombine', 'gates', gates, 2);
    const [tokens, slots] = gates.shape;
    const count = tokens * slots;
    const fits =
      rows.shape[0] === count &&
      rowOfSlot.shape.length === 2 &&
      rowOfSlot.shape[0] === tokens &&
      rowOfSlot.shape[1] === slots &&
      [tokenOfRow, slotOfRow].every(({ shape }) => shape.length === 1 && shape[0] === count) &&
      offsets.shape.length === 1 &&
      offsets.shape[0] >= 1;
    if (!fits)
      throw new ShapeError({
        operation: 'moeCombine',
        received: formatSpecs(inputs),
        expected:
          'rows [token · slot, width], gates and rowOfSlot [token, slot], tokenOfRow and slotOfRow [token · slot], offsets [expert + 1]',
      });
    return [{ shape: [tokens, rows.shape[1]], dtype: rows.dtype }];
  },
  compose(inputs) {
    const [rows, gates, rowOfSlot, , slotOfRow, offsets] = inputs;
    const { tokens, slots, width } = sizesOf(rows, gates);
    const served = rowOfSlot.less(endOf(offsets)).expandDims(2); // [token, slot, 1]
    const inSlots = reordered(rows, rowOfSlot.reshape([tokens * slots]), slotOfRow).reshape([tokens, slots, width]);
    // Both sides, as 0 times a NaN in a row of nobody would be NaN.
    return [
      served
        .where(inSlots, 0)
        .multiply(served.where(gates.expandDims(2), 0))
        .sum([1]),
    ];
  },
  // For what is served:  ∂row_r = gate of r · g_{token of r},  ∂gate_{t,s} = Σ_width g_t · row_{rowOfSlot[t, s]};  else 0.
  vjp({ inputs, gradients: [g] }) {
    const [rows, gates, rowOfSlot, tokenOfRow, slotOfRow, offsets] = inputs;
    const { tokens, slots, width } = sizesOf(rows, gates);
    const slotRows = rowOfSlot.reshape([tokens * slots]);
    const served = rowOfSlot.less(endOf(offsets)); // [token, slot]

    const weights = served.where(gates, 0).reshape([tokens * slots, 1]);
    const carried = g.engine.run(moeDispatch, [g, tokenOfRow, rowOfSlot], {})[0]; // [row, width]
    const ofRows = carried.multiply(reordered(weights, slotOfRow, slotRows)); // [row, width] · [row, 1]

    const inSlots = reordered(rows, slotRows, slotOfRow).reshape([tokens, slots, width]);
    const ofGates = served.expandDims(2).where(inSlots, 0).multiply(g.expandDims(1)).sum([2]); // [token, slot]
    return [ofRows, ofGates, null, null, null, null];
  },
};

const sizesOf = (rows: Tensor, gates: Tensor) => ({
  tokens: gates.shape[0],
  slots: gates.shape[1],
  width: rows.shape[1],
});

/** Where the rows that belong to an expert end: the last of the offsets, int32 [1]. */
const endOf = (offsets: Tensor): Tensor => offsets.slice([-1, offsets.shape[0]], 0);
