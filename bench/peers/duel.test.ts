import { describe, expect, it } from 'vitest';
import { duel } from './duel.ts';
import { requireNear } from './problems.ts';

/** Takes `ms(n)` for its n-th sample, and writes down when it was asked. */
const side = (name: string, ms: (n: number) => number, asked: string[]) => {
  let n = 0;
  return {
    name,
    contender: {
      async sample() {
        asked.push(name);
        return ms(n++);
      },
    },
  };
};

describe('a duel', () => {
  it('asks each side once a round, in an order that changes', async () => {
    const asked: string[] = [];
    await duel([side('a', () => 60, asked), side('b', () => 60, asked)], { samples: 20, seed: 3, rest: 0 });
    const rounds = asked.slice(4); // the first four calibrate
    expect(rounds).toHaveLength(40);
    const pairs = Array.from({ length: 20 }, (_, i) => rounds.slice(2 * i, 2 * i + 2).join(''));
    expect(new Set(pairs)).toEqual(new Set(['ab', 'ba']));
  });
  it('gives the ratio of pairs, which a machine that slows down does not change', async () => {
    const slower = (n: number) => 60 * (n + 1);
    const [ours, theirs] = await duel([side('a', slower, []), side('b', (n) => 1.5 * slower(n), [])], {
      ...{ samples: 9, seed: 1, rest: 0 },
    });
    expect(ours.ratio).toBeNull();
    expect(theirs.ratio).toMatchObject({ median: 1.5, low: 1.5, high: 1.5, samples: 9 });
    expect(theirs.time.high).toBeGreaterThan(1.4 * theirs.time.low);
  });
});

describe('near in norm', () => {
  const exact = [3, 4];
  it('takes what is within, and names what is not', () => {
    requireNear('g', Float32Array.of(3, 4.004), exact, 1e-3);
    expect(() => requireNear('g', Float32Array.of(3, 4.5), exact, 1e-3)).toThrow('g: off by 1.0e-1 of its norm');
    expect(() => requireNear('g', Float32Array.of(3, Number.NaN), exact, 1e-3)).toThrow('g');
    expect(() => requireNear('g', Float32Array.of(3), exact, 1)).toThrow('1 numbers for 2');
  });
});
