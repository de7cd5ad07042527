import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { failingFiles } from './failing-files.fixture.ts';
import type { Files } from './files.ts';
import { lockFolder, type Processes, type ProcessName } from './lock.ts';
import { memoryFiles } from './memory.ts';
import { nodeProcesses } from './node.ts';

const name = (pid: number, born: string | null = `tick ${pid}`, host = 'here'): ProcessName => ({
  pid,
  born,
  host,
  started: 'noon',
});

/** A machine on which these processes run. */
const machine = (self: ProcessName, ...running: ProcessName[]): Processes => ({
  self: async () => self,
  alive: async ({ pid, host, born }) =>
    host !== self.host ? null : running.some((one) => one.pid === pid && (born === null || one.born === born)),
});

async function folder(): Promise<Files> {
  const files = memoryFiles();
  await files.makeFolder('/run');
  return files;
}

describe('lockFolder', () => {
  it('lets one process in, and the next when it has left', async () => {
    const files = await folder();
    const [a, b] = [name(1), name(2)];
    const first = await lockFolder(files, '/run', machine(a, a, b));
    expect(first.tookOver).toEqual([]);
    expect(await files.list('/run')).toEqual(['lock-here-1.json']);
    const second = lockFolder(files, '/run', machine(b, a, b));
    await expect(second).rejects.toThrow(UsageError);
    await expect(second).rejects.toThrow(/lock \/run: received a folder in use by process 1 on here, started noon/);
    // Who is refused leaves nothing behind.
    expect(await files.list('/run')).toEqual(['lock-here-1.json']);
    await first.release();
    expect((await lockFolder(files, '/run', machine(b, a, b))).tookOver).toEqual([]);
  });

  it('refuses the same process twice', async () => {
    const files = await folder();
    const a = name(1);
    await lockFolder(files, '/run', machine(a, a));
    await expect(lockFolder(files, '/run', machine(a, a))).rejects.toThrow(
      /This process has it; where it has not, remove/,
    );
    expect(await files.list('/run')).toEqual(['lock-here-1.json']);
  });

  it('takes over from a dead process and says so, also where its number runs again', async () => {
    const files = await folder();
    await lockFolder(files, '/run', machine(name(1, 'old'), name(1, 'old')));
    const b = name(2);
    const lock = await lockFolder(files, '/run', machine(b, b, name(1, 'new')));
    expect(lock.tookOver).toEqual(['the lock of process 1, which ended without releasing it']);
    expect(await files.list('/run')).toEqual(['lock-here-2.json']);
    const again = await lockFolder(files, '/run', machine(name(2, 'later'), name(2, 'later')));
    expect(again.tookOver).toEqual(['the lock of process 2, which an earlier process of this number left']);
  });

  it('does not judge processes of another machine, nor its own number where starts are unknown', async () => {
    const files = await folder();
    await lockFolder(files, '/run', machine(name(1, 'x', 'there/1'), name(1, 'x', 'there/1')));
    expect(await files.list('/run')).toEqual(['lock-there%2F1-1.json']);
    await expect(lockFolder(files, '/run', machine(name(2)))).rejects.toThrow(
      /process 1 on there\/1.*remove \/run\/lock-there%2F1-1\.json/,
    );
    const other = await folder();
    await lockFolder(other, '/run', machine(name(1, null)));
    await expect(lockFolder(other, '/run', machine(name(1, null)))).rejects.toThrow(UsageError);
  });

  it('goes by the name of a file that was not written to the end', async () => {
    const files = await folder();
    await files.writeNew('/run/lock-here-1.json', new Uint8Array());
    const b = name(2);
    await expect(lockFolder(files, '/run', machine(b, b, name(1)))).rejects.toThrow(/process 1 on here/);
    expect((await lockFolder(files, '/run', machine(b, b))).tookOver).toHaveLength(1);
    await files.writeNew('/run/lock-other.txt', new Uint8Array());
  });

  it('never lets two in, however their calls interleave', async () => {
    const [a, b] = [name(1), name(2)];
    for (let delay = 0; delay < 12; delay++)
      for (const stale of [false, true]) {
        const files = await folder();
        if (stale) await files.writeNew('/run/lock-here-9.json', new Uint8Array());
        const late = async () => {
          for (let turn = 0; turn < delay; turn++) await null;
          return lockFolder(files, '/run', machine(b, a, b));
        };
        const done = await Promise.allSettled([lockFolder(files, '/run', machine(a, a, b)), late()]);
        expect(done.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1);
      }
  });

  it('leaves no file of its own behind when a call fails', async () => {
    const counted = failingFiles(await folder());
    await counted.writeNew('/run/lock-here-9.json', new Uint8Array());
    const a = name(1);
    await lockFolder(counted, '/run', machine(a, a));
    for (let call = 1; call < counted.calls(); call++) {
      const disk = await folder();
      await disk.writeNew('/run/lock-here-9.json', new Uint8Array());
      const locking = lockFolder(failingFiles(disk, { call, code: 'EIO', mode: 'once' }), '/run', machine(a, a));
      await expect(locking).rejects.toMatchObject({ code: 'EIO' });
      expect(await disk.list('/run')).not.toContain('lock-here-1.json');
    }
  });
});

describe('nodeProcesses', () => {
  it('know themselves to be alive, by their start too, and nobody of another machine', async () => {
    const self = await nodeProcesses.self();
    expect(self).toMatchObject({ pid: process.pid, host: hostname() });
    expect((await nodeProcesses.self()).born).toBe(self.born);
    expect(await nodeProcesses.alive(self)).toBe(true);
    expect(await nodeProcesses.alive({ ...self, born: null })).toBe(true);
    if (self.born !== null) expect(await nodeProcesses.alive({ ...self, born: 'another start' })).toBe(false);
    expect(await nodeProcesses.alive({ ...self, host: 'elsewhere.invalid' })).toBeNull();
    // Linux gives no number above 2^22, other systems none above 2^31.
    expect(await nodeProcesses.alive({ ...self, pid: 2 ** 31 - 1 })).toBe(false);
  });
});
