import { UsageError } from '../errors.ts';
import type { Op } from '../op.ts';
import { requireDType, requireRank } from '../shape.ts';

/**
 * Sorts the slots by the expert they chose, keeping their order: chosen int32 [token, slot] and capacity int32 [] ->
 * slotOfRow [row], rowOfSlot [token, slot], tokenOfRow [row], expertOfRow [row], offsets [expert + 1], load [expert], all int32.
 * There is one row for each slot; an expert serves the first `capacity` (≥ 0) of the slots that chose it, in token order. Rows
 * offsets[e] … offsets[e + 1] − 1 are those of expert e; behind them, with expertOfRow = experts, lie in their order the slots
 * that nobody serves: those dropped, and those of padding, which chose no expert (−1, or anything outside [0, experts)).
 * `load` counts who asked, dropped ones included.
 * @throws DTypeError, ShapeError for anything but these; UsageError unless experts is a whole number from 0 on
 */
export const planDispatch: Op<{ readonly experts: number }> = {
  name: 'planDispatch',
  kind: 'composite',
  infer([chosen, capacity], { experts }) {
    requireDType('planDispatch', 'chosen', chosen, 'int32');
    requireRank('planDispatch', 'chosen', chosen, 2);
    requireDType('planDispatch', 'capacity', capacity, 'int32');
    requireRank('planDispatch', 'capacity', capacity, 0);
    if (!Number.isInteger(experts) || experts < 0)
      throw new UsageError({ operation: 'planDispatch', received: `experts ${experts}`, expected: 'an integer ≥ 0' });
    const rows = [chosen.shape[0] * chosen.shape[1]];
    return [rows, chosen.shape, rows, rows, [experts + 1], [experts]].map((shape) => ({ shape, dtype: 'int32' }));
  },
  // Counting sort: a slot stands as many rows behind its expert's first as slots before it chose the same expert.
  compose([chosen, capacity], { experts }) {
    const t = chosen.engine;
    const [tokens, slots] = chosen.shape;
    const choice = chosen.reshape([tokens * slots]); // token by token
    const asks = choice.oneHot(experts, 'int32'); // [slot, expert]
    const place = asks.cumsum(0).multiply(asks).sum([1]).subtract(1); // [slot]; −1 where it asks nobody
    const kept = place.greaterEqual(0).logicalAnd(place.less(capacity));
    const served = asks.multiply(kept.astype('int32').expandDims(1)).sum([0]); // [expert]
    const offsets = t.concat([t.zeros([1], 'int32'), served.cumsum(0)]);

    const owner = kept.where(choice, experts);
    const left = kept.logicalNot().astype('int32').cumsum(0).subtract(1); // [slot]: how many before it are not served
    const rowOfSlot = offsets.gather(owner).add(kept.where(place, left));
    const { order: slotOfRow } = rowOfSlot.sort(); // sorting a permutation inverts it
    const tokenOfSlot = t
      .arange(tokens)
      .expandDims(1)
      .broadcastTo(chosen.shape)
      .reshape([tokens * slots]);
    return [
      slotOfRow,
      rowOfSlot.reshape(chosen.shape),
      tokenOfSlot.gather(slotOfRow),
      owner.gather(slotOfRow),
      offsets,
      asks.sum([0]),
    ];
  },
  vjp: null,
};
