import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, OmoeError } from '../errors.ts';
import { indexName } from '../io/shards.ts';
import { weightsName } from '../io/weights.ts';
import { renderSuiteTable } from '../report/suite-table.ts';
import { type BaseModel, readBaseModel } from '../train/base-model.ts';
import { encodeJson } from '../train/json.ts';
import { comparePlan } from '../train/plan.ts';
import { withShapeOf, withSumOf } from '../train/pretrained-plan.ts';
import {
  averageRow,
  type TableFailure,
  type TableResult,
  type TableRow,
  tableRow,
  tableSchemaName,
} from '../train/table-result.ts';
import type { ComparePlan } from '../train/types.ts';
import { compare } from './compare.ts';
import { type Environment, InterruptedError } from './environment.ts';
import { textTable } from './table.ts';
import { finishedResult, isUnread, lockTable, setAside, writeTable } from './table-folder.ts';
import { tablePresets } from './table-presets.ts';
import { type FinishedRows, finishedRows, type PlannedTask } from './table-rows.ts';
import { planTable, type TableFlags, type TablePlan, type TableTask, type TaskFlags } from './table-tasks.ts';

/** What a table calls for each task; tests put their own in its place. */
export interface Comparing {
  readonly compare: typeof compare;
  /** The checkpoint of all comparisons. @throws DataError for a folder that is none */
  baseOf(flags: TableFlags): Promise<BaseModel>;
  /** The plan of a comparison, which its result must have. @throws what can be refused before anything is run */
  planOf(flags: TaskFlags, base: BaseModel): Promise<ComparePlan>;
}

const comparing: Comparing = {
  compare,
  baseOf: ({ model, fresh, dryRun }) => readBaseModel(model, readFile, fresh || (dryRun && !hasWeights(model))),
  planOf: async (flags, base) => withSumOf(withShapeOf(comparePlan(flags), base.config, flags, 'table'), base),
};

const hasWeights = (folder: string): boolean =>
  [weightsName, indexName('model')].some((name) => existsSync(join(folder, name)));

/**
 * `omoe table`: one comparison a task, each in its own folder, then the table of them all. Tasks that are finished with
 * the same plan are not run again; one that fails is named and the others go on.
 *
 * @param command the command line that repeats it
 * @returns 0, or the exit code of the first task that failed
 * @throws UsageError and DataError for what can be refused before anything is run, among it a finished task of another
 *   plan, and a folder that another process makes a table in; InterruptedError after Ctrl-C, with the table of what was
 *   finished written
 */
export async function suiteTable(
  suite: string,
  flags: TableFlags,
  command: string,
  environment: Environment,
  calls: Comparing = comparing,
): Promise<number> {
  const table = planTable(suite, flags);
  const base = await calls.baseOf(flags);
  const tasks: PlannedTask[] = [];
  for (const task of table.tasks) tasks.push({ ...task, plan: await calls.planOf(task.flags, base) });
  if (flags.dryRun) {
    const finished = await finishedRows(flags.out, table, tasks);
    return describeTable(table, tasks, finished, flags, environment, calls);
  }
  const lock = await lockTable(flags.out);
  try {
    // Read under the lock: what is not finished then is nobody else's to finish.
    const { rows, notes } = await finishedRows(flags.out, table, tasks);
    for (const text of [...lock.tookOver.map((what) => `took over ${what}`), ...notes])
      if (!flags.quiet) environment.stderr.write(`note: ${text}\n`);
    const document = await runTasks(table, tasks, rows, flags, command, environment, calls);
    const path = join(flags.out, 'table.md');
    const shown = flags.json ? encodeJson(document, 2) : `${renderSuiteTable(document)}\nTable: ${path}`;
    environment.stdout.write(`${shown}\n`);
    return document.failures[0]?.error.exitCode ?? 0;
  } finally {
    await lock.release();
  }
}

/** Runs what is not finished; after each task the table of all so far is written. */
async function runTasks(
  { suite, model, methods }: TablePlan,
  tasks: readonly PlannedTask[],
  finished: FinishedRows['rows'],
  flags: TableFlags,
  command: string,
  environment: Environment,
  { compare: run }: Comparing,
): Promise<TableResult> {
  const note = (text: string): void => {
    if (!flags.quiet) environment.stderr.write(`${text}\n`);
  };
  const order: readonly string[] = tablePresets[suite].map(({ task }) => task);
  const rows = new Map<string, TableRow>(finished);
  const failures: TableFailure[] = [];
  const tableSoFar = (): TableResult => {
    const ordered = [...rows.values()].sort((a, b) => order.indexOf(a.task) - order.indexOf(b.task));
    return {
      ...{ schema: tableSchemaName, suite, model, methods, command, tasks: ordered, failures },
      average: tasks.every(({ task }) => rows.has(task)) ? averageRow(ordered, methods) : null,
    };
  };
  const { quiet, verbose } = flags;
  for (const [i, task] of tasks.entries()) {
    const { out } = task.flags;
    try {
      if (rows.has(task.task)) note(`${task.task}: finished already in ${out}, not run again`);
      else {
        note(`${task.task}, ${i + 1} of ${tasks.length}: ${task.command}`);
        const aside = await setAside(out);
        if (aside !== null) note(`${out} was not finished: it is now ${aside}`);
        const start = environment.now().getTime();
        // A comparison's own table has no place on a stdout that holds the table of them all.
        await run({ ...task.flags, quiet, verbose }, task.command, { ...environment, stdout: { write: () => {} } });
        const seconds = (environment.now().getTime() - start) / 1000;
        rows.set(task.task, tableRow({ ...task, seconds }, methods, await resultOf(task)));
      }
    } catch (error) {
      if (error instanceof InterruptedError) {
        await writeTable(flags.out, tableSoFar());
        const complaint = { ...error.complaint, operation: 'table', advice: 'Run it again to go on.' };
        throw new InterruptedError(complaint, { cause: error });
      }
      const failure = failureOf(task, error);
      failures.push(failure);
      // Under --quiet too: an error is no note.
      environment.stderr.write(`omoe: ${task.task}: ${failure.error.message}\n`);
      if (verbose && error instanceof Error) environment.stderr.write(`${error.stack}\n`);
    }
    await writeTable(flags.out, tableSoFar());
  }
  return tableSoFar();
}

/** What a comparison left, which a model changed under way would make that of another plan. @throws DataError, UsageError */
async function resultOf({ flags: { out }, plan }: PlannedTask) {
  const result = await finishedResult(out, plan);
  if (result) return result;
  throw new DataError({
    operation: 'table',
    received: `${out} without result.json`,
    expected: 'a comparison that ended',
  });
}

const failureOf = ({ task, title, command }: TableTask, error: unknown): TableFailure => {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  return { task, title, error: { name, exitCode: error instanceof OmoeError ? error.exitCode : 1, message }, command };
};

/** `--dry-run`: what of the data is there and what each comparison would be; nothing is run or written. */
async function describeTable(
  { suite, model, methods }: TablePlan,
  tasks: readonly PlannedTask[],
  { rows: finished }: FinishedRows,
  flags: TableFlags,
  environment: Environment,
  { compare: run }: Comparing,
): Promise<number> {
  const described: { task: string; state: string; command: string; plan: DryRunPlan | null }[] = [];
  let exitCode = 0;
  for (const task of tasks) {
    let text = '';
    const heard = { ...environment, stdout: { write: (piece: string) => (text += piece) } };
    const { command } = task;
    try {
      await run({ ...task.flags, dryRun: true, json: true, quiet: true }, command, heard);
      const done = `finished already${isUnread(task.plan) ? ', on weights that are not there to be compared' : ''}`;
      const state = finished.has(task.task) ? done : 'to be run';
      described.push({ task: task.task, state, command, plan: JSON.parse(text) });
    } catch (error) {
      const failure = failureOf(task, error).error;
      described.push({ task: task.task, state: failure.message, command, plan: null });
      exitCode ||= failure.exitCode;
    }
  }
  if (flags.json) {
    const document = { schema: 'omoe.table-plan/1', suite, model, methods, tasks: described };
    environment.stdout.write(`${encodeJson(document, 2)}\n`);
    return exitCode;
  }
  const lines = described.map(({ task, state, plan }, i) => {
    const { steps, batch, model: shape } = tasks[i].plan;
    const sizes = [steps, batch, shape.length].map(String);
    const minutes = plan === null ? '-' : `${Math.max(1, Math.round(plan.seconds / 60))} min`;
    return [task, plan === null ? '-' : `${plan.data.train} / ${plan.data.dev}`, ...sizes, minutes, state];
  });
  const shown = textTable(['task', 'train / dev', 'steps', 'batch', 'length', 'roughly', 'state'], lines);
  const commands = described.map(({ command }) => command).join('\n');
  environment.stdout.write(`${shown}\n\n${commands}\n\nNothing was run.\n`);
  return exitCode;
}

/** What a comparison's own dry run says, as far as a table repeats it. */
interface DryRunPlan {
  readonly data: { readonly train: number; readonly dev: number };
  readonly seconds: number;
}
