/** Files of a folder that go by several names. */
import { DataError } from '../errors.ts';
import { isMissing } from '../io/failure.ts';
import { type ReadFile, readBytes } from '../text/lines.ts';

export interface FoundFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * The first of the names that is there, or null.
 *
 * @param expected what the file should be, for the error.
 * @throws DataError for one that is there and cannot be read.
 */
export const findFile = async (
  folder: string,
  names: readonly string[],
  expected: string,
  read: ReadFile,
): Promise<FoundFile | null> => {
  for (const name of names) {
    const path = `${folder.replace(/\/+$/, '')}/${name}`;
    try {
      return { name, path, bytes: await readBytes(path, expected, read) };
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return null;
};

/** Like {@link findFile}, where one must be there. @throws DataError naming the first, with the others as advice */
export const requireFile = async (
  folder: string,
  names: readonly string[],
  expected: string,
  read: ReadFile,
): Promise<FoundFile> => {
  const found = await findFile(folder, names, expected, read);
  if (found) return found;
  throw new DataError({
    operation: 'read file',
    received: `no such file, ${folder.replace(/\/+$/, '')}/${names[0]}`,
    expected,
    advice: `Known names: ${names.join(', ')}.`,
  });
};
