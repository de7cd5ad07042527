/** A file of a data set before anybody knows what its columns mean: lines, or objects with names. */
import { DataError } from '../errors.ts';
import { type ReadFile, splitLines } from '../text/lines.ts';
import { findFile } from './folder.ts';
import { type Cells, readParquet } from './parquet.ts';

export type Source = { readonly path: string } & (
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  /** JSONL holds labels as their authors wrote them, Parquet as Hugging Face numbers them. */
  | { readonly kind: 'jsonl' | 'parquet'; readonly objects: readonly Cells[] }
);

/** Where the i-th object stands, for errors: `val.jsonl:3`, or `row 3 of train.parquet`, both from 1. */
export const placeOf = (source: Source, i: number): string =>
  source.kind === 'parquet' ? `row ${i + 1} of ${source.path}` : `${source.path}:${i + 1}`;

const parseLine = (line: string, path: string, i: number): Cells => {
  const fault = (received: string, error?: unknown): DataError =>
    new DataError(
      { operation: 'read JSONL', received: `${received} at ${path}:${i + 1}`, expected: 'one JSON object a line' },
      { cause: error },
    );
  if (line.trim() === '') throw fault('an empty line');
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw fault(`a line that is no JSON (${error instanceof Error ? error.message : error})`, error);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw fault(Array.isArray(value) ? 'a list' : JSON.stringify(value).slice(0, 40));
  return value as Cells;
};

/** What the bytes at `path` hold; the ending of the name decides how they are read. */
export const parseSource = async (bytes: Uint8Array, path: string): Promise<Source> => {
  if (path.endsWith('.parquet')) return { kind: 'parquet', path, objects: await readParquet(bytes, path) };
  const lines = splitLines(bytes, path);
  if (!path.endsWith('.jsonl')) return { kind: 'lines', path, lines };
  return { kind: 'jsonl', path, objects: lines.map((line, i) => parseLine(line, path, i)) };
};

/**
 * A file of a folder, or null where there is none of that name.
 *
 * @throws DataError where it is there and cannot be read: not UTF-8, no JSON, a folder …
 */
export const findSource = async (
  folder: string,
  file: string,
  expected: string,
  read: ReadFile,
): Promise<Source | null> => {
  const found = await findFile(folder, [file], expected, read);
  return found && parseSource(found.bytes, found.path);
};
