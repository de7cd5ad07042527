import { fileURLToPath } from 'node:url';
import { OmoeError } from '../errors.ts';

/** Everything of the outer world that a command touches; tests put their own in its place. */
export interface Environment {
  /** All of the standard input, to its end; nothing where it is closed. */
  readInput(): Promise<Uint8Array>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly cores: number;
  /** The module of the worker processes, and the options of Node that they need. */
  readonly worker: string;
  readonly execArgv: readonly string[];
  /** Names run folders and paces progress lines; no result depends on it. */
  now(): Date;
  /** Calls the listener on each Ctrl-C or termination request; returns how to stop listening. */
  onInterrupt(listener: () => void): () => void;
  /** Ends the process at once. */
  abort(exitCode: number): void;
}

/** The real one. Sources (`.ts`) start workers from sources, through the same loader; built files start built files. */
export function nodeEnvironment(cores: number): Environment {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return {
    async readInput() {
      const pieces: Uint8Array[] = [];
      for await (const piece of process.stdin) pieces.push(piece);
      return Buffer.concat(pieces);
    },
    stdout: process.stdout,
    stderr: process.stderr,
    cores,
    worker: fileURLToPath(new URL(`./worker.${extension}`, import.meta.url)),
    execArgv: extension === 'ts' ? process.execArgv : [],
    now: () => new Date(),
    onInterrupt(listener) {
      // SIGHUP: the terminal was closed.
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
    abort: (exitCode) => process.exit(exitCode),
  };
}

/** What every command takes. */
export interface OutputFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Stopped by Ctrl-C or a request to end: exit code 130. */
export class InterruptedError extends OmoeError {
  override readonly name = 'InterruptedError';
  override readonly exitCode = 130;
}
