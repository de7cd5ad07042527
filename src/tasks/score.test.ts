import { describe, expect, it } from 'vitest';
import { DivergedError, ShapeError } from '../errors.ts';
import { findDataset } from './datasets.ts';
import { embedded } from './embedded.ts';
import { largest, scoreTask } from './score.ts';
import { testTokenizer } from './tokenizer.fixture.ts';

const task = embedded({ seed: 1, train: 4, dev: 3 });
const outputs = (...rows: number[][]) => rows.map((row) => Float32Array.from(row));

describe('scores', () => {
  it('are of the largest output, the first of equals', () => {
    expect([largest([1, 3, 3]), largest([-1, -Infinity, -2]), largest([7])]).toEqual([1, 0, 0]);
    const right = task.dev.map(({ label }) => (label === 0 ? [1, 0] : [0, 1]));
    expect(scoreTask(task, outputs(...right))).toEqual({ accuracy: 1 });
    expect(() => scoreTask(task, outputs([0, 1]))).toThrow(ShapeError);
  });

  it('are refused where an output is NaN, by the example, whoever computes them', () => {
    const bad = outputs([0, 1], [1, 0], [1, Number.NaN]);
    for (const score of [undefined, () => ({ accuracy: 1 })]) {
      const scoring = () => scoreTask({ ...task, ...(score && { score }) }, bad);
      expect(scoring).toThrow(DivergedError);
      expect(scoring).toThrow(/NaN for example 2/);
    }
    const cb = findDataset('cb')!;
    const row = { first: 'a', second: 'b', label: 0 };
    const scoring = () => cb.score([row], cb.examples([row], testTokenizer()), outputs([Number.NaN, 0, 1]));
    expect(scoring).toThrow(DivergedError);
    expect(scoring).toThrow(/score CB: received NaN for example 0/);
  });
});
