import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import type { Dataset } from '../tasks/dataset.ts';
import { findDataset } from '../tasks/datasets.ts';
import { findGenerated, generatedTasks } from '../tasks/generated.ts';
import { findRecords, type SplitRecords, splitRecords } from '../tasks/load.ts';
import { taskSources } from '../tasks/sources.ts';
import { isCut } from '../tasks/superglue/marked.ts';
import type { TaskSource } from '../tasks/task-source.ts';
import { readWordPieces } from '../text/wordpiece.ts';
import { encodeJson } from '../train/json.ts';
import type { Environment, OutputFlags } from './environment.ts';
import { textTable } from './table.ts';

export interface DataCheckFlags extends OutputFlags {
  readonly data: string;
  readonly vocab?: string;
}

/** `omoe data list`: what tasks there are, what each reports, what files it needs, and their licences. */
export function dataList(flags: OutputFlags, environment: Environment): void {
  const tasks = [
    ...generatedTasks.map(({ name, metric, about }) => ({
      name,
      metric,
      about,
      layout: 'no files',
      licence: 'part of this package',
    })),
    ...taskSources.map(({ name, metric, title, about, layout, licence }) => ({
      name,
      metric,
      about: about ?? title,
      layout,
      licence,
    })),
  ];
  if (flags.json) {
    environment.stdout.write(`${encodeJson({ tasks }, 2)}\n`);
    return;
  }
  const rows = tasks.map(({ name, metric, about, licence }) => [name, metric, about, licence]);
  const layouts = tasks.map(({ name, layout }) => [name, layout]);
  const [tasksTable, layoutTable] = [
    textTable(['task', 'metric', 'about', 'licence of the data'], rows),
    textTable(['task', 'files'], layouts),
  ];
  environment.stdout.write(`${tasksTable}\n\n${layoutTable}\n`);
}

/** @throws UsageError for a name that is no task of files */
export const sourceNamed = (operation: string, name: string): TaskSource => {
  const source = taskSources.find((known) => known.name === name);
  if (source) return source;
  const names = taskSources.map((known) => known.name);
  throw new UsageError({
    operation,
    received: `the task "${name}"`,
    expected: `one of ${names.join(', ')}`,
    advice: findGenerated(name) ? 'The embedded tasks have no files.' : didYouMean(name, names),
  });
};

/**
 * `omoe data check`: reads every line of a task's files and counts them. With a vocabulary, cuts the texts into word
 * pieces as well.
 *
 * @throws UsageError for an unknown task, DataError naming the first line that is wrong
 */
export async function dataCheck(name: string, flags: DataCheckFlags, environment: Environment): Promise<void> {
  const source = sourceNamed('data check', name);
  const checked = await source.check(flags.data, readFile);
  const files = checked.files.map(({ name: file, split, rows, labels }) => ({
    split: split ?? '',
    file,
    rows,
    labels,
  }));
  const pieces = flags.vocab === undefined ? null : await countPieces(name, flags.data, flags.vocab);
  if (flags.json) {
    environment.stdout.write(`${encodeJson({ task: name, data: flags.data, files, pieces }, 2)}\n`);
    return;
  }
  const rows = files.map(({ split, file, rows, labels }) => {
    const counts = Object.entries(labels ?? {}).map(([label, count]) => `${label} ${count}`);
    return [split, file, String(rows), counts.join(', ')];
  });
  environment.stdout.write(`${textTable(['split', 'file', 'rows', 'labels'], rows)}\n`);
  if (pieces !== null) {
    const { vocabulary, examples, longest, mean, unmarked, split } = pieces;
    if (unmarked > 0) environment.stdout.write(`marked words without pieces: ${unmarked}\n`);
    if (split !== null) environment.stdout.write(`split: ${split}\n`);
    environment.stdout.write(
      `vocabulary ${vocabulary}; ${examples} examples, longest ${longest} pieces, mean ${mean.toFixed(1)}\n`,
    );
  }
}

/** The records of a set that is only measured on: nothing of it is trained on, so all of its files are as they are. */
async function diagnosticRecords(dataset: Dataset<unknown>, data: string): Promise<SplitRecords<unknown>> {
  const dev: { readonly name: string; readonly rows: readonly unknown[] }[] = [];
  for (const part of dataset.parts)
    for await (const { file, rows } of findRecords(dataset, part, data, readFile)) dev.push({ name: file, rows });
  return { train: [], dev };
}

/** The lengths of a task's examples, uncut, special tokens included. */
async function countPieces(name: string, data: string, vocab: string) {
  const dataset = findDataset(name);
  if (dataset === undefined)
    throw new UsageError({
      operation: 'data check --vocab',
      received: `the task "${name}"`,
      expected: 'a task of GLUE or SuperGLUE',
    });
  const trainable = ['train', 'dev'].every((split) => dataset.parts.some((part) => part.split === split));
  const records = trainable ? await splitRecords(dataset, data, readFile) : await diagnosticRecords(dataset, data);
  const tokenizer = (await readWordPieces(vocab, readFile)).tokenizer;
  let [examples, longest, sum, unmarked] = [0, 0, 0, 0];
  for (const rows of [records.train, ...records.dev.map((part) => part.rows)])
    for (const { tokens, spans = [] } of dataset.examples(rows, tokenizer)) {
      examples++;
      unmarked += spans.filter(isCut).length;
      sum += tokens.length;
      longest = Math.max(longest, tokens.length);
    }
  return {
    vocabulary: tokenizer.size,
    examples,
    longest,
    mean: sum / examples,
    unmarked,
    split: records.split ?? null,
  };
}
