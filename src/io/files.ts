import { cannot } from './failure.ts';

/** The bytes at a path. Where there is no such file it rejects with the code ENOENT, as Node's `readFile` does. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

/** What a file is to hold: bytes, or what makes them when its turn comes, so that not all files are in memory at once. */
export type FileContent = Uint8Array | (() => Promise<Uint8Array>);

export const bytesIn = async (content: FileContent): Promise<Uint8Array> =>
  typeof content === 'function' ? content() : content;

/**
 * The few file operations that everything else is made of. Node's are in `omoe/io/node`, an in-memory folder is
 * {@link memoryFiles}, a browser may bring its own; a test fails the n-th call of any of them.
 *
 * Paths are separated by `/` on every system. Each operation rejects with the system's own error and its `code`
 * (ENOENT, ENOSPC, …); the callers turn it into one of omoe's.
 */
export interface Files {
  /** Tells this process from others in the names of temporary files, so that two of them never write the same one. */
  readonly owner?: string;
  readonly read: ReadFile;
  /** How many bytes a file has; none of them is read. */
  size(path: string): Promise<number>;
  /** The names in a folder, sorted. */
  list(path: string): Promise<string[]>;
  /** Makes a folder and those above it, durably; one that is there already is left as it is. */
  makeFolder(path: string): Promise<void>;
  /** Creates a file or replaces its content; every byte is on the disk when it resolves. */
  writeNew(path: string, bytes: Uint8Array): Promise<void>;
  /** Creates a file, or resolves to false where there is one already. Of two processes only one is told true. */
  createExclusive(path: string, bytes: Uint8Array): Promise<boolean>;
  /** Adds bytes at the end of a file, which is created if need be. Not flushed: a crash may cut the last lines. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Puts a file in the place of another in one step: whoever looks sees the one or the other, whole. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all that is in it. What is not there needs no removing. */
  remove(path: string): Promise<void>;
  /** Makes the creations, renames and removals in a folder durable. */
  syncFolder(path: string): Promise<void>;
}

/** `folder/name`. */
export const join = (folder: string, name: string): string => (folder.endsWith('/') ? folder : `${folder}/`) + name;

/** The folder of a path, and its last name. */
export function split(path: string): { readonly folder: string; readonly name: string } {
  const cut = path.lastIndexOf('/');
  const folder = cut < 0 ? '.' : cut === 0 ? '/' : path.slice(0, cut);
  return { folder, name: path.slice(cut + 1) };
}

/**
 * Writes a file whole or not at all: a temporary file in the same folder, flushed to disk, renamed over the name, the
 * folder flushed as well. After a failure the file is the old one, or, if only the last flush failed, the new one: never
 * a mix; and the temporary file is gone.
 *
 * @param advice what the reader can do about a failure
 * @throws OmoeError naming the file and what the system said
 */
export async function writeWhole(files: Files, path: string, bytes: Uint8Array, advice?: string): Promise<void> {
  const { folder, name } = split(path);
  const temporary = join(folder, `.${name}.${files.owner ?? 'new'}.part`);
  try {
    await files.writeNew(temporary, bytes);
    await files.rename(temporary, path);
    await files.syncFolder(folder);
  } catch (error) {
    // What cannot be removed either is left behind; the first failure is the one to tell.
    await files.remove(temporary).catch(() => {});
    throw cannot('write', path, error, advice);
  }
}
