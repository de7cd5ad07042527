import { DataError } from '../errors.ts';

/** Where Hugging Face keeps a split that fits one file: `train`, `validation`, `test`. */
export const hubFile = (split: string): string => `${split}-00000-of-00001.parquet`;

/** One row of a table: its cells by column. */
export type Cells = Readonly<Record<string, unknown>>;

/** 64-bit integers come as bigints; the labels and indices of data sets are small. Lists and structures inside too. */
const asNumbers = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(asNumbers);
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asNumbers(inner)]));
  return value;
};

/**
 * All rows of a Parquet file, as Hugging Face stores its data sets. The reader is fetched when it is first needed.
 *
 * @param name what to call the file in an error.
 * @throws DataError for bytes that are no Parquet file, or one that is damaged.
 */
export const readParquet = async (bytes: Uint8Array, name = 'a Parquet file'): Promise<Cells[]> => {
  const { parquetReadObjects } = await import('hyparquet');
  // Its own buffer: `bytes` may be a window of a larger one, as Node's files are.
  const file = new Uint8Array(bytes).buffer;
  try {
    return (await parquetReadObjects({ file })).map((row) => asNumbers({ ...row }) as Cells);
  } catch (error) {
    throw new DataError(
      {
        operation: 'read Parquet',
        received: `${name}: ${error instanceof Error ? error.message : String(error)}`,
        expected: 'a whole Parquet file',
        advice: 'Fetch it again; a pointer of Git LFS or a web page saved under this name is not the file.',
      },
      { cause: error },
    );
  }
};
