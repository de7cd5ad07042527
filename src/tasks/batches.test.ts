import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError, UsageError } from '../errors.ts';
import { foldIn, key, permutation } from '../random.ts';
import { collate, evaluationBatches, trainingBatch, trainingBatches } from './batches.ts';
import { accuracyMetric } from './metrics.ts';
import type { Example, Task } from './types.ts';

const example = (tokens: number[], label = 0, domain?: number): Example => ({
  tokens: Int32Array.from(tokens),
  label,
  domain,
});

/** A task whose i-th training sentence is the one token i + 1. */
const counting = (n: number, length = 4): Task => ({
  name: 'counting',
  source: 'embedded',
  train: Array.from({ length: n }, (_, i) => example([i + 1], i % 2, i % 3)),
  dev: [],
  classes: ['even', 'odd'],
  vocabularySize: n + 1,
  padToken: 0,
  domains: 3,
  length,
  metric: accuracyMetric,
});

/** Which training sentences of `counting` a batch holds. */
const members = (task: Task, batch: number, seed: number, step: number): number[] =>
  Array.from({ length: batch }, (_, row) => trainingBatch(task, { batch, seed, step }).tokens[row * task.length] - 1);

describe('collate', () => {
  it('pads on the right and masks the padding', () => {
    const batch = collate([example([7, 8, 9], 1, 2), example([7], 0, 1)], 4, 5);
    expect([...batch.tokens]).toEqual([7, 8, 9, 5, 7, 5, 5, 5]);
    expect([...batch.mask]).toEqual([1, 1, 1, 0, 1, 0, 0, 0]);
    expect([...batch.labels]).toEqual([1, 0]);
    expect([...batch.domains!]).toEqual([2, 1]);
    expect(batch).toMatchObject({ size: 2, length: 4 });
  });

  it('cuts before the last token', () => {
    expect([...collate([example([1, 2, 3, 4, 5])], 3, 0).tokens]).toEqual([1, 2, 5]);
    expect([...collate([example([1, 2, 3])], 3, 0).tokens]).toEqual([1, 2, 3]);
    expect([...collate([example([1, 2, 3])], 1, 0).tokens]).toEqual([1]);
  });

  it('masks by length, not by the padding token', () => {
    expect([...collate([example([0, 0])], 3, 0).mask]).toEqual([1, 1, 0]);
  });

  it('gives a sentence without tokens a row of padding', () => {
    const batch = collate([example([])], 2, 9);
    expect([...batch.tokens]).toEqual([9, 9]);
    expect([...batch.mask]).toEqual([0, 0]);
    expect(batch.domains).toBeNull();
  });

  it('knows all domains or none', () => {
    expect(() => collate([example([1], 0, 0), example([1])], 2, 0)).toThrow(ShapeError);
    expect(() => collate([example([1])], 0, 0)).toThrow(/length 0/);
  });
});

describe('training batches', () => {
  const sizes = { n: fc.integer({ min: 1, max: 20 }), batch: fc.integer({ min: 1, max: 25 }), seed: fc.nat(1000) };

  it('lay the permutations of the epochs end to end', () => {
    fc.assert(
      fc.property(sizes.n, sizes.batch, sizes.seed, (n, batch, seed) => {
        const task = counting(n);
        const steps = Math.ceil((3 * n) / batch);
        const visited = Array.from({ length: steps }, (_, step) => members(task, batch, seed, step)).flat();
        const stream = foldIn(key(seed), 'order');
        for (const epoch of [0, 1, 2])
          expect(visited.slice(epoch * n, (epoch + 1) * n)).toEqual([...permutation(foldIn(stream, epoch), n)]);
      }),
      { numRuns: 50 },
    );
  });

  it('depend on seed and step alone, in whatever order they are asked for', () => {
    fc.assert(
      fc.property(sizes.batch, sizes.seed, fc.array(fc.nat(9), { minLength: 1 }), (batch, seed, steps) => {
        const task = counting(11);
        const running = trainingBatches(task, { batch, seed });
        for (const step of steps) expect(running(step)).toEqual(trainingBatch(task, { batch, seed, step }));
      }),
      { numRuns: 50 },
    );
  });

  it('differ from seed to seed and from epoch to epoch', () => {
    const task = counting(50);
    expect(members(task, 50, 0, 0)).not.toEqual(members(task, 50, 1, 0));
    expect(members(task, 50, 0, 0)).not.toEqual(members(task, 50, 0, 1));
  });

  it('have the same shape whatever the sentences are', () => {
    const task = { ...counting(2, 3), train: [example([]), example([1, 2, 3, 4, 5, 6])] };
    for (const step of [0, 1, 2]) {
      const { tokens, mask } = trainingBatch(task, { batch: 1, seed: 0, step });
      expect([tokens.length, mask.length]).toEqual([3, 3]);
    }
  });

  it('refuse what has no meaning', () => {
    expect(() => trainingBatch(counting(0), { batch: 1, seed: 0, step: 0 })).toThrow(ShapeError);
    expect(() => trainingBatch(counting(1), { batch: 0, seed: 0, step: 0 })).toThrow(UsageError);
    expect(() => trainingBatch(counting(1), { batch: 1, seed: 0, step: -1 })).toThrow(/step -1/);
    expect(() => trainingBatch(counting(1), { batch: 1, seed: 0, step: 0.5 })).toThrow(UsageError);
  });
});

describe('evaluation batches', () => {
  it('hold every example once, in order, with a ragged last batch', () => {
    const batches = evaluationBatches(counting(7).train, 3, 2, 0);
    expect(batches.map((batch) => batch.size)).toEqual([3, 3, 1]);
    expect(batches.flatMap((batch) => [...batch.labels])).toEqual([0, 1, 0, 1, 0, 1, 0]);
    expect(batches.flatMap((batch) => [...batch.tokens].filter((_, i) => i % 2 === 0))).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('are none for no example', () => {
    expect(evaluationBatches([], 3, 2, 0)).toEqual([]);
    expect(() => evaluationBatches([], 0, 2, 0)).toThrow(UsageError);
  });
});
