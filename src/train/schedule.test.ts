import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePlan } from './plan.ts';
import type { TrainingPool } from './pool.ts';
import { runComparison } from './schedule.ts';
import type { DenseModel, MethodRun } from './types.ts';

/** A pool without processes: a job ends when `finish` is called with its name, or by itself when nobody decides. */
function slowPool(processes: number, failing?: string) {
  const log: string[] = [];
  const running = new Map<string, () => void>();
  let most = 0;
  const job = <T>(name: string, value: T) =>
    new Promise<T>((resolve, reject) => {
      log.push(name);
      running.set(name, () => {
        running.delete(name);
        if (name === failing) reject(new Error(`${name} failed`));
        else resolve(value);
      });
      most = Math.max(most, running.size);
    });
  const pool: TrainingPool = {
    processes,
    trainDense: (_, seed) => job(`dense ${seed}`, { seed } as DenseModel),
    trainMethod: (_, seed, { name }, dense) => job(`${name} ${seed}`, { method: name, seed: dense.seed } as MethodRun),
    stop: async () => {},
    kill: () => {},
  };
  return { pool, log, running, most: () => most };
}

/** Ends running jobs, the one that `pick` chooses each time, until nothing runs. */
async function finishAll(running: Map<string, () => void>, pick: (names: string[]) => string): Promise<void> {
  while (running.size > 0) {
    running.get(pick([...running.keys()]))?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const quiet = { onDense: () => {}, onRun: async () => {} };
const plan = (seeds: number, methods = 'adamw,omoe') => comparePlan({ seeds: String(seeds), methods });

describe('runComparison', () => {
  it('trains everything once, dense before its methods, in whatever order jobs end', async () => {
    const numbers = fc.integer({ min: 1, max: 4 });
    await fc.assert(
      fc.asyncProperty(numbers, numbers, fc.infiniteStream(fc.nat()), async (processes, seeds, choices) => {
        const { pool, log, running, most } = slowPool(processes);
        const done = runComparison(plan(seeds), pool, quiet);
        await finishAll(running, (names) => names[choices.next().value % names.length]);
        const expected = plan(seeds).seeds.flatMap((seed) => [`adamw ${seed}`, `omoe ${seed}`]);
        expect((await done).map(({ method, seed }) => `${method} ${seed}`)).toEqual(expected);
        expect(log).toHaveLength(3 * seeds);
        expect(new Set(log).size).toBe(3 * seeds);
        for (const seed of plan(seeds).seeds) {
          expect(log.indexOf(`dense ${seed}`)).toBeLessThan(log.indexOf(`adamw ${seed}`));
          expect(log.indexOf(`dense ${seed}`)).toBeLessThan(log.indexOf(`omoe ${seed}`));
        }
        expect(most()).toBeLessThanOrEqual(processes);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps all processes busy, and finishes a seed before it begins another dense model', async () => {
    const { pool, log, running } = slowPool(2);
    const done = runComparison(plan(3), pool, quiet);
    expect(log).toEqual(['dense 0', 'dense 1']);
    await finishAll(running, (names) => names[0]);
    await done;
    expect(log.slice(2, 4)).toEqual(['adamw 0', 'omoe 0']);
    expect(log.indexOf('dense 2')).toBeGreaterThan(log.indexOf('omoe 1'));
  });

  it('starts nothing more after a failure, and says which it was', async () => {
    const { pool, log, running } = slowPool(2, 'dense 1');
    const done = runComparison(plan(4), pool, quiet);
    const rejected = expect(done).rejects.toThrow('dense 1 failed');
    await finishAll(running, (names) => names.at(-1)!);
    await rejected;
    expect(log).toEqual(['dense 0', 'dense 1']);
  });

  it('fails when a run cannot be kept', async () => {
    const { pool, running } = slowPool(1);
    const onRun = () => Promise.reject(new Error('a full disk'));
    const done = runComparison(plan(1), pool, { ...quiet, onRun });
    const rejected = expect(done).rejects.toThrow('a full disk');
    await finishAll(running, (names) => names[0]);
    await rejected;
  });
});
