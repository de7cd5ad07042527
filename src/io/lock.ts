import { UsageError } from '../errors.ts';
import { isMissing } from './failure.ts';
import { type Files, join } from './files.ts';

/** A process, told from every other one by more than its number, which the system uses again. */
export interface ProcessName {
  readonly pid: number;
  readonly host: string;
  /** What the system knows of its start, the same whenever it is asked; null where it tells nothing of the kind. */
  readonly born: string | null;
  /** When it started, for people. */
  readonly started: string;
}

/** How to learn who is alive. Node's are `nodeProcesses` of `omoe/io/node`. */
export interface Processes {
  self(): Promise<ProcessName>;
  /** Whether it runs; null where this cannot be known, as on another machine. */
  alive(name: ProcessName): Promise<boolean | null>;
}

export interface Lock {
  /** What was found of processes that are gone, in words; empty as a rule. */
  readonly tookOver: readonly string[];
  release(): Promise<void>;
}

/**
 * Takes a folder for this process alone.
 *
 * Each process announces itself by a file of its own, then looks for those of others: of two that come at once at least
 * one sees the other and steps back, so never do two hold the folder (it may happen that both step back). The file of a
 * process that is gone is removed, and said; its name is that process's alone, so nobody else's can be removed by mistake.
 *
 * @throws UsageError naming the process that has the folder
 */
export async function lockFolder(files: Files, folder: string, processes: Processes): Promise<Lock> {
  const self = await processes.self();
  const own = fileOf(self);
  const path = join(folder, own);
  const tookOver: string[] = [];
  if (!(await announce(files, path, self))) {
    const before = await owner(files, folder, own);
    // The same number on the same machine: this process itself, unless the system tells their starts apart.
    if (before !== null && (self.born === null || before.born === null || before.born === self.born))
      throw refusal(folder, before, `this process has it; where it has not, remove ${path}`);
    await files.remove(path);
    tookOver.push(`the lock of process ${self.pid}, which an earlier process of this number left`);
    if (!(await announce(files, path, self))) throw refusal(folder, self, 'it was taken just now: try again');
  }
  try {
    for (const name of await files.list(folder)) {
      if (name === own || !lockName.test(name)) continue;
      const other = await owner(files, folder, name);
      if (other === null) continue;
      const alive = await processes.alive(other);
      if (alive === true) throw refusal(folder, other, 'wait for it, stop it, or name another folder');
      if (alive === null)
        throw refusal(folder, other, `if it no longer runs on that machine, remove ${join(folder, name)}`);
      await files.remove(join(folder, name));
      tookOver.push(`the lock of process ${other.pid}, which ended without releasing it`);
    }
  } catch (error) {
    await files.remove(path).catch(() => {});
    throw error;
  }
  return { tookOver, release: () => files.remove(path) };
}

/** Writes this process's file; one that could not be written whole is not left behind. */
async function announce(files: Files, path: string, self: ProcessName): Promise<boolean> {
  try {
    return await files.createExclusive(path, new TextEncoder().encode(`${JSON.stringify(self)}\n`));
  } catch (error) {
    await files.remove(path).catch(() => {});
    throw error;
  }
}

/** Number and machine stand in the name too: a process that is killed while it writes leaves an empty file. */
const fileOf = ({ pid, host }: ProcessName): string => `lock-${encodeURIComponent(host).slice(0, 120)}-${pid}.json`;
export const lockName = /^lock-(.*)-(\d+)\.json$/;

/** Whose file it is, or null if it is gone by now. */
async function owner(files: Files, folder: string, name: string): Promise<ProcessName | null> {
  const [, host, pid] = lockName.exec(name) ?? [];
  const named: ProcessName = {
    pid: Number(pid),
    host: decode(host),
    born: null,
    started: 'a time it had not written yet',
  };
  let text: string;
  try {
    text = new TextDecoder().decode(await files.read(join(folder, name)));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    const { host, born, started } = JSON.parse(text);
    const whole =
      typeof host === 'string' && typeof started === 'string' && (born === null || typeof born === 'string');
    return whole ? { pid: named.pid, host, born, started } : named;
  } catch {
    return named;
  }
}

const decode = (host: string): string => {
  try {
    return decodeURIComponent(host);
  } catch {
    return host;
  }
};

const refusal = (folder: string, { pid, host, started }: ProcessName, advice: string): UsageError =>
  new UsageError({
    operation: `lock ${folder}`,
    received: `a folder in use by process ${pid} on ${host}, started ${started}`,
    expected: 'a folder that no other process writes to',
    advice: `${advice[0].toUpperCase()}${advice.slice(1)}.`,
  });
