import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { DataError, type OmoeError, UsageError } from '../errors.ts';
import { codeOf, cannot as describe, isMissing } from '../io/failure.ts';
import { writeWhole as writeBytesWhole } from '../io/files.ts';
import { nodeFiles } from '../io/node.ts';
import { decodeJson, encodeJson } from './json.ts';
import type { MethodRun, StepEvent } from './types.ts';

/**
 * The folder of one comparison:
 *
 *   plan.json       what was asked for, before anything was trained
 *   metrics.jsonl   one line a training step, as they come
 *   methods/        one file for each finished method and seed
 *   result.json     the numbers, written when all is done
 *   report.html     the same for people
 *
 * Every file but metrics.jsonl is written whole or not at all. A folder without result.json is an unfinished comparison.
 */
export interface RunFolder {
  readonly path: string;
  /** Adds one line to metrics.jsonl. @throws OmoeError when it cannot be written, e.g. the disk is full */
  append(line: StepEvent | Readonly<Record<string, unknown>>): void;
  saveRun(run: MethodRun): Promise<void>;
  saveResult(result: unknown): Promise<void>;
  saveReport(html: string): Promise<void>;
  close(): void;
}

export interface RunFolderOptions {
  readonly task: string;
  /** The folder to use; it must be absent or empty, so that no earlier result is ever overwritten or mixed with this one. */
  readonly out?: string;
  /** Where to make a folder named by time and task when `out` is not given. Default `runs`. */
  readonly parent?: string;
  /** Names the folder; nothing else depends on it. */
  readonly now: Date;
  /** Stored in plan.json. */
  readonly plan: unknown;
}

/**
 * Makes the folder and proves that it can be written, before anything is trained.
 *
 * @throws UsageError if `out` is a file or a folder with something in it
 * @throws OmoeError if the folder cannot be made or written
 */
export async function createRunFolder(options: RunFolderOptions): Promise<RunFolder> {
  const path = await newFolder(options, 'compare');
  const methods = join(path, 'methods');
  const metrics = join(path, 'metrics.jsonl');
  const descriptor = attempt('create', metrics, () => {
    mkdirSync(methods);
    return openSync(metrics, 'ax');
  });
  await writeWhole(join(path, 'plan.json'), encodeJson(options.plan, 2));

  const names = new Map<string, string>();
  let closed = false;
  return {
    path,
    append(line) {
      // A worker's last message may arrive after an interruption has closed the folder.
      if (!closed) attempt('append to', metrics, () => writeSync(descriptor, `${encodeJson(line)}\n`));
    },
    saveRun(run) {
      const file = `${safeName(run.method, names)}-seed${run.seed}.json`;
      return writeWhole(join(methods, file), encodeJson(run, 2));
    },
    saveResult: (result) => writeWhole(join(path, 'result.json'), `${encodeJson(result, 2)}\n`),
    saveReport: (html) => writeWhole(join(path, 'report.html'), html),
    close() {
      if (!closed) closeSync(descriptor);
      closed = true;
    },
  };
}

/**
 * The folder that was named, which must be absent or empty, or one of its own in `parent`.
 *
 * @param command what an error names
 * @throws UsageError if `out` is a file or a folder with something in it; OmoeError if it cannot be made
 */
export const newFolder = async (
  options: Pick<RunFolderOptions, 'task' | 'out' | 'parent' | 'now'>,
  command: string,
): Promise<string> => (options.out === undefined ? makeDated(options) : makeNamed(options.out, command));

/** `runs/2026-02-03-140509-embedded`, with a number behind it if another comparison began in the same second. */
async function makeDated({
  task,
  parent = 'runs',
  now,
}: Pick<RunFolderOptions, 'task' | 'parent' | 'now'>): Promise<string> {
  const time = now.toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '');
  try {
    await nodeFiles.makeFolder(parent);
    for (let number = 1; ; number++) {
      const path = join(parent, `${time}-${slug(task)}${number === 1 ? '' : `-${number}`}`);
      if (!(await isNew(path))) continue;
      await nodeFiles.syncFolder(parent);
      return path;
    }
  } catch (error) {
    throw cannot('create', parent, error);
  }
}

/** Makes a folder that nobody else has made. */
async function isNew(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function makeNamed(out: string, command: string): Promise<string> {
  const refuse = (received: string) =>
    new UsageError({
      operation: `${command} --out`,
      received,
      expected: 'a new or an empty folder',
      advice: 'Nothing is overwritten: name another folder, or remove this one first.',
    });
  const found = await stat(out).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw cannot('use', out, error);
  });
  if (found === undefined) {
    await nodeFiles.makeFolder(out).catch((error: unknown) => {
      throw cannot('create', out, error);
    });
  } else if (!found.isDirectory()) {
    throw refuse(`${out}, which is a file`);
  } else {
    const inside = await readdir(out).catch((error: unknown) => {
      throw cannot('read', out, error);
    });
    const state = inside.includes('result.json')
      ? `holds a finished ${command === 'compare' ? 'comparison' : 'run'}`
      : 'is not empty';
    if (inside.length > 0) throw refuse(`${out}, which ${state}`);
  }
  return out;
}

/**
 * Writes a text whole or not at all; after a failure the old file is as it was.
 *
 * @throws OmoeError naming the file and what the system said
 */
export function writeWhole(path: string, text: string): Promise<void> {
  return writeBytesWhole(nodeFiles, path.replaceAll(sep, '/'), new TextEncoder().encode(text), advice);
}

/** What a finished run folder holds. */
export interface StoredRun {
  /** The document of result.json, not yet checked against its schema. */
  readonly result: unknown;
  readonly events: readonly StepEvent[];
  readonly runs: readonly MethodRun[];
}

/**
 * Reads a finished comparison back. The last line of metrics.jsonl may be cut short by a crash: it is left out then.
 *
 * @throws DataError if the folder is missing, unfinished, or holds a malformed file
 */
export async function readRunFolder(path: string): Promise<StoredRun> {
  const inside = await readdir(path).catch((error: unknown) => {
    throw new DataError(
      { operation: 'report', received: `${path} (${codeOf(error)})`, expected: 'the folder of a comparison' },
      { cause: error },
    );
  });
  if (!inside.includes('result.json')) {
    throw new DataError({
      operation: 'report',
      received: inside.includes('plan.json') ? `${path}, which did not finish` : `${path} without result.json`,
      expected: 'the folder of a finished comparison',
    });
  }
  const [result, metrics, files] = await Promise.all([
    readJson(join(path, 'result.json')),
    readText(join(path, 'metrics.jsonl')),
    readdir(join(path, 'methods')).catch(() => []),
  ]);
  const runs = await Promise.all(
    files
      .filter((file) => file.endsWith('.json') && !file.startsWith('.'))
      .sort()
      .map((file) => readJson(join(path, 'methods', file))),
  );
  return { result, events: readEvents(metrics, path), runs: runs as MethodRun[] };
}

function readEvents(text: string, path: string): StepEvent[] {
  const lines = text.split('\n');
  // A whole file ends in a newline, so what stands behind the last one is a line that was cut short.
  const whole = lines.slice(0, -1);
  return whole
    .map((line, index) => {
      try {
        return decodeJson(line) as StepEvent;
      } catch (error) {
        const where = `${join(path, 'metrics.jsonl')}, line ${index + 1}`;
        throw new DataError(
          { operation: 'report', received: where, expected: 'one JSON object a line' },
          { cause: error },
        );
      }
    })
    .filter((line) => typeof line === 'object' && line !== null && 'step' in line);
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new DataError(
      { operation: 'report', received: `${path} (${codeOf(error)})`, expected: 'a readable file' },
      { cause: error },
    );
  });
}

async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return decodeJson(text);
  } catch (error) {
    throw new DataError({ operation: 'report', received: path, expected: 'a JSON document' }, { cause: error });
  }
}

/** A method's name as part of a file name: short, legal everywhere, and its own even if two names differ only in odd characters. */
function safeName(method: string, taken: Map<string, string>): string {
  const known = taken.get(method);
  if (known !== undefined) return known;
  const used = new Set(taken.values());
  let name = slug(method);
  for (let number = 2; used.has(name); number++) name = `${slug(method)}~${number}`;
  taken.set(method, name);
  return name;
}

const slug = (name: string) => name.replaceAll(/[^A-Za-z0-9.=-]+/g, '_').slice(0, 80);

function attempt<T>(verb: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw cannot(verb, path, error);
  }
}

const advice = 'Name another folder with --out.';

const cannot = (verb: string, path: string, error: unknown): OmoeError => describe(verb, path, error, advice);
