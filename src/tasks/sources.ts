/** Every task that is read from files, as the command line sees them. */
import { DataError } from '../errors.ts';
import type { ReadFile } from '../text/lines.ts';
import type { Dataset } from './dataset.ts';
import { datasets } from './datasets.ts';
import { expectedOf, findRecords, splitRecords } from './load.ts';
import { nerSources } from './ner/index.ts';
import { squadSources } from './qa/index.ts';
import type { CheckedFile, TaskSource } from './task-source.ts';

const withoutZeros = (counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

/** Reads all files of a data set that are there, under all the names they may have. */
const checkDataset = async (
  dataset: Dataset<unknown>,
  folder: string,
  read: ReadFile,
): Promise<{ files: CheckedFile[] }> => {
  const files: CheckedFile[] = [];
  for (const part of dataset.parts)
    for await (const { file, rows, skipped } of findRecords(dataset, part, folder, read)) {
      const { labels, others } = dataset.counts(rows);
      const rest = withoutZeros({ ...others, 'lines skipped': skipped });
      files.push({ name: file, split: part.name, rows: rows.length, labels: { ...labels, ...rest } });
    }
  if (files.length > 0) return { files };
  const names = dataset.parts.map((part) => part.files[0]);
  throw new DataError({
    operation: `read ${dataset.title}`,
    received: `none of its files in ${folder}`,
    expected: expectedOf(dataset, names.join(', ')),
  });
};

const sourceOf = (dataset: Dataset<unknown>): TaskSource => ({
  name: dataset.name,
  title: dataset.title,
  about: dataset.about,
  layout: `${[...new Set(dataset.parts.map(({ files }) => files[0]))].join(', ')}: ${dataset.layout}`,
  metric: dataset.metrics[0],
  licence: dataset.licence,
  sentences: async (folder, read) =>
    (await splitRecords(dataset, folder, read)).train.flatMap((row) => dataset.sentences(row)),
  check: (folder, read) => checkDataset(dataset, folder, read),
});

export const taskSources: readonly TaskSource[] = [...datasets.map(sourceOf), ...squadSources, ...nerSources];
