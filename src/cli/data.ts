import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { type GlueName, glueNames, parseGlue } from '../tasks/glue.ts';
import { loadTask } from '../tasks/index.ts';
import { readLines } from '../text/lines.ts';
import { encodeJson } from '../train/json.ts';
import { embeddedTask } from '../train/plan.ts';
import type { Environment, OutputFlags } from './environment.ts';
import { textTable } from './table.ts';

export interface DataCheckFlags extends OutputFlags {
  readonly data: string;
  readonly vocab?: string;
}

const files = 'train.tsv and dev.tsv as GLUE lays them out';

/** A line a task; a task that is added to `glueNames` and not here is a compile error. */
const descriptions: Readonly<Record<GlueName, readonly [metric: string, about: string]>> = {
  cola: ['matthews', 'is the sentence acceptable English?'],
  sst2: ['accuracy', 'is the phrase of a film review positive?'],
};

/** `omoe data list`: what tasks there are and what files each needs. */
export function dataList(flags: OutputFlags, environment: Environment): void {
  const tasks = [
    { name: embeddedTask, metric: 'accuracy', about: 'a generated language of several domains', needs: 'nothing' },
    ...glueNames.map((name) => ({ name, metric: descriptions[name][0], about: descriptions[name][1], needs: files })),
  ];
  const rows = tasks.map(({ name, metric, about, needs }) => [name, metric, about, needs]);
  const text = textTable(['task', 'metric', 'about', 'needs'], rows);
  environment.stdout.write(`${flags.json ? encodeJson({ tasks }, 2) : text}\n`);
}

/**
 * `omoe data check`: reads every line of a task's files and counts them. With a vocabulary, cuts the sentences into
 * word pieces as well.
 *
 * @throws UsageError for an unknown task, DataError naming the first line that is wrong
 */
export async function dataCheck(name: string, flags: DataCheckFlags, environment: Environment): Promise<void> {
  const task = glueNames.find((known) => known === name);
  if (task === undefined) {
    throw new UsageError({
      operation: 'data check',
      received: `the task "${name}"`,
      expected: `one of ${glueNames.join(', ')}`,
      advice: name === embeddedTask ? 'The embedded task has no files.' : didYouMean(name, glueNames),
    });
  }
  const splits = await Promise.all(
    ['train', 'dev'].map(async (split) => {
      const path = join(flags.data, `${split}.tsv`);
      const rows = parseGlue(task, await readLines(path, files, readFile), path);
      const positive = rows.filter(({ label }) => label === 1).length;
      return { split, rows: rows.length, label0: rows.length - positive, label1: positive };
    }),
  );
  const pieces = flags.vocab === undefined ? null : await countPieces(task, flags.data, flags.vocab);
  if (flags.json) {
    environment.stdout.write(`${encodeJson({ task, data: flags.data, splits, pieces }, 2)}\n`);
    return;
  }
  const rows = splits.map(({ split, rows, label0, label1 }) => [split, String(rows), String(label0), String(label1)]);
  environment.stdout.write(`${textTable(['split', 'rows', 'label 0', 'label 1'], rows)}\n`);
  if (pieces !== null) {
    environment.stdout.write(
      `vocabulary ${pieces.vocabulary}; longest sentence ${pieces.longest} pieces, mean ${pieces.mean.toFixed(1)}\n`,
    );
  }
}

async function countPieces(task: GlueName, data: string, vocab: string) {
  const limits = { trainLimit: null, devLimit: null };
  const loaded = await loadTask({ task, data, vocab, read: readFile, seed: 0, length: 512, ...limits });
  const lengths = [...loaded.train, ...loaded.dev].map(({ tokens }) => tokens.length);
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  return { vocabulary: loaded.vocabularySize, longest, mean };
}
