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

export interface Written {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The exit code that a second interruption ended with. */
  readonly aborted: number | undefined;
}

/** A command line in a world of its own, with everything it writes kept. */
export const commandLineIn =
  (world: Pick<Environment, 'cores' | 'worker' | 'execArgv'>) =>
  /** @param onWrite sees each piece of stderr and the whole of it so far, and may interrupt */
  async (
    argv: readonly string[],
    onWrite: (interrupt: () => void, piece: string, stderr: string) => void = () => {},
    input: string | Uint8Array = '',
  ): Promise<Written> => {
    const written = { stdout: '', stderr: '', aborted: undefined as number | undefined };
    let interrupt = () => {};
    let clock = 0;
    const environment: Environment = {
      ...world,
      readInput: async () => (typeof input === 'string' ? new TextEncoder().encode(input) : input),
      stdout: { write: (text) => (written.stdout += text) },
      stderr: {
        write: (text) => {
          written.stderr += text;
          onWrite(interrupt, text, written.stderr);
        },
      },
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
  };

/** One core, no worker. */
export const omoe = commandLineIn({ cores: 1, worker: '', execArgv: [] });
