import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DataError, DivergedError, DTypeError, OmoeError, ShapeError, UsageError } from '../errors.ts';
import { fromFailure, toFailure } from './failure.ts';
import { comparePlan } from './plan.ts';
import { type JobListener, trainingPool } from './pool.ts';
import { runComparison } from './schedule.ts';
import type { ComparePlan, MethodRun, StepEvent } from './types.ts';

// The fixture imports TypeScript, which Node 20 cannot: the workers load it through tsx.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const worker = fileURLToPath(new URL('../cli/fixtures/fake-worker.mjs', import.meta.url));

/** The behaviours of the fixture, which the plan's `balanceLoss` chooses. */
const { crash, crashOnce, diverge, spin, noise } = { crash: 101, crashOnce: 102, diverge: 103, spin: 104, noise: 105 };

function plan(behaviour = 0, overrides: Partial<ComparePlan> = {}): ComparePlan {
  const base = comparePlan({ methods: 'adamw,omoe:accumulateSteps=2', steps: '4', denseSteps: '3', seeds: '2' });
  return { ...base, balanceLoss: behaviour, ...overrides };
}

function start({ processes = 2, silenceMilliseconds }: { processes?: number; silenceMilliseconds?: number } = {}) {
  const seen = { steps: [] as StepEvent[], retries: [] as string[], output: '' };
  const listener: JobListener = {
    onStep: (event) => seen.steps.push(event),
    onRetry: (job, reason) => seen.retries.push(`${job} ${reason}`),
    onOutput: (text) => {
      seen.output += text;
    },
  };
  const pool = trainingPool({ worker, processes, execArgv: ['--import', tsx], silenceMilliseconds }, listener);
  onTestFinished(() => pool.stop());
  return { pool, seen };
}

const quiet = { onDense: () => {}, onRun: async () => {} };

describe('runComparison on worker processes', () => {
  it('trains the dense model of a seed before its methods, and returns the runs in the order of the plan', async () => {
    const { pool, seen } = start();
    const order: string[] = [];
    const runs = await runComparison(plan(), pool, {
      onDense: ({ seed }) => order.push(`dense ${seed}`),
      onRun: async ({ seed }) => void order.push(`run ${seed}`),
    });
    expect(runs.map(({ seed, method }) => `${seed} ${method}`)).toEqual([
      '0 adamw',
      '0 omoe:accumulateSteps=2',
      '1 adamw',
      '1 omoe:accumulateSteps=2',
    ]);
    for (const seed of [0, 1]) expect(order.indexOf(`dense ${seed}`)).toBeLessThan(order.indexOf(`run ${seed}`));
    // 2 seeds × (3 dense steps + 2 methods × 4 steps), each reported once.
    expect(seen.steps).toHaveLength(22);
    expect(seen.retries).toEqual([]);
  });

  it('passes on a diverged run with its class and exit code, and keeps the runs before it', async () => {
    const { pool } = start({ processes: 1 });
    const kept: MethodRun[] = [];
    const done = runComparison(plan(diverge), pool, { ...quiet, onRun: async (run) => void kept.push(run) });
    await expect(done).rejects.toThrow(DivergedError);
    await expect(done).rejects.toMatchObject({ exitCode: 3, complaint: { received: 'loss NaN at step 7' } });
    expect(kept.map(({ seed }) => seed)).toEqual([0, 0]);
  });
});

describe('trainingPool', () => {
  it('repeats the job of a crashed worker once, in a new process', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'omoe-pool-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { pool, seen } = start({ processes: 1 });
    const runs = await runComparison(plan(crashOnce, { vocab: join(folder, 'crashed') }), pool, quiet);
    expect(runs).toHaveLength(4);
    expect(seen.retries).toEqual(['adamw, seed 0 ended unexpectedly (exit code 9)']);
  });

  it('reports a worker that crashes twice on one job', async () => {
    const { pool, seen } = start();
    const done = runComparison(plan(crash, { seeds: [4] }), pool, quiet);
    await expect(done).rejects.toThrow(
      /seed 4: received a worker process that ended unexpectedly \(exit code 9\), twice/,
    );
    expect(seen.retries.length).toBeGreaterThan(0);
  });

  it('reports a worker that cannot even start, with the reason it printed', async () => {
    const pool = trainingPool(
      { worker: join(tmpdir(), 'no-such-worker.mjs'), processes: 1 },
      { onStep: () => {}, onRetry: () => {}, onOutput: () => {} },
    );
    onTestFinished(() => pool.stop());
    await expect(pool.trainDense(plan(), 0)).rejects.toThrow(/dense model, seed 0: .*exit code 1/);
  });

  it('counts a silent worker as crashed, even one that never returns to its event loop', async () => {
    const { pool, seen } = start({ processes: 1, silenceMilliseconds: 1500 });
    const done = runComparison(plan(spin, { seeds: [0] }), pool, quiet);
    await expect(done).rejects.toThrow('said nothing for 2 s, twice');
    expect(seen.retries).toHaveLength(1);
  });

  it('stops workers that compute without pause, and rejects what was running', async () => {
    const { pool, seen } = start();
    const done = runComparison(plan(spin), pool, quiet);
    const rejected = expect(done).rejects.toThrow('a request to stop');
    await expect.poll(() => seen.steps.some(({ phase }) => phase === 'accumulate'), { timeout: 8000 }).toBe(true);
    await pool.stop();
    await rejected;
  });

  it('hands over what a worker prints, instead of printing it', async () => {
    const { pool, seen } = start({ processes: 1 });
    await runComparison(plan(noise, { seeds: [0] }), pool, quiet);
    expect(seen.output).toContain('a worker prints this');
  });
});

describe('failures that cross a process border', () => {
  it('keep class, exit code, complaint and stack', () => {
    const complaint = { operation: 'matmul', received: '[2]', expected: '[3]', advice: 'Transpose.' };
    for (const kind of [ShapeError, DTypeError, UsageError, DivergedError, DataError, OmoeError]) {
      const error = new kind(complaint);
      const back = fromFailure(structuredClone(toFailure(error)));
      expect(back).toBeInstanceOf(kind);
      expect(back).toMatchObject({ name: error.name, message: error.message, exitCode: error.exitCode, complaint });
      expect(back.stack).toBe(error.stack);
    }
  });

  it('take any other thrown value too', () => {
    expect(fromFailure(toFailure(new TypeError('x is no function')))).toMatchObject({ name: 'TypeError' });
    expect(fromFailure(toFailure('text')).message).toBe('text');
    expect(fromFailure(toFailure(undefined)).message).toBe('undefined');
  });
});
