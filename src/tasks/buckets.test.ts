import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError, UsageError } from '../errors.ts';
import { bucketedBatches, bucketedEvaluation } from './buckets.ts';
import { accuracyMetric } from './metrics.ts';
import type { Batch, Example, Task } from './types.ts';

/** Example i begins with the token i + 1 and has lengths[i] tokens. */
const taskOf = (lengths: readonly number[], more: Partial<Task> = {}): Task => {
  const examples = lengths.map(
    (length, i): Example => ({
      tokens: Int32Array.from({ length }, () => i + 1),
      label: 0,
    }),
  );
  return {
    ...{ name: 'lengths', source: 'embedded', train: examples, dev: examples, classes: ['a'], metric: accuracyMetric },
    ...{ vocabularySize: lengths.length + 1, padToken: 0, domains: null, length: 64 },
    ...more,
  };
};
const members = ({ tokens, size, length }: Batch) => Array.from({ length: size }, (_, row) => tokens[row * length] - 1);

const draws = {
  lengths: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }),
  batch: fc.integer({ min: 1, max: 7 }),
  window: fc.integer({ min: 1, max: 5 }),
  seed: fc.nat(1000),
};

describe('bucketed batches', () => {
  it('visit each example once an epoch, but for the window that reaches into the next one', () => {
    fc.assert(
      fc.property(draws.lengths, draws.batch, draws.window, draws.seed, (lengths, batch, window, seed) => {
        const batches = bucketedBatches(taskOf(lengths), { batch, window, seed });
        const windows = Math.ceil((3 * lengths.length) / (batch * window));
        const visited = Array.from({ length: windows * window }, (_, step) => members(batches(step))).flat();
        // After each window the counts of any two examples differ by one at most.
        for (let w = 1; w <= windows; w++) {
          const counts = new Int32Array(lengths.length);
          for (const one of visited.slice(0, w * window * batch)) counts[one]++;
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('depend on seed and step alone, in whatever order they are asked for', () => {
    fc.assert(
      fc.property(draws.lengths, draws.seed, fc.array(fc.nat(30), { minLength: 1 }), (lengths, seed, steps) => {
        const plan = { batch: 3, window: 4, seed };
        const running = bucketedBatches(taskOf(lengths), plan);
        for (const step of steps) expect(running(step)).toEqual(bucketedBatches(taskOf(lengths), plan)(step));
      }),
      { numRuns: 40 },
    );
  });

  it('of a window are runs of its examples sorted by length', () => {
    const lengths = Array.from({ length: 24 }, (_, i) => 1 + ((i * 7) % 24));
    const batches = bucketedBatches(taskOf(lengths), { batch: 4, window: 6, seed: 5 });
    const found = Array.from({ length: 6 }, (_, step) => members(batches(step)).map((i) => lengths[i]));
    const sorted = found.toSorted((a, b) => a[0] - b[0]).flat();
    expect(sorted).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(found.flat()).not.toEqual(sorted); // the batches themselves are shuffled
  });

  it('are as long as their longest example, rounded up, and no longer than the task allows', () => {
    const lengthOf = (lengths: number[], length = 64, multiple?: number) =>
      bucketedBatches(taskOf(lengths, { length }), { batch: lengths.length, window: 1, seed: 0, multiple })(0).length;
    expect(lengthOf([3, 9])).toBe(16);
    expect(lengthOf([8])).toBe(8);
    expect(lengthOf([9], 64, 4)).toBe(12);
    expect(lengthOf([60], 10)).toBe(10);
    expect(lengthOf([3], 10, 64)).toBe(10);
    const choices = [{ tokens: new Int32Array(2) }, { tokens: new Int32Array(20) }];
    const task = { ...taskOf([2]), head: 'choose' as const };
    const choosing = { ...task, train: [{ ...task.train[0], choices }] };
    expect(bucketedBatches(choosing, { batch: 1, seed: 0 })(0)).toMatchObject({ length: 24, rows: 2 });
  });

  it('refuse what has no meaning', () => {
    expect(() => bucketedBatches(taskOf([]), { batch: 1, seed: 0 })).toThrow(ShapeError);
    for (const sizes of [{ batch: 0 }, { window: 0 }, { multiple: 0 }])
      expect(() => bucketedBatches(taskOf([1]), { batch: 1, seed: 0, ...sizes })).toThrow(UsageError);
    expect(() => bucketedBatches(taskOf([1]), { batch: 1, seed: 0 })(-1)).toThrow(/step -1/);
  });
});

describe('bucketed evaluation', () => {
  it('holds every example once and says where it stands', () => {
    fc.assert(
      fc.property(draws.lengths, draws.batch, (lengths, batch) => {
        const task = taskOf(lengths);
        const batches = [...bucketedEvaluation(task.dev, task, { batch })];
        const places = batches.flatMap((one) => [...one.places]);
        expect(places.toSorted((a, b) => a - b)).toEqual([...lengths.keys()]);
        for (const one of batches) expect(members(one)).toEqual([...one.places]);
        const inOrder = places.map((place) => lengths[place]);
        expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
      }),
      { numRuns: 50 },
    );
  });
});
