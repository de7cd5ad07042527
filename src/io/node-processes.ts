import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { codeOf } from './failure.ts';
import type { Processes } from './lock.ts';

/** The processes of this machine. On Linux a start is the boot and the tick of it, so that a number used again is noticed. */
export const nodeProcesses: Processes = {
  async self() {
    return {
      pid: process.pid,
      host: hostname(),
      born: (await stateOf(process.pid))?.born ?? null,
      started: new Date(Date.now() - process.uptime() * 1000).toISOString(),
    };
  },

  async alive({ pid, host, born }) {
    if (host !== hostname()) return null;
    const state = await stateOf(pid);
    if (state !== null) return state.running && (born === null || state.born === born);
    // Without /proc, or without this process in it.
    return signalled(pid);
  },
};

/** What Linux tells of a process: null where it tells nothing. */
async function stateOf(pid: number): Promise<{ readonly running: boolean; readonly born: string } | null> {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // `pid (name) state …`: the name may hold anything, brackets too. The start is field 22 of all, 20 behind the name.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Z and X: ended, and only waiting for its parent to notice.
    return { running: !['Z', 'X'].includes(fields[0]), born: `${boot.trim()}:${fields[19]}` };
  } catch {
    return null;
  }
}

/** Signal 0 reaches nobody, and says whether there is somebody: not permitted means there is. */
function signalled(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}
