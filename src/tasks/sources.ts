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
  throw nothingIn(dataset, folder);
};

const nothingIn = (dataset: Dataset<unknown>, folder: string): DataError => {
  const names = dataset.parts.map((part) => part.files[0]);
  return new DataError({
    operation: `read ${dataset.title}`,
    received: `none of its files in ${folder}`,
    expected: expectedOf(dataset, names.join(', ')),
  });
};

const measuredTexts = async (dataset: Dataset<unknown>, folder: string, read: ReadFile): Promise<string[]> => {
  const diagnostic = dataset.diagnosticOf !== undefined;
  const dev = diagnostic ? [] : (await splitRecords(dataset, folder, read)).dev;
  const rows = dev.map((part) => part.rows);
  for (const part of dataset.parts)
    if (diagnostic || part.split === 'test')
      for await (const records of findRecords(dataset, part, folder, read)) rows.push(records.rows);
  if (rows.length === 0) throw nothingIn(dataset, folder);
  return rows.flat().flatMap((row) => dataset.sentences(row));
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
  measured: (folder, read) => measuredTexts(dataset, folder, read),
  check: (folder, read) => checkDataset(dataset, folder, read),
});

export const taskSources: readonly TaskSource[] = [...datasets.map(sourceOf), ...squadSources, ...nerSources];
