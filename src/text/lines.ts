import { DataError } from '../errors.ts';
import { codeOf, isMissing } from '../io/failure.ts';

/** The bytes at a path. Node's `readFile` is one; in a browser a `fetch`, or a file that was picked or dropped. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

const newline = 0x0a;

/** Bytes as UTF-8, or null where they are not; a BOM at the very start is dropped. */
const decode = (bytes: Uint8Array): string | null => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
};

/** The 1-based number of the first line that is not UTF-8: no UTF-8 sequence spans a line feed, so lines decode alone. */
const firstBadLine = (bytes: Uint8Array): number => {
  let line = 1;
  for (let start = 0; start <= bytes.length; line++) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    if (decode(bytes.subarray(start, end)) === null) return line;
    start = end + 1;
  }
  return line;
};

/**
 * The lines of a text as research data is laid out: UTF-8, ended by "\n".
 *
 * - Only "\n" ends a line; other Unicode line breaks (U+2028, U+0085, form feeds …) stay inside it.
 * - One "\r" directly before "\n", or at the very end, belongs to the line end: files that passed through Windows read
 *   as the originals do. Any other "\r" is text.
 * - The last line may or may not be ended; a byte order mark at the start is dropped.
 *
 * @param name what to call the text in an error, usually its path.
 * @throws DataError for bytes that are not UTF-8 (names the line) and for an empty text.
 */
export const splitLines = (bytes: Uint8Array, name: string): string[] => {
  const text = decode(bytes);
  if (text === null)
    throw new DataError({
      operation: 'read text',
      received: `bytes that are not UTF-8 at ${name}:${firstBadLine(bytes)}`,
      expected: 'UTF-8',
      advice: 'Convert the file, or fetch it again.',
    });
  if (text.length === 0)
    throw new DataError({ operation: 'read text', received: `an empty file, ${name}`, expected: 'at least one line' });
  const lines = text.split('\n');
  if (lines[lines.length - 1] === '') lines.pop();
  return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
};

/** Why a file could not be read, in words. */
const reason = (error: unknown): string => {
  const code = codeOf(error);
  if (isMissing(error)) return 'no such file';
  if (code === 'ENOTDIR') return 'a file where a folder should be';
  if (code === 'EISDIR') return 'a folder';
  if (code === 'EACCES' || code === 'EPERM') return 'a file that may not be read';
  return error instanceof Error ? error.message : String(error);
};

/**
 * The bytes of a file.
 *
 * @param expected what the file should be, for the error; @param read is the caller's, for there is no one way to files
 *   in Node and a browser.
 * @throws DataError where the file cannot be read; its cause is what `read` threw.
 */
export const readBytes = async (path: string, expected: string, read: ReadFile): Promise<Uint8Array> => {
  try {
    return await read(path);
  } catch (error) {
    throw new DataError({ operation: 'read file', received: `${reason(error)}, ${path}`, expected }, { cause: error });
  }
};

/**
 * Reads a file by {@link readBytes} and splits it by {@link splitLines}.
 *
 * @throws DataError where the file cannot be read, is empty or is not UTF-8.
 */
export const readLines = async (path: string, expected: string, read: ReadFile): Promise<string[]> =>
  splitLines(await readBytes(path, expected, read), path);
