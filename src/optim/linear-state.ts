import type { Recorded } from '../moe/statistics.ts';
import { type Pending, pendingAll } from '../pending.ts';
import type { Key } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import { type OthersColumns, uploadOthers } from './omoe-report.ts';
import type { OmoeOptions } from './options.ts';
import { buildProjectors, ExpertColumns, traceShare } from './projector/index.ts';
import { type DeviceProjectors, uploadProjectors } from './protect.ts';
import { addRecorded, columnSize, emptyColumns, pendingRecord, type ReadRecord } from './statistics.ts';

/** What OMoE remembers of one expert linear. A state is never changed: the same state and step give the same update again. */
export interface LinearState {
  /** [W; b] after the upcycle; kept through resets. Only on the update side. */
  readonly start: Tensor | null;
  /** Records of this accumulating phase, read when the orthogonal one begins. */
  readonly pending: readonly Recorded[];
  readonly columns: readonly ExpertColumns[];
  readonly projectors: {
    readonly q: DeviceProjectors;
    readonly trace: readonly number[];
    readonly others: OthersColumns;
  } | null;
}

/** Nothing recorded yet. */
export const noColumns = (weight: Tensor, options: OmoeOptions): ExpertColumns[] =>
  options.side === 'update' ? [] : emptyColumns(weight.shape[0], columnSize(weight.shape, options), options.sketch);

/** Notes the records of one accumulating step; the first step of a phase forgets what was known (`resetEachCycle`). */
export function accumulate(
  old: LinearState,
  recorded: Recorded | undefined,
  weight: Tensor,
  index: number,
  options: OmoeOptions,
): LinearState {
  const kept = index === 0 && options.resetEachCycle ? { columns: noColumns(weight, options), pending: [] } : old;
  const pending = recorded ? [...kept.pending, recorded] : kept.pending;
  return { start: old.start, pending, columns: kept.columns, projectors: null };
}

/** What is read once a phase: the records of its accumulating steps. */
export const pendingRecords = ({ pending }: LinearState): Pending<ReadRecord[]> =>
  pendingAll(pending.map((recorded) => pendingRecord(recorded)));

/** Builds every Q_i: one factorisation per expert matrix and phase, in Float64 on the host. */
export function beginOrthogonalPhase(
  state: LinearState,
  records: readonly ReadRecord[],
  weight: Tensor,
  options: OmoeOptions,
  rotation: Key,
): LinearState {
  const columns = state.columns.map((expert) => ExpertColumns.from(expert.state()));
  for (const record of records) addRecorded(columns, record, options);
  const projectors = buildProjectors(columns, options, rotation);
  return {
    ...state,
    pending: [],
    columns,
    projectors: {
      q: uploadProjectors(weight.engine, projectors, weight.dtype, options),
      trace: projectors.map(traceShare),
      others: uploadOthers(weight, columns),
    },
  };
}
