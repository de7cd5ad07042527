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

  it('are refused where the largest of classes is no number to choose by; one that is ruled out is none of these', () => {
    const { POSITIVE_INFINITY: most, NEGATIVE_INFINITY: least } = Number;
    for (const [bad, value] of [
      [[most, most], /received Infinity for example 1/],
      [[0, most], /received Infinity for example 1/],
      [[least, least], /received only -Infinity for example 1/],
    ] as const) {
      const scoring = () => scoreTask(task, outputs([0, 1], [...bad], [1, 0]));
      expect(scoring).toThrow(DivergedError);
      expect(scoring).toThrow(value);
    }
    const right = task.dev.map(({ label }) => (label === 0 ? [1, least] : [least, 1]));
    expect(scoreTask(task, outputs(...right))).toEqual({ accuracy: 1 });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('are refused of the value %d', (value) => {
    const stsb = findDataset('stsb')!;
    const rows = [1, 2, 3].map((label) => ({ sentence: 'a', pair: 'b', label }));
    const own = () => stsb.score(rows, [], outputs([1], [value], [2]));
    const whole = () =>
      scoreTask({ ...task, name: 'STS-B', head: 'regress', score: () => ({ pearson: 1 }) }, outputs([1], [value], [2]));
    for (const scoring of [own, whole]) {
      expect(scoring).toThrow(DivergedError);
      expect(scoring).toThrow(`score STS-B: received ${value} for example 1`);
    }
  });
});
