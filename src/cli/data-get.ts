import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, UsageError } from '../errors.ts';
import { writeWhole } from '../io/files.ts';
import { nodeFiles } from '../io/node.ts';
import type { TaskSource } from '../tasks/task-source.ts';
import { encodeJson } from '../train/json.ts';
import { sourceNamed } from './data.ts';
import { addressOf, elsewhere, type MadeFile, type Recipe, sourceTable, type TaskFiles } from './data-sources.ts';
import { download, type Outcome, type RemoteFile } from './download.ts';
import { type Environment, InterruptedError, type OutputFlags } from './environment.ts';
import { textTable } from './table.ts';
import { type Unpacked, unpack } from './unpack.ts';

export interface DataGetFlags extends OutputFlags {
  readonly out: string;
  readonly acceptLicence?: boolean;
  /** Another server with the same paths. */
  readonly host?: string;
}

const [byteOrderMark, quality] = ['\xef\xbb\xbf', 'Quality'];

/** The listed pairs of identifiers, which stand in the second and third column of a row. */
const isListed = (list: string) => {
  const listed = new Set(list.split('\n').filter(Boolean));
  return (row: string): boolean => listed.has(row.split('\t').slice(1, 3).join('\t'));
};

const splitHeader = (text: string): [string, string[]] => {
  const [header, ...rows] = text.split('\n');
  // The line feed at the end ends the last row, and starts none.
  return [header, rows.at(-1) === '' ? rows.slice(0, -1) : rows];
};

const recipes: Readonly<Record<Recipe, (first: string, second: string) => string>> = {
  'the listed pairs': (first, second) => {
    const [header, rows] = splitHeader(first);
    return [header, ...rows.filter(isListed(second)), ''].join('\n');
  },
  'without the listed pairs': (first, second) => {
    const [header, rows] = splitHeader(first);
    const listed = isListed(second);
    return [header, ...rows.filter((row) => !listed(row)), ''].join('\n');
  },
  'numbered, without labels': (first) => {
    const [header, rows] = splitHeader(first);
    const columns = header.replace(byteOrderMark, '').replace(quality, 'index');
    return [columns, ...rows.map((row, i) => `${i}${row.slice(row.indexOf('\t'))}`), ''].join('\n');
  },
};

/** Makes a file of one or two that were fetched. @throws DataError where it is not the one it should be */
export const makeFile = async (made: MadeFile, folder: string): Promise<void> => {
  // A byte order mark belongs to the file, so the text is taken as Latin-1, byte for byte.
  const [first, second] = await Promise.all(made.from.map((name) => readFile(join(folder, name), 'latin1')));
  const bytes = Buffer.from(recipes[made.by](first, second ?? ''), 'latin1');
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (bytes.length !== made.size || digest !== made.sha256)
    throw new DataError({
      operation: `make ${made.name}`,
      received: `${bytes.length} bytes with SHA-256 ${digest}`,
      expected: `${made.size} bytes with SHA-256 ${made.sha256}`,
    });
  const path = join(folder, made.name);
  const there = await readFile(path).catch(() => null);
  if (there && !there.equals(bytes))
    throw new DataError({
      operation: `make ${made.name}`,
      received: `another file at ${path}`,
      expected: 'none',
      advice: 'Move it away.',
    });
  await writeWhole(nodeFiles, path, bytes);
};

const notFetched = (task: TaskSource): DataError =>
  new DataError({
    operation: `data get ${task.name}`,
    received: `${task.title}, whose files are given out by agreement only (${task.licence})`,
    expected: 'a task whose files anybody may fetch',
    advice: `${elsewhere[task.name]} ${task.layout}`,
  });

/** What would be fetched, and under what licence. */
const planOf = (task: TaskSource, files: readonly RemoteFile[]): string =>
  [
    `${task.title}: licence of the data: ${task.licence}`,
    'Whether you may use it is for you to find out; the files come from the addresses below, not from this project.',
    textTable(
      ['file', 'bytes', 'from'],
      files.map(({ name, size, address }) => [name, String(size), address]),
    ),
  ].join('\n');

/**
 * `omoe data get`: fetches the files of a task, each held to its checksum, once the licence was accepted, unpacks what is
 * an archive, and makes what the official script makes.
 *
 * @throws UsageError for an unknown task, or where the licence was not accepted; DataError for what could not be
 *   fetched or unpacked; InterruptedError after Ctrl-C, with what has come kept.
 */
export async function dataGet(
  name: string,
  flags: DataGetFlags,
  environment: Environment,
  table: Readonly<Record<string, TaskFiles>> = sourceTable,
): Promise<void> {
  const task = sourceNamed('data get', name);
  const known = Object.hasOwn(table, name) ? table[name] : undefined;
  if (known === undefined) throw notFetched(task);
  const host = flags.host?.replace(/\/+$/, '');
  const files = known.files.map((file) => ({ ...file, address: addressOf(file, host) }));
  if (!flags.quiet && !flags.json) environment.stdout.write(`${planOf(task, files)}\n`);
  if (!flags.acceptLicence)
    throw new UsageError({
      operation: `data get ${name}`,
      received: 'no --accept-licence',
      expected: `it, to fetch data under this licence: ${task.licence}`,
    });
  const abort = new AbortController();
  const ignore = environment.onInterrupt(() => abort.abort());
  const outcomes: { file: string; outcome: Outcome | Unpacked | 'made' }[] = [];
  const tell = (file: string, outcome: Outcome | Unpacked | 'made'): void => {
    outcomes.push({ file, outcome });
    if (!flags.quiet) environment.stderr.write(`${file}: ${outcome}\n`);
  };
  try {
    const { signal } = abort;
    for (const file of files) {
      tell(file.name, await download(file, flags.out, { signal }));
      if (!file.members) continue;
      const unpacked = await unpack(join(flags.out, file.name), file.members, flags.out, { signal });
      for (const { file: name, outcome } of unpacked) tell(name, outcome);
    }
    for (const made of known.made ?? []) {
      await makeFile(made, flags.out);
      tell(made.name, 'made');
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    throw new InterruptedError(
      {
        operation: 'data get',
        received: 'a request to stop',
        expected: 'to run to its end',
        advice: 'Run it again to go on.',
      },
      { cause: error },
    );
  } finally {
    ignore();
  }
  if (flags.json) {
    const { licence } = task;
    environment.stdout.write(`${encodeJson({ task: name, out: flags.out, licence, files: outcomes }, 2)}\n`);
    return;
  }
  if (!flags.quiet) environment.stdout.write(`Check them: omoe data check ${name} --data ${flags.out}\n`);
}
