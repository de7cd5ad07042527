import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { End } from '../cli/fixtures/mortal.ts';
import { nodeFiles } from '../io/node.ts';
import { foldIn, type Key, key, uniform } from '../random.ts';
import { runOn, traces } from './training.fixture.ts';

/**
 * Processes are killed with SIGKILL, in a call to the file system or while they compute; each training is taken up again and
 * ends in the bytes of one that nothing happened to: weights, optimizer, the best, metrics.jsonl.
 *
 * OMOE_SEED draws other moments, OMOE_RUNS so many times as many. A moment is a place in the training: a call, or a share of a
 * step's time behind a step. So it means the same on a slow machine; and a process that is to be killed while it computes waits
 * two steps later, so that no kill comes too late.
 */
const seed = Number(process.env.OMOE_SEED ?? 2310);
const runs = Number(process.env.OMOE_RUNS ?? 1);
const steps = 9;
const stepsFrom = (first: number): number[] => [...Array(steps).keys()].slice(first);

type Moment =
  | { readonly call: number; readonly done: 'begun' | 'half' | 'all' }
  /** When this step, or the first one behind it, is over, and so much of its time has passed again. */
  | { readonly step: number; readonly share: number };

interface Ended {
  readonly killed: boolean;
  /** What it said: its calls to the file system, its steps and evaluations. */
  readonly lines: readonly string[];
  /** The steps that it took, from 0. */
  readonly steps: readonly number[];
}

const scratch = mkdtempSync(join(tmpdir(), 'omoe-killed-'));
const program = join(scratch, 'mortal.mjs');
const living = new Set<ChildProcess>();

/** Trains in a process, to the end or to the moment. */
async function train(folder: string, moment: Moment | null): Promise<Ended> {
  const end: End = moment && ('call' in moment ? moment : { waits: moment.step + 2 });
  const child = spawn(process.execPath, ['--no-opt', program, folder, JSON.stringify(end)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  living.add(child);
  let [said, wrong] = ['', ''];
  let aimed = moment === null || 'call' in moment;
  child.stdout.on('data', (text) => {
    said += text;
    if (aimed || moment === null || 'call' in moment) return;
    const over = [...said.matchAll(/^step (\d+) (.+)\n/gm)].find(([, step]) => Number(step) >= moment.step);
    if (over === undefined) return;
    aimed = true;
    setTimeout(() => child.kill('SIGKILL'), moment.share * Number(over[2]));
  });
  child.stderr.on('data', (text) => {
    wrong += text;
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...ended) => resolve(ended));
  });
  living.delete(child);
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`exit code ${code}: ${wrong}`);
  const lines = said.split('\n').slice(0, -1);
  const taken = lines.flatMap((line) => (line.startsWith('step ') ? [Number(line.split(' ')[1])] : []));
  return { killed: signal === 'SIGKILL', lines, steps: taken };
}

async function newFolder(name: string): Promise<string> {
  await nodeFiles.makeFolder(join(scratch, name));
  return join(scratch, name);
}

/** What a training left, and which checkpoints it kept, whatever their numbers: what was saved twice has a later one. */
async function left(folder: string) {
  const names = await nodeFiles.list(join(folder, 'checkpoints'));
  return { ...(await traces(await runOn(nodeFiles, folder))), kept: names.map((name) => name.replace(/^\d+-/, '')) };
}

/** The step of the newest whole checkpoint, 0 where there is none. */
async function savedIn(folder: string): Promise<number> {
  const { checkpoint } = await (await runOn(nodeFiles, folder)).store.latest((name) => name.startsWith('step-'));
  return checkpoint === null ? 0 : Number(checkpoint.name.slice('step-'.length));
}

/**
 * Calls in the middle of a training that nothing happens to, another one makes the same: behind its first step, and before the
 * checkpoint of its last one is whole.
 */
function callsIn(lines: readonly string[]): { readonly call: number; readonly best: boolean }[] {
  const lastManifest = lines.findLastIndex((line) => /rename .*manifest/.test(line));
  const middle = lines.slice(
    lines.findIndex((line) => line.startsWith('step 0')),
    lastManifest,
  );
  return middle.flatMap((line) => {
    const [, call] = /^call (\d+) /.exec(line) ?? [];
    return call === undefined ? [] : [{ call: Number(call), best: line.includes('-best') }];
  });
}

/** One of each of `count` equal parts of a list, in its order. */
const spread = <T>(k: Key, from: readonly T[], count: number): T[] =>
  [...uniform(k, count)].map((u, i) => from[Math.floor(((i + u) / count) * from.length)]);

/** After which step, of those that have two more behind them before the last, and how long after. */
function whileComputing(k: Key, count: number): Moment[] {
  const shares = uniform(foldIn(k, 'shares'), count);
  return spread(foldIn(k, 'steps'), stepsFrom(0).slice(0, -3), count).map((step, i) => ({ step, share: shares[i] }));
}

/** Three calls that save the best, three others, each with what is done of it. */
function inCalls(k: Key, lines: readonly string[]): Moment[] {
  const calls = callsIn(lines);
  const three = (best: boolean) =>
    spread(
      foldIn(k, `best ${best}`),
      calls.filter((one) => one.best === best),
      3,
    );
  const parts = uniform(foldIn(k, 'parts'), 6);
  return [...three(true), ...three(false)].map(({ call }, i) => ({
    call,
    done: (['begun', 'half', 'all'] as const)[Math.floor(3 * parts[i])],
  }));
}

describe('a training that is killed with SIGKILL', () => {
  let healthy: Ended;
  let expected: Awaited<ReturnType<typeof left>>;

  beforeAll(async () => {
    // In one file of JavaScript, so that a process starts at once.
    const entry = fileURLToPath(new URL('../cli/fixtures/mortal.ts', import.meta.url));
    await build({
      entryPoints: [entry],
      outfile: program,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
    });
    const whole = await newFolder('whole');
    healthy = await train(whole, null);
    expected = await left(whole);
    expect(healthy.steps).toEqual(stepsFrom(0));
    expect(expected.kept).toEqual(['best', 'step-000000009']);
    const bests = healthy.lines.filter((line) => line.startsWith('best '));
    expect(bests.length).toBeGreaterThan(1);
    expect(bests).not.toContain(`best ${steps}`);
  });

  afterAll(() => {
    for (const child of living) child.kill('SIGKILL');
    rmSync(scratch, { recursive: true, force: true });
  });

  it('at any of twelve moments ends in the bytes of one that was not', { timeout: 240_000 * runs }, async () => {
    const moments = Array.from({ length: runs }, (_, run) => foldIn(key(seed), run)).flatMap((k) => [
      ...inCalls(k, healthy.lines),
      ...whileComputing(k, 6),
    ]);
    let midway = 0;
    const killAt = async (moment: Moment, at: number) => {
      const which = `OMOE_SEED=${seed}, kill ${at}: ${JSON.stringify(moment)}`;
      const folder = await newFolder(`broken-${at}`);
      const broken = await train(folder, moment);
      const saved = await savedIn(folder);
      if (broken.killed && broken.steps.length > 0 && saved < steps) midway += 1;
      if ('call' in moment) expect(broken.lines.at(-1), which).toMatch(`call ${moment.call} `);
      else expect(stepsFrom(moment.step).slice(0, 3), which).toContain(broken.steps.at(-1));
      expect((await train(folder, null)).steps, which).toEqual(stepsFrom(saved));
      expect(await left(folder), which).toEqual(expected);
    };
    // Two at a time.
    const waiting = moments.entries();
    const lane = async () => {
      for (const [at, moment] of waiting) await killAt(moment, at);
    };
    await Promise.all([lane(), lane()]);
    expect(midway, `OMOE_SEED=${seed}`).toBe(12 * runs);
  });

  it('again and again ends in them too', { timeout: 240_000 }, async () => {
    const folder = await newFolder('again');
    for (const moment of whileComputing(foldIn(key(seed), 'again'), 3)) {
      const which = `OMOE_SEED=${seed}: ${JSON.stringify(moment)}`;
      expect((await train(folder, moment)).killed, which).toBe(true);
    }
    const saved = await savedIn(folder);
    expect((await train(folder, null)).steps).toEqual(stepsFrom(saved));
    expect(await left(folder), `OMOE_SEED=${seed}`).toEqual(expected);
  });
});
