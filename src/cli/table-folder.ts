/** The folder of a table: what of it is finished, and what was broken off. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { DataError, UsageError } from '../errors.ts';
import { cannot } from '../io/failure.ts';
import { renderSuiteTable } from '../report/suite-table.ts';
import { decodeJson, encodeJson } from '../train/json.ts';
import { type CompareResult, checkCompareResult } from '../train/result.ts';
import { writeWhole } from '../train/run-folder.ts';
import { checkTableResult, type TableResult } from '../train/table-result.ts';
import type { ComparePlan } from '../train/types.ts';

/** table.json and table.md, each whole or not at all. */
export async function writeTable(out: string, table: TableResult): Promise<void> {
  await writeWhole(join(out, 'table.json'), `${encodeJson(table, 2)}\n`);
  await writeWhole(join(out, 'table.md'), renderSuiteTable(table));
}

/**
 * The table that the folder holds already, whose times are kept.
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

/** The result in a task's folder. @throws DataError where there is none, or a malformed one */
export async function taskResult(folder: string): Promise<CompareResult> {
  const path = join(folder, 'result.json');
  return checkCompareResult(await readJson(path), path);
}

/**
 * A task's result, or null where it has none yet.
 *
 * @throws UsageError naming both plans where it is that of another one; DataError for one that is malformed
 */
export async function finishedResult(folder: string, plan: ComparePlan): Promise<CompareResult | null> {
  if (!existsSync(join(folder, 'result.json'))) return null;
  const result = await taskResult(folder);
  // As a file would have it: without what is undefined.
  const [asked, done] = [plan, result.plan].map((one) => decodeJson(encodeJson(one)) as Record<string, unknown>);
  if (isBackend(plan.backend, result.plan.backend)) done.backend = asked.backend;
  const others = [...new Set([...Object.keys(asked), ...Object.keys(done)])].filter(
    (key) => !isDeepStrictEqual(asked[key], done[key]),
  );
  if (others.length === 0) return result;
  const told = (one: Record<string, unknown>): string =>
    others.map((key) => `${key} ${key in one ? encodeJson(one[key]) : 'unset'}`).join(', ');
  throw new UsageError({
    operation: 'table --out',
    received: `${folder}, which was finished with ${told(done)}`,
    expected: told(asked),
    advice: 'Name another folder with --out, or remove this one first.',
  });
}

/** A backend without its threads, which are shared out by the number of jobs: `wasm:relaxed:2` is `wasm:relaxed`. */
const withoutThreads = (backend: string): string => backend.replace(/:\d+$/, '');

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
