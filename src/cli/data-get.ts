import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, UsageError } from '../errors.ts';
import { writeWhole } from '../io/files.ts';
import { nodeFiles } from '../io/node.ts';
import { isOfficial } from '../tasks/dataset.ts';
import { findDataset } from '../tasks/datasets.ts';
import type { TaskSource } from '../tasks/task-source.ts';
import { encodeJson } from '../train/json.ts';
import { sourceNamed } from './data.ts';
import { addressOf, githubFiles, type MadeFile, siteOf, sourceTable, type TaskFiles } from './data-sources.ts';
import { download, type Outcome, type RemoteFile } from './download.ts';
import { type Environment, InterruptedError, type OutputFlags } from './environment.ts';
import { textTable } from './table.ts';

export interface DataGetFlags extends OutputFlags {
  readonly out: string;
  readonly acceptLicence?: boolean;
  /** Another server with the same paths. */
  readonly host?: string;
}

const remoteFiles = ({ sources }: TaskFiles, host: string): RemoteFile[] =>
  sources.flatMap((repository) =>
    repository.files.map((file) => ({
      name: file.name,
      address: addressOf(repository, file, host),
      size: file.size,
      sha256: file.sha256,
    })),
  );

/** The official files of a task that are not in the table. */
const missingFiles = (task: string, names: readonly string[]): string[] =>
  (findDataset(task)?.parts ?? [])
    .filter(({ split }) => split === 'train' || split === 'dev')
    .filter((part) => !part.files.some((file) => isOfficial(part, file) && names.includes(file)))
    .map(({ files }) => files[0]);

/** How the official scripts make a file of two: one behind the other, or without the pairs that the second lists. */
const recipes: Readonly<Record<MadeFile['by'], (first: string, second: string) => string>> = {
  joining: (first, second) => first + second,
  'leaving out the listed pairs': (first, second) => {
    const listed = new Set(second.split('\n').filter(Boolean));
    const [header, ...rows] = first.split('\n');
    const kept = rows.filter((row) => !listed.has(row.split('\t').slice(1, 3).join('\t')));
    return [header, ...kept].join('\n');
  },
};

/** Makes a file of two that were fetched. @throws DataError where it is not the one it should be */
export const makeFile = async (made: MadeFile, folder: string): Promise<void> => {
  // A byte order mark belongs to the file, so the text is taken as Latin-1, byte for byte.
  const [first, second] = await Promise.all(made.from.map((name) => readFile(join(folder, name), 'latin1')));
  const bytes = Buffer.from(recipes[made.by](first, second), 'latin1');
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

const nothingKnown = (task: TaskSource): DataError =>
  new DataError({
    operation: `data get ${task.name}`,
    received: `${task.title}, for whose files no address with a checksum is known`,
    expected: 'a task whose files are',
    advice: `They are at ${siteOf(findDataset(task.name)?.suite ?? task.title)}. ${task.layout}`,
  });

/** What would be fetched, and under what licence. */
const planOf = (task: TaskSource, files: readonly RemoteFile[], missing: readonly string[]): string =>
  [
    `${task.title}: licence of the data: ${task.licence}`,
    'Whether you may use it is for you to find out; the files come from the repositories below, not from this project.',
    textTable(
      ['file', 'bytes', 'from'],
      files.map(({ name, size, address }) => [name, String(size), address]),
    ),
    ...(missing.length > 0
      ? [`Not fetched: ${missing.join(', ')}. See ${siteOf(findDataset(task.name)?.suite ?? task.title)}.`]
      : []),
  ].join('\n');

/**
 * `omoe data get`: fetches the files of a task, each at one commit and with its checksum, once the licence was accepted.
 *
 * @throws UsageError for an unknown task, or where the licence was not accepted; DataError for what could not be
 *   fetched; InterruptedError after Ctrl-C, with what has come kept.
 */
export async function dataGet(
  name: string,
  flags: DataGetFlags,
  environment: Environment,
  table: Readonly<Record<string, TaskFiles>> = sourceTable,
): Promise<void> {
  const task = sourceNamed('data get', name);
  const known = Object.hasOwn(table, name) ? table[name] : undefined;
  if (known === undefined) throw nothingKnown(task);
  const files = remoteFiles(known, flags.host?.replace(/\/+$/, '') ?? githubFiles);
  const missing = missingFiles(name, [...files.map((file) => file.name), known.made?.name ?? '']);
  if (!flags.quiet && !flags.json) environment.stdout.write(`${planOf(task, files, missing)}\n`);
  if (!flags.acceptLicence)
    throw new UsageError({
      operation: `data get ${name}`,
      received: 'no --accept-licence',
      expected: `it, to fetch data under this licence: ${task.licence}`,
    });
  const abort = new AbortController();
  const ignore = environment.onInterrupt(() => abort.abort());
  const outcomes: { file: string; outcome: Outcome | 'made' }[] = [];
  try {
    for (const file of files) {
      const outcome = await download(file, flags.out, { signal: abort.signal });
      outcomes.push({ file: file.name, outcome });
      if (!flags.quiet) environment.stderr.write(`${file.name}: ${outcome}\n`);
    }
    if (known.made) {
      await makeFile(known.made, flags.out);
      outcomes.push({ file: known.made.name, outcome: 'made' });
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
    environment.stdout.write(`${encodeJson({ task: name, out: flags.out, licence, files: outcomes, missing }, 2)}\n`);
    return;
  }
  if (!flags.quiet) environment.stdout.write(`Check them: omoe data check ${name} --data ${flags.out}\n`);
}
