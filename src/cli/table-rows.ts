/** The rows that a table has before anything is run: of the tasks that are finished, asked for or not. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../errors.ts';
import type { CompareResult } from '../train/result.ts';
import { type TableResult, type TableRow, tableRow } from '../train/table-result.ts';
import type { ComparePlan } from '../train/types.ts';
import { asInFile, earlierTable, finishedResult, requireSamePlan, taskResult } from './table-folder.ts';
import type { TablePlan, TableTask } from './table-tasks.ts';

export interface PlannedTask extends TableTask {
  readonly plan: ComparePlan;
}

export interface FinishedRows {
  /** By task. */
  readonly rows: ReadonlyMap<string, TableRow>;
  /** What was found that a person should know. */
  readonly notes: readonly string[];
}

/**
 * Times are those of the earlier table.json, where its row is still that of the result.
 *
 * @throws UsageError for a finished task of another plan, and for one that is not asked for and of another model or other
 *   methods, which cannot stand in the same table; DataError for a file that is malformed
 */
export async function finishedRows(
  out: string,
  table: TablePlan,
  tasks: readonly PlannedTask[],
): Promise<FinishedRows> {
  const before = await earlierTable(out, table.suite);
  const rows = new Map<string, TableRow>();
  const notes: string[] = [];
  for (const task of tasks) {
    const result = await finishedResult(task.flags.out, task.plan);
    if (result)
      rows.set(task.task, tableRow({ ...task, seconds: secondsOf(before, task.task, result) }, table.methods, result));
  }
  for (const row of before?.tasks ?? []) {
    if (tasks.some(({ task }) => task === row.task)) continue;
    const folder = join(out, row.folder);
    const result = await taskResult(folder);
    if (result && isRowOf(row, result, before!)) {
      requireComparable(out, folder, { row, result, before: before! }, { table, plan: tasks[0].plan });
      rows.set(row.task, row);
    } else notes.push(`${row.task}: ${folder} no longer has the result of table.json, which is left out`);
  }
  return { rows, notes };
}

function secondsOf(before: TableResult | null, task: string, result: CompareResult): number | null {
  const row = before?.tasks.find((one) => one.task === task);
  return row && isRowOf(row, result, before!) ? row.seconds : null;
}

/** Whether the row was made of this result. */
const isRowOf = (row: TableRow, result: CompareResult, { methods }: TableResult): boolean =>
  isDeepStrictEqual(asInFile(tableRow(row, methods, result)), row);

interface Kept {
  readonly row: TableRow;
  readonly result: CompareResult;
  readonly before: TableResult;
}

/** Tasks may differ in their steps and the like, but a column of the table is one method, and its head names one model. */
function requireComparable(
  out: string,
  folder: string,
  { row, result, before }: Kept,
  { table, plan }: { readonly table: TablePlan; readonly plan: ComparePlan },
): void {
  requireSamePlan(folder, plan, result.plan, ['pretrained']);
  if (isDeepStrictEqual(before.methods, table.methods)) return;
  throw new UsageError({
    operation: 'table --out',
    received: `${out}, whose table has ${row.task} with ${before.methods.join(',')}`,
    expected: `the methods ${table.methods.join(',')}`,
    advice: 'Name another folder with --out.',
  });
}
