import type { Spec } from '../backend.ts';
import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpecs, requireDType, requireFloat, requireOneDType, requireRank, sameShape } from '../shape.ts';
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
  vjp: ({ inputs: [, , rowOfSlot], gradients: [g] }) => [
    g.engine.run(moeDispatchGradient, [g, rowOfSlot], {})[0],
    null,
    null,
  ],
};

/**
 * ∂x_t = Σ over the token's slots of g_{rowOfSlot[t, s]}: the rows back in the order of the slots, then summed.
 * g [row, width], rowOfSlot int32 [token, slot] -> [token, width].
 * @throws ShapeError unless there is one row for each slot; DTypeError; OmoeError for a row out of range
 */
export const moeDispatchGradient: Op = {
  name: 'moeDispatchGradient',
  kind: 'composite',
  infer(inputs) {
    const [g, rowOfSlot] = inputs;
    requireFloat('moeDispatchGradient', g);
    requireRank('moeDispatchGradient', 'g', g, 2);
    requireDType('moeDispatchGradient', 'rowOfSlot', rowOfSlot, 'int32');
    requireRank('moeDispatchGradient', 'rowOfSlot', rowOfSlot, 2);
    const [tokens, slots] = rowOfSlot.shape;
    if (tokens * slots !== g.shape[0])
      throw new ShapeError({
        operation: 'moeDispatchGradient',
        received: formatSpecs(inputs),
        expected: 'g [token · slot, width] and rowOfSlot [token, slot]',
      });
    return [{ shape: [tokens, g.shape[1]], dtype: g.dtype }];
  },
  compose([g, rowOfSlot]) {
    const [tokens, slots] = rowOfSlot.shape;
    const inSlots = g.gather(rowOfSlot.reshape([tokens * slots]), 0); // [slot, width]
    return [inSlots.reshape([tokens, slots, g.shape[1]]).sum([1])];
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
  infer([rows, gates, ...routes]) {
    requireRoutes('moeCombine', rows, gates, [], routes);
    return [{ shape: [gates.shape[0], rows.shape[1]], dtype: rows.dtype }];
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
  vjp: ({ inputs: [rows, gates, ...routes], gradients: [g] }) => [
    ...rows.engine.run(moeCombineGradient, [rows, gates, g, ...routes], {}),
    ...routes.map(() => null),
  ],
};

/**
 * The gradients of rows and gates, from g, that of the sums: rows [row, width], gates [token, slot], g [token, width], then
 * rowOfSlot, tokenOfRow, slotOfRow and offsets as `moeCombine` takes them -> [row, width] and [token, slot].
 * For what is served  ∂row_r = gate of r · g_{token of r},  ∂gate_{t,s} = Σ_width g_t · row_{rowOfSlot[t, s]};  else exactly 0.
 * @throws as moeCombine
 */
export const moeCombineGradient: Op = {
  name: 'moeCombineGradient',
  kind: 'composite',
  infer([rows, gates, g, ...routes]) {
    requireRoutes('moeCombineGradient', rows, gates, [g], routes);
    return [rows, gates].map(({ shape, dtype }) => ({ shape, dtype }));
  },
  compose([rows, gates, g, rowOfSlot, tokenOfRow, slotOfRow, offsets]) {
    const { tokens, slots, width } = sizesOf(rows, gates);
    const slotRows = rowOfSlot.reshape([tokens * slots]);
    const served = rowOfSlot.less(endOf(offsets)); // [token, slot]
    const servedRows = served
      .reshape([tokens * slots])
      .gather(slotOfRow)
      .expandDims(1); // [row, 1]

    // Where nothing is served both factors are 0, as in the sums themselves.
    const weights = reordered(gates.reshape([tokens * slots, 1]), slotOfRow, slotRows); // [row, 1]
    const [carried] = g.engine.run(moeDispatch, [g, tokenOfRow, rowOfSlot], {}); // [row, width]
    const ofRows = servedRows.where(carried, 0).multiply(servedRows.where(weights, 0));

    const inSlots = reordered(rows, slotRows, slotOfRow).reshape([tokens, slots, width]);
    const servedSlots = served.expandDims(2); // [token, slot, 1]
    const ofGates = servedSlots
      .where(inSlots, 0)
      .multiply(servedSlots.where(g.expandDims(1), 0))
      .sum([2]);
    return [ofRows, ofGates];
  },
};

/** What both need: one row for each slot, and the gradient of the sums, where it is `given`, of their shape. */
function requireRoutes(
  operation: string,
  rows: Spec,
  gates: Spec,
  given: readonly Spec[],
  routes: readonly Spec[],
): void {
  const [rowOfSlot, tokenOfRow, slotOfRow, offsets] = routes;
  requireFloat(operation, rows);
  requireOneDType(operation, [rows, gates, ...given]);
  const indices = { rowOfSlot, tokenOfRow, slotOfRow, offsets };
  for (const [name, spec] of Object.entries(indices)) requireDType(operation, name, spec, 'int32');
  requireRank(operation, 'rows', rows, 2);
  requireRank(operation, 'gates', gates, 2);
  const [tokens, slots] = gates.shape;
  const fits =
    rows.shape[0] === tokens * slots &&
    given.every(({ shape }) => sameShape(shape, [tokens, rows.shape[1]])) &&
    sameShape(rowOfSlot.shape, gates.shape) &&
    [tokenOfRow, slotOfRow].every(({ shape }) => sameShape(shape, [tokens * slots])) &&
    offsets.shape.length === 1 &&
    offsets.shape[0] >= 1;
  if (!fits)
    throw new ShapeError({
      operation,
      received: formatSpecs([rows, gates, ...given, ...routes]),
      expected: `rows [token · slot, width], gates and rowOfSlot [token, slot],${given.length > 0 ? ' g [token, width],' : ''} tokenOfRow and slotOfRow [token · slot], offsets [expert + 1]`,
    });
}

const sizesOf = (rows: Tensor, gates: Tensor) => ({
  tokens: gates.shape[0],
  slots: gates.shape[1],
  width: rows.shape[1],
});

/** Where the rows that belong to an expert end: the last of the offsets, int32 [1]. */
const endOf = (offsets: Tensor): Tensor => offsets.slice([-1, offsets.shape[0]], 0);
