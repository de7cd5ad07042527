import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it, onTestFinished } from 'vitest';
import { openStore } from '../io/index.ts';
import { nodeFiles } from '../io/node.ts';
import { allOf } from './training.fixture.ts';

/** In one file of JavaScript, so that a process starts at once. */
async function bundle(outfile: string): Promise<string> {
  const entry = fileURLToPath(new URL('../cli/fixtures/mortal.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', target: 'node20', format: 'esm' });
  return outfile;
}

const method = 'omoe:accumulateSteps=3,orthogonalSteps=2,sketch=2';

/** Trains in a process that dies in its n-th call to the file system, or in none. */
async function run(program: string, folder: string, lastCall = 0): Promise<{ killed: boolean; steps: number[] }> {
  const child = spawn(process.execPath, [program, folder, method, String(lastCall)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [said, wrong] = ['', ''];
  child.stdout.on('data', (text) => {
    said += text;
  });
  child.stderr.on('data', (text) => {
    wrong += text;
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...ended) => resolve(ended));
  });
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(wrong);
  return { killed: signal === 'SIGKILL', steps: [...said.matchAll(/step (\d+)/g)].map(([, step]) => Number(step)) };
}

async function traces(folder: string) {
  const store = await openStore({ files: nodeFiles, folder: join(folder, 'checkpoints'), processes: null });
  const { checkpoint } = await store.latest();
  const files = [...(await allOf(checkpoint!.files))].map(([name, bytes]) => [
    name,
    Buffer.from(bytes).toString('base64'),
  ]);
  return { name: checkpoint!.name, metrics: await readFile(join(folder, 'metrics.jsonl'), 'utf8'), files };
}

it('a training that is killed with SIGKILL again and again ends in the bytes of one that was not', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'omoe-killed-'));
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
  const program = await bundle(join(scratch, 'mortal.mjs'));
  const [whole, broken] = [join(scratch, 'whole'), join(scratch, 'broken')];
  await Promise.all([nodeFiles.makeFolder(whole), nodeFiles.makeFolder(broken)]);
  const unbroken = run(program, whole);
  let reached = -1;
  // In the first checkpoint, then in later ones, each time at another of the calls that a checkpoint is made of.
  for (const lastCall of [7, 36, 41, 47]) {
    const { killed, steps } = await run(program, broken, lastCall);
    expect(killed).toBe(true);
    // It went on in the step that the process before it was in, or, if that was saved, in the next one.
    expect([Math.max(0, reached), reached + 1]).toContain(steps[0] ?? 0);
    reached = steps.at(-1) ?? reached;
  }
  expect(reached).toBeGreaterThan(3);
  const last = await run(program, broken);
  expect([last.killed, last.steps.at(-1)]).toEqual([false, 13]);
  await unbroken;
  expect(await traces(broken)).toEqual(await traces(whole));
});
