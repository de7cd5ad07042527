import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { mark } from './serve.mjs';

/** A library in a process of its own, which computes when it is asked to and sleeps otherwise. */
export interface Contender {
  /** What it calls itself, or why it does not take part. @throws Error where it fails */
  prepare(work: object): Promise<{ version: string } | { cannot: string }>;
  /** Milliseconds of one call, of so many in a row. */
  sample(calls: number): Promise<number>;
  close(): void;
}

type Answer = { version?: string; cannot?: string; ms?: number; error?: string };

/** Longer than any library takes to compile or to step, shorter than a person waits. */
const patience = 600_000;

export function startContender(command: string, args: readonly string[]): Contender {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const said: string[] = [];
  let waiting: ((answer: Answer) => void) | null = null;
  const settle = (answer: Answer) => {
    waiting?.(answer);
    waiting = null;
  };
  let ended: string | null = null;
  const end = (reason: string) => {
    ended ??= `${reason} ${said.slice(-5).join(' ')}`.trim();
    settle({ error: ended });
  };
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (line.startsWith(mark)) settle(JSON.parse(line.slice(mark.length)));
  });
  createInterface({ input: child.stderr! }).on('line', (line) => said.push(line));
  child.on('error', (error) => end(error.message));
  child.on('close', (code, signal) => end(`it ended (${signal ?? code})`));
  child.stdin!.on('error', () => {}); // its end is told by `close`

  const ask = (message: object): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle({ error: `no answer in ${patience / 1000} s` }), patience);
      waiting = (answer) => {
        clearTimeout(timer);
        if (answer.error) reject(new Error(answer.error));
        else resolve(answer);
      };
      if (ended !== null) settle({ error: ended });
      else child.stdin!.write(`${JSON.stringify(message)}\n`);
    });
  return {
    prepare: async (work) => {
      const { version, cannot } = await ask({ prepare: work });
      return cannot === undefined ? { version: version! } : { cannot };
    },
    sample: async (calls) => (await ask({ sample: calls })).ms!,
    close: () => child.kill(),
  };
}
