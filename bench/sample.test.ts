import { describe, expect, it } from 'vitest';
import { plainSampler, quantile, ratioOf, roundsOf, shuffled, statisticsOf } from './sample.ts';

describe('statistics', () => {
  it('are median, quartiles, minimum and number over all rounds', () => {
    expect(statisticsOf([[5, 1], [3], [2, 4]])).toEqual({ median: 3, low: 2, high: 4, min: 1, samples: 5 });
  });
  it('interpolate between neighbours', () => {
    expect(quantile([10, 20], 0.5)).toBe(15);
    expect(quantile([0, 1, 2, 4], 0.75)).toBe(2.5);
    expect(quantile([7], 0.25)).toBe(7);
  });
  it('take ratios round by round, so that a machine that slows down in one does not show', () => {
    const [a, b] = [
      [[2, 2, 2], [20, 20, 20], [2]],
      [[1, 1, 1], [10, 10, 10], [1]],
    ];
    expect(ratioOf(a, b)).toMatchObject({ median: 2, low: 2, high: 2, samples: 3 });
    expect(ratioOf([[1, 3, 100]], [[1.5]])).toMatchObject({ median: 2 });
  });
});

describe('samples', () => {
  it('are as many as asked for, or up to two more', () => {
    expect([1, 3, 20, 21].map((samples) => roundsOf({ samples, seed: 0 }))).toEqual([1, 1, 7, 7]);
  });
  it('come in an order that the seed gives, each once', () => {
    const order = shuffled(50, 7, 'cases');
    expect([...order].sort((a, b) => a - b)).toEqual([...order.keys()]);
    expect(shuffled(50, 7, 'cases')).toEqual(order);
    expect(shuffled(50, 8, 'cases')).not.toEqual(order);
    expect(shuffled(50, 7, 1)).not.toEqual(order);
  });
  it('are taken of each variant in each round', async () => {
    const calls = [0, 0];
    const variants = calls.map((_, v) => async () => {
      calls[v]++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    });
    const results = await plainSampler.sample(variants, { samples: 4, seed: 1 });
    expect(results.map((rounds) => rounds.map((round) => round.length))).toEqual([
      [3, 3],
      [3, 3],
    ]);
    expect(Math.min(...calls)).toBeGreaterThanOrEqual(6);
  });
});
