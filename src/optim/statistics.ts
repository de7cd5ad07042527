import type { HostArray } from '../backend.ts';
import type { Recorded } from '../moe/statistics.ts';
import type { Pending } from '../pending.ts';
import type { OmoeOptions } from './options.ts';
import { ExpertColumns } from './projector/index.ts';

/** The statistics of one expert linear, on the host, in Float64: what the device recorded, sorted by expert. */

export const emptyColumns = (experts: number, size: number, sketch: number): ExpertColumns[] =>
  Array.from({ length: experts }, () => new ExpertColumns(size, sketch));

/** The length of a recorded column: in + 1 for an augmented input, in, or out. */
export function columnSize([, input, output]: readonly number[], { side, bias }: OmoeOptions): number {
  return side === 'output' ? output : input + (bias === 'augment' ? 1 : 0);
}

/** One step's record on the host. */
export interface ReadRecord {
  /** Row-major [expert or row, length]. */
  readonly values: HostArray;
  readonly owners: HostArray;
  readonly length: number;
}

export const pendingRecord = ({ columns, owners }: Recorded): Pending<ReadRecord> => ({
  tensors: [columns, owners],
  of: ([values, of]) => ({ values, owners: of, length: columns.shape[1] }),
});

/**
 * Adds the columns of one step to each expert's: first the old ones are scaled by √λ, then the new ones come; an expert that
 * saw nothing keeps its statistics as they are.
 */
export function addRecorded(
  experts: readonly ExpertColumns[],
  { values, owners, length }: ReadRecord,
  options: OmoeOptions,
): void {
  const augmented = options.side === 'input' && options.bias === 'augment';
  const column = (row: number): Float64Array => {
    const r = new Float64Array(length + (augmented ? 1 : 0)).fill(1); // r = x, or [x; 1]
    r.set(values.subarray(row * length, (row + 1) * length));
    return r;
  };
  experts.forEach((expert, e) => {
    // mean: the row of the expert, if any token was behind it; tokens: all rows that it owns.
    const rows =
      options.statistic === 'mean' ? (owners[e] > 0 ? [e] : []) : [...owners.keys()].filter((row) => owners[row] === e);
    if (rows.length > 0) expert.forget(options.forgetting);
    for (const row of rows) expert.add(column(row));
  });
}
