import type { Files } from './files.ts';

export interface Failure {
  /** Which call fails, from 1 on; all operations count alike. */
  readonly call: number;
  /** The system's code, e.g. ENOSPC. */
  readonly code: string;
  /**
   * `once`: the next call works again. `always`: every later call fails too, as on a disk that stays full. `crash`: the
   * same, and the operations that a process does not see through are cut: what follows is as if it had been killed here.
   */
  readonly mode: 'once' | 'always' | 'crash';
}

export interface FailingFiles extends Files {
  /** Calls until now: a run without failure tells how many there are to fail. */
  readonly calls: () => number;
  /** What was called, in order: `writeNew /folder/file`. */
  readonly log: readonly string[];
}

/**
 * Files of which the n-th call fails; none does without a `failure`. A write that fails has written half of its bytes,
 * as on a full disk; everything else that fails has done nothing.
 */
export function failingFiles(files: Files, failure?: Failure): FailingFiles {
  const log: string[] = [];
  const fails = (operation: string, path: string): boolean => {
    log.push(`${operation} ${path}`);
    if (failure === undefined) return false;
    return failure.mode === 'once' ? log.length === failure.call : log.length >= failure.call;
  };
  const error = () => Object.assign(new Error(`${failure?.code}: made to fail`), { code: failure?.code });
  const first = () => log.length === failure?.call;

  const guard =
    <A extends readonly [string, ...unknown[]], R>(operation: string, act: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (fails(operation, args[0])) throw error();
      return act(...args);
    };
  /** A write that fails leaves the first half behind; after a crash no later call does anything. */
  const writing =
    <R>(operation: string, act: (path: string, bytes: Uint8Array) => Promise<R>) =>
    async (path: string, bytes: Uint8Array): Promise<R> => {
      if (!fails(operation, path)) return act(path, bytes);
      if (failure?.mode !== 'crash' || first()) await act(path, bytes.subarray(0, bytes.length >> 1));
      throw error();
    };

  return {
    owner: files.owner,
    calls: () => log.length,
    log,
    read: guard('read', files.read),
    size: guard('size', files.size),
    list: guard('list', files.list),
    makeFolder: guard('makeFolder', files.makeFolder),
    writeNew: writing('writeNew', files.writeNew),
    createExclusive: writing('createExclusive', files.createExclusive),
    append: writing('append', files.append),
    rename: guard('rename', files.rename),
    remove: guard('remove', files.remove),
    syncFolder: guard('syncFolder', files.syncFolder),
  };
}
