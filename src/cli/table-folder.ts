/** The folder of a table: what of it is finished, and what was broken off. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { DataError, UsageError } from '../errors.ts';
import { cannot } from '../io/failure.ts';
import { type Lock, lockFolder } from '../io/lock.ts';
import { nodeFiles, nodeProcesses } from '../io/node.ts';
import { renderSuiteTable } from '../report/suite-table.ts';
import { decodeJson, encodeJson } from '../train/json.ts';
import { type CompareResult, checkCompareResult } from '../train/result.ts';
import { writeWhole } from '../train/run-folder.ts';
import { checkTableResult, type TableResult, withoutThreads } from '../train/table-result.ts';
import type { ComparePlan } from '../train/types.ts';
import { posix } from './train-folder.ts';

/** Makes the folder and takes it for this process alone. @throws UsageError where another one has it; OmoeError */
export async function lockTable(out: string): Promise<Lock> {
  const advice = 'Name another folder with --out.';
  await nodeFiles.makeFolder(out).catch((error: unknown) => {
    throw cannot('create', out, error, advice);
  });
  return lockFolder(nodeFiles, posix(out), nodeProcesses).catch((error: unknown) => {
    throw cannot('lock', out, error, advice);
  });
}

/** table.json and table.md, each whole or not at all. */
export async function writeTable(out: string, table: TableResult): Promise<void> {
  await writeWhole(join(out, 'table.json'), `${encodeJson(table, 2)}\n`);
  await writeWhole(join(out, 'table.md'), renderSuiteTable(table));
}

/**
 * The table that the folder holds already, whose rows and times are kept.
 *
 * @throws UsageError for one of another suite; DataError for one that is malformed
 */
export async function earlierTable(out: string, suite: string): Promise<TableResult | null> {
  const path = join(out, 'table.json');
  if (!existsSync(path)) return null;
  const earlier = checkTableResult(await readJson(path), path);
  if (earlier.suite === suite) return earlier;
  throw new UsageError({
    operation: 'table --out',
    received: `${out}, which holds the table of ${earlier.suite}`,
    expected: `a new folder, or one with the table of ${suite}`,
  });
}

/** The result in a task's folder, or null where it has none yet. @throws DataError for one that is malformed */
export async function taskResult(folder: string): Promise<CompareResult | null> {
  const path = join(folder, 'result.json');
  return existsSync(path) ? checkCompareResult(await readJson(path), path) : null;
}

/**
 * A task's result, or null where it has none yet.
 *
 * @throws UsageError naming both plans where it is that of another one; DataError for one that is malformed
 */
export async function finishedResult(folder: string, plan: ComparePlan): Promise<CompareResult | null> {
  const result = await taskResult(folder);
  if (result) requireSamePlan(folder, plan, result.plan);
  return result;
}

/**
 * @param keys what of the plans has to be the same; all of them if absent
 * @throws UsageError naming what differs of what was asked for and what was done
 */
export function requireSamePlan(
  folder: string,
  asked: ComparePlan,
  done: ComparePlan,
  keys: readonly string[] = [...new Set([...Object.keys(asked), ...Object.keys(done)])],
): void {
  const [one, other] = [comparable(asked, asked), comparable(done, asked)];
  const others = keys.filter((key) => !isDeepStrictEqual(one[key], other[key]));
  if (others.length === 0) return;
  const told = (plan: object): string => {
    const fields: Record<string, unknown> = asInFile(plan);
    return others.map((key) => `${key} ${key in fields ? encodeJson(fields[key]) : 'unset'}`).join(', ');
  };
  throw new UsageError({
    operation: 'table --out',
    received: `${folder}, which was finished with ${told(done)}`,
    expected: told(asked),
    advice: 'Name another folder with --out, or remove this one first.',
  });
}

/** As a file has it: without what is undefined. */
export const asInFile = (value: object): Record<string, unknown> =>
  decodeJson(encodeJson(value)) as Record<string, unknown>;

/** A plan without what does not tell it from the one that is asked for: how a path is written, a backend left open. */
function comparable(plan: ComparePlan, asked: ComparePlan): Record<string, unknown> {
  const { data, pretrained } = plan;
  const sum = isUnread(asked) ? undefined : pretrained?.sum;
  return asInFile({
    ...plan,
    data: data && resolve(data),
    pretrained: pretrained && { ...pretrained, folder: resolve(pretrained.folder), sum },
    backend: isBackend(asked.backend, plan.backend) ? asked.backend : plan.backend,
  });
}

/** Whether a plan starts from weights that were not there to be read, which only a dry run takes. */
export const isUnread = ({ pretrained }: ComparePlan): boolean =>
  pretrained !== undefined && !pretrained.fresh && pretrained.sum === undefined;

/** Whether a comparison ran on the backend that is asked for, which may leave open which. */
const isBackend = (asked: string, ran: string): boolean =>
  asked === 'auto' || `${withoutThreads(ran)}:`.startsWith(`${withoutThreads(asked)}:`);

/**
 * Moves a comparison that was broken off out of the way, with all that it had finished.
 *
 * @returns where it is now; null where there was none
 */
export async function setAside(folder: string): Promise<string | null> {
  const inside = await readdir(folder).catch(() => []);
  if (inside.length === 0) return null;
  let aside = `${folder}-unfinished`;
  for (let number = 2; existsSync(aside); number++) aside = `${folder}-unfinished-${number}`;
  await rename(folder, aside).catch((error: unknown) => {
    throw cannot('move', folder, error);
  });
  return aside;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return decodeJson(await readFile(path, 'utf8'));
  } catch (error) {
    throw new DataError({ operation: 'table', received: path, expected: 'a JSON document' }, { cause: error });
  }
}
