import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Runs } from './runs.ts';

/** Each case in a process of its own, under this Node or another one. */

/** Beside the installed packages, so that what is not bundled is found; and git-ignored. */
const cache = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url));

/**
 * A file of ours with all that it imports of ours as plain JavaScript, which any Node from 20 on runs; npm packages stay outside.
 * `close` removes it.
 */
export async function bundled(source: URL): Promise<{ readonly file: string; close(): void }> {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'omoe-bench-'));
  const file = join(folder, 'bench.mjs');
  await build({
    entryPoints: [fileURLToPath(source)],
    outfile: file,
    ...{ bundle: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external' },
    ...{ tsconfigRaw: {}, sourcemap: 'inline', logLevel: 'error' },
  });
  return { file, close: () => rmSync(folder, { recursive: true, force: true }) };
}

export async function inFreshProcesses(node: string): Promise<Runs> {
  const { file, close } = await bundled(new URL('./child.ts', import.meta.url));
  return {
    run: <T>(task: string, text: string) =>
      new Promise<{ result?: T; error?: string }>((resolve) => {
        const child = fork(file, [task, text], {
          ...{ execPath: node, execArgv: ['--enable-source-maps'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
        });
        child.on('message', (message) => resolve(message as { result?: T; error?: string }));
        child.on('error', (error) => resolve({ error: `${node} does not start: ${error.message}` }));
        child.on('exit', (code, signal) =>
          resolve({ error: `the process ended (${signal ?? code}) without a result` }),
        );
      }),
    close: async () => close(),
  };
}
