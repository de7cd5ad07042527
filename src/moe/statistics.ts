import type { Tensor } from '../tensor.ts';
import type { Dispatch } from './dispatch.ts';
import type { ExpertFlow } from './experts.ts';

/** What the optimizer wants recorded in a forward pass. */
export interface Recording {
  readonly side: 'input' | 'output';
  /** `mean`: one column a step for each expert; `tokens`: every token's. */
  readonly statistic: 'mean' | 'tokens';
  readonly layers: readonly ('fc1' | 'fc2')[];
}

/** The columns of one step for one expert linear, still on the device. */
export interface Recorded {
  /** `mean`: [expert, size], one column for each expert. `tokens`: [row, size]. */
  readonly columns: Tensor;
  /** `mean`: int32 [expert], the rows behind each mean (0: no column). `tokens`: int32 [row], its expert (E: nobody's). */
  readonly owners: Tensor;
}

/**
 * The statistic r of each expert's inputs or outputs in this step. Padding and dropped slots belong to nobody and are left
 * out; an expert without tokens records nothing. Definition: spec/method/statistics.ts.
 */
export function recordStatistics(
  flow: ExpertFlow,
  plan: Dispatch,
  recording: Recording,
): { fc1?: Recorded; fc2?: Recorded } {
  const record = (layer: 'fc1' | 'fc2') =>
    recording.layers.includes(layer)
      ? columnsOf(flow[layer][recording.side].stopGradient(), plan, recording.statistic)
      : undefined;
  return { fc1: record('fc1'), fc2: record('fc2') };
}

function columnsOf(rows: Tensor, plan: Dispatch, statistic: 'mean' | 'tokens'): Recorded {
  if (statistic === 'tokens') return { columns: rows, owners: plan.expertOfRow };
  const t = rows.engine;
  const served = plan.offsets.slice([1, plan.experts + 1]).subtract(plan.offsets.slice([0, plan.experts])); // [expert]
  // Σ over each expert's rows: [row, 1] ⊗ [row, size] -> [expert, 1, size]; rows that nobody owns lie behind the last offset.
  const sums = t.ones([rows.shape[0], 1], rows.dtype).groupedOuter(rows, plan.offsets).squeeze(1);
  return { columns: sums.divide(served.maximum(1).astype(rows.dtype).expandDims(1)), owners: served };
}

/**
 * Two records of one expert linear, of a block that several layers share (ALBERT): as if both layers' rows had been one
 * layer's.
 */
export function mergeRecorded(first: Recorded, second: Recorded, statistic: Recording['statistic']): Recorded {
  if (statistic === 'tokens') {
    const joined = (a: Tensor, b: Tensor) => a.engine.concat([a, b]);
    return { columns: joined(first.columns, second.columns), owners: joined(first.owners, second.owners) };
  }
  const owners = first.owners.add(second.owners);
  const summed = [first, second]
    .map(({ columns, owners: rows }) => columns.multiply(rows.astype(columns.dtype).expandDims(1)))
    .reduce((a, b) => a.add(b));
  return { columns: summed.divide(owners.maximum(1).astype(summed.dtype).expandDims(1)), owners };
}
