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
  const capacity = capacityFor(chosen, experts, capacityFactor);
  const [slotOfRow, rowOfSlot, tokenOfRow, expertOfRow, offsets, load] = chosen.engine.run(
    composites.planDispatch,
    [chosen, capacity],
    { experts },
  );
  const end = offsets.slice([experts, experts + 1]); // the rows that are served end there, int32 [1]
  return {
    tokens: chosen.shape[0],
    experts,
    tokenOfRow,
    slotOfRow,
    rowOfSlot,
    expertOfRow,
    offsets,
    gates,
    load,
    // What training does not need is computed where it is asked for.
    get gateOfRow() {
      return rowOfSlot.less(end).where(gates, 0).reshape(slotOfRow.shape).gather(slotOfRow);
    },
    get dropped() {
      return load.sum().subtract(end.squeeze(0));
    },
  };
}

/** C, int32 []; without a factor the number of all slots, which no expert can exceed. */
function capacityFor(chosen: Tensor, experts: number, capacityFactor: number | null): Tensor {
  const t = chosen.engine;
  const slots = chosen.shape[0] * chosen.shape[1];
  if (capacityFactor === null) return t.full([], slots, 'int32');
  if (!(Number.isFinite(capacityFactor) && capacityFactor > 0))
    throw new UsageError({
      operation: 'planDispatch',
      received: `capacityFactor ${capacityFactor}`,
      expected: 'a number above 0, or null for dropless routing',
    });
  // How many slots there are without padding is known on the device alone; the capacity is how many steps that number reaches.
  const asked = chosen.greaterEqual(0).astype('int32').sum();
  return t
    .tensor(capacitySteps(capacityFactor, experts, slots))
    .lessEqual(asked)
    .astype('int32')
    .sum();
}

/**
 * The numbers of slots, up to `most`, at which C = ⌈c · slots / E⌉ rises by one: the C-th is the least with c · slots > (C − 1) E.
 * In whole numbers, however many slots there are. c stands for the real number that Float64 has rounded to it, so the share
 * u = 2⁻⁵³ is taken off: 0.6 · 45 is 27, not a little more, as 5/3 · 3 is 5.
 */
export function capacitySteps(capacityFactor: number, experts: number, most: number): Int32Array {
  let [whole, scale] = [capacityFactor, 2n ** 53n];
  for (; !Number.isInteger(whole); whole *= 2) scale *= 2n;
  const perSlot = BigInt(whole) * (2n ** 53n - 1n); // c (1 − u) · scale
  const perExpert = BigInt(experts) * scale; // C rises where perSlot · slots passes a multiple of this
  const steps: number[] = [];
  if (experts === 0) return Int32Array.from(steps);
  // step = ⌊(C − 1) perExpert / perSlot⌋ + 1, from one C to the next by its quotient and remainder
  const [quotient, remainder] = [Number(perExpert / perSlot), perExpert % perSlot];
  let [step, rest] = [1, 0n];
  while (step <= most && steps.length < most) {
    steps.push(step);
    step += quotient;
    rest += remainder;
    if (rest >= perSlot) {
      rest -= perSlot;
      step++;
    }
  }
  return Int32Array.from(steps);
}

/** Carries tokens to their experts: [token, width] -> [row, width]. */
export const dispatchTokens = (x: Tensor, { tokenOfRow, rowOfSlot }: Dispatch): Tensor =>
  x.engine.run(composites.moeDispatch, [x, tokenOfRow, rowOfSlot], {})[0];

/** Brings the answers back: y_t = Σ over the token's served slots of gate · row. [row, width] -> [token, width] */
export const combineRows = (rows: Tensor, { gates, rowOfSlot, tokenOfRow, slotOfRow, offsets }: Dispatch): Tensor =>
  rows.engine.run(composites.moeCombine, [rows, gates, rowOfSlot, tokenOfRow, slotOfRow, offsets], {})[0];
