import { describe, expect, it } from 'vitest';
import { constantScore } from './constant-score.ts';
import { embedded } from './embedded.ts';
import { matthewsMetric } from './metrics.ts';
import type { Example, Task } from './types.ts';

const labelled = (...labels: number[]): Example[] => labels.map((label) => ({ tokens: Int32Array.of(1), label }));
const task = (over: Partial<Task>): Task => ({ ...embedded({ seed: 0, train: 4, dev: 4 }), ...over });

describe('the score of one answer for all', () => {
  it('is that of the answer most frequent in training, whatever dev has', () => {
    const own = task({ train: labelled(1, 1, 0), dev: labelled(0, 0, 0, 1) });
    expect(constantScore(own)).toBe(0.25);
    expect(constantScore({ ...own, train: labelled(0, 1, 0) })).toBe(0.75);
    expect(constantScore({ ...own, train: labelled(0, 1) })).toBe(0.75); // the first of equals
  });

  it('is 0 as a correlation, and of the reported metric where there are several', () => {
    const own = task({ train: labelled(1), dev: labelled(0, 1, 1, 1) });
    expect(constantScore({ ...own, metric: matthewsMetric })).toBe(0);
    const score = () => ({ accuracy: 0.1, f1: 0.9 });
    expect(constantScore({ ...own, metrics: ['f1', 'accuracy'], score })).toBe(0.9);
  });

  it('counts places among choices', () => {
    const choices = [{ tokens: Int32Array.of(1) }, { tokens: Int32Array.of(2) }];
    const some = (...labels: number[]) => labelled(...labels).map((example) => ({ ...example, choices }));
    const own = task({ head: 'choose', classes: [], choices: 2, train: some(0, 1, 1), dev: some(1, 0, 0) });
    expect(constantScore(own)).toBe(1 / 3);
  });

  it.each(['regress', 'tag', 'span'] as const)('is none where the head gives %s', (head) => {
    expect(constantScore(task({ head }))).toBeNull();
  });
});
