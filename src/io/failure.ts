import { OmoeError } from '../errors.ts';

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'a read-only file system',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a file where a folder should be',
  ENOENT: 'the folder is gone',
  EIO: 'an input/output error',
  EMFILE: 'too many open files',
};

/** The system's code of an error, such as ENOSPC, or its whole text where it has none. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error);

/**
 * Whether an error says that there is no such file: Node's code, or the name that a browser's file system gives it; of one of
 * omoe's own errors its cause does. A reader that fails in any other way has a file that it cannot read.
 */
export const isMissing = (error: unknown): boolean =>
  error instanceof OmoeError
    ? isMissing(error.cause)
    : codeOf(error) === 'ENOENT' || (error instanceof Error && error.name === 'NotFoundError');

/**
 * An error of the system as one of omoe's: `write folder/file: received no space left on the disk (ENOSPC), …`.
 *
 * @param verb what was tried: `write`, `create`, `append to`, …
 * @returns an OmoeError as it came; any other error as the cause of a new one
 */
export function cannot(
  verb: string,
  path: string,
  error: unknown,
  advice = 'Make room or name another folder.',
): OmoeError {
  if (error instanceof OmoeError) return error;
  const code = codeOf(error);
  // ENOENT while a folder is made in one that exists: the file system takes no folders, as /proc does not.
  const reason = verb === 'create' && code === 'ENOENT' ? 'a folder that cannot be created here' : reasons[code];
  return new OmoeError(
    {
      operation: `${verb} ${path}`,
      received: reason ? `${reason} (${code})` : code,
      expected: 'a folder that can be written',
      advice,
    },
    { cause: error },
  );
}
