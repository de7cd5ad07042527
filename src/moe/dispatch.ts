import { UsageError } from '../errors.ts';
import { composites } from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';
import type { Gate } from './gate.ts';

/**
 * Which row of work belongs to which token and expert. A token with k experts takes k slots; the rows are the slots sorted
 * by expert, so that each expert's rows lie together. Shapes never depend on data: there are always n·k rows, and those of
 * padding and of dropped slots lie behind the last expert's, where nobody works on them.
 */
export interface Dispatch {
  readonly tokens: number;
  readonly experts: number;
  /** int32 [row]: the token each row carries. */
  readonly tokenOfRow: Tensor;
  /** int32 [row]: the slot each row carries, counted token by token; the order in which the slots are sorted. */
  readonly slotOfRow: Tensor;
  /** int32 [token, slot]: the row of each slot, the inverse of that order; from offsets[E] on where nobody serves the slot. */
  readonly rowOfSlot: Tensor;
  /** int32 [row]: the expert that owns the row; E where nobody does. */
  readonly expertOfRow: Tensor;
  /** int32 [expert + 1]: rows offsets[e] … offsets[e + 1] − 1 belong to expert e. */
  readonly offsets: Tensor;
  /** [token, slot]: the gate's weights, as they were given. */
  readonly gates: Tensor;
  /** [row]: the gate weight of the row's slot; 0 where nobody owns it. */
  readonly gateOfRow: Tensor;
  /** int32 [expert]: slots that asked for the expert, dropped ones included. */
  readonly load: Tensor;
  /** int32 []: slots that found their expert full, Σ max(0, load − C). */
  readonly dropped: Tensor;
}

/**
 * Sorts the slots by expert; with a capacity, an expert serves its first C = ⌈capacityFactor · n · k / E⌉ slots in token
 * order (n counts real tokens) and the rest are dropped. Definition: spec/method/dispatch.ts.
 * @throws UsageError for a capacity factor that is not above 0
 */
export function planDispatch({ chosen, gates }: Gate, experts: number, capacityFactor: number | null = null): Dispatch {
  const t = chosen.engine;
  const [tokens, k] = chosen.shape;
  const slots = tokens * k;
  const choice = chosen.reshape([slots]); // token-major: the slots of token 0 first
  const asks = choice.oneHot(experts, 'int32'); // [slot, expert]; padding (−1) asks nobody
  const load = asks.sum([0]);

  let kept = choice.greaterEqual(0);
  if (capacityFactor !== null) {
    if (!(Number.isFinite(capacityFactor) && capacityFactor > 0))
      throw new UsageError({
        operation: 'planDispatch',
        received: `capacityFactor ${capacityFactor}`,
        expected: 'a number above 0, or null for dropless routing',
      });
    // C = ⌈c·n·k/E⌉ with n·k = Σ load, so that a slot at place p (from 0) is served where p < c·n·k/E, as p is whole.
    // The millionth taken off is more than the roundings of Float32, so that 0.6 · 45 is 27 and not a little more.
    const share = load
      .sum()
      .astype('float32')
      .multiply(capacityFactor)
      .divide(Math.max(1, experts))
      .multiply(1 - 1e-6);
    const place = asks.cumsum(0).multiply(asks).sum([1]).subtract(1); // [slot]: how many asked the same expert before
    kept = kept.logicalAnd(place.astype('float32').less(share));
  }
  const owner = kept.where(choice, experts);
  const { values: expertOfRow, order: slotOfRow } = owner.sort();
  const { order: rowOfSlot } = slotOfRow.sort(); // sorting a permutation inverts it
  const served = asks.multiply(kept.astype('int32').expandDims(1)).sum([0]);
  const tokenOfSlot = t.tensor(
    Int32Array.from({ length: slots }, (_, slot) => Math.floor(slot / k)),
    [slots],
  );
  return {
    tokens,
    experts,
    tokenOfRow: tokenOfSlot.gather(slotOfRow),
    slotOfRow,
    rowOfSlot: rowOfSlot.reshape([tokens, k]),
    expertOfRow,
    offsets: t.concat([t.zeros([1], 'int32'), served.cumsum(0)]),
    gates,
    gateOfRow: kept.where(gates.reshape([slots]), 0).gather(slotOfRow),
    load,
    dropped: load.sum().subtract(served.sum()),
  };
}

/** Carries tokens to their experts: [token, width] -> [row, width]. */
export const dispatchTokens = (x: Tensor, { tokenOfRow, rowOfSlot }: Dispatch): Tensor =>
  x.engine.run(composites.moeDispatch, [x, tokenOfRow, rowOfSlot], {})[0];

/** Brings the answers back: y_t = Σ over the token's served slots of gate · row. [row, width] -> [token, width] */
export const combineRows = (rows: Tensor, { gates, rowOfSlot, tokenOfRow, slotOfRow, offsets }: Dispatch): Tensor =>
  rows.engine.run(composites.moeCombine, [rows, gates, rowOfSlot, tokenOfRow, slotOfRow, offsets], {})[0];
