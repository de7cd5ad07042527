import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Environment } from './environment.ts';
import { run } from './program.ts';

/** A folder that is gone when the test has ended. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'omoe-train-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A command line with everything it writes kept. `onStep` sees each line of progress, and may interrupt. */
export async function omoe(argv: string[], onLine: (interrupt: () => void, line: string) => void = () => {}) {
  const written = { stdout: '', stderr: '', aborted: undefined as number | undefined };
  let interrupt = () => {};
  let clock = 0;
  const environment: Environment = {
    stdout: { write: (text) => (written.stdout += text) },
    stderr: {
      write: (text) => {
        written.stderr += text;
        onLine(interrupt, text);
      },
    },
    cores: 1,
    worker: '',
    execArgv: [],
    // Every look at this clock is a minute later, so that each step writes its line of progress.
    now: () => new Date(Date.UTC(2026, 0, 1) + 60_000 * clock++),
    onInterrupt(listener) {
      interrupt = listener;
      return () => {
        interrupt = () => {};
      };
    },
    abort: (exitCode) => {
      written.aborted = exitCode;
    },
  };
  return { code: await run(argv, environment), ...written };
}
