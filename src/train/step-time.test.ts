import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { smallRehearsal } from './rehearsal.fixture.ts';
import { blockUses, largeAndMean } from './rehearsal.ts';
import { measureStep, type Part, stepSeconds } from './step-time.ts';

const measured = {
  ...{ rest: 1, dense: 10, moe: 100, update: 1e-3, meanTokens: 8, took: 0, withinSpread: [] },
  timed: { examples: 1, tokens: 8 },
};

describe('stepSeconds', () => {
  it('adds up each run of each block, and the update of each number', () => {
    const mixed = smallRehearsal('bert', { moe: [1], accumulate: 2 });
    expect(stepSeconds(measured, mixed, 5000)).toBe(2 * (1 + 2 * 10 + 100) + 5);
    // Three layers run ALBERT's one block, which is updated once.
    const shared = smallRehearsal('albert', { moe: [0] });
    expect(blockUses(shared.config)).toEqual({ dense: { blocks: 0, runs: 0 }, moe: { blocks: 1, runs: 3 } });
    expect(stepSeconds(measured, shared, 5000)).toBe(1 + 3 * 100 + 5);
  });
});

describe('measureStep', () => {
  it.each(['bert', 'roberta', 'albert'] as const)(
    'times the kinds of blocks that %s has, on a part of its batch',
    async (family) => {
      const rehearsal = smallRehearsal(family, { moe: [0], batch: 8 });
      const t = engine(cpu());
      const found = await measureStep(t, rehearsal, { tokens: 40, seconds: 0 });
      const { examples, tokens } = found.timed;
      expect(examples).toBeLessThan(8);
      expect(tokens).toBeLessThan(64);
      expect(found.meanTokens).toBe(largeAndMean(rehearsal, 8).mean);
      expect(found.dense === null).toBe(family === 'albert');
      expect(found.moe).not.toBeNull();
      expect(found.rest).toBeGreaterThan(0);
      expect(found.update).toBeGreaterThan(0);
    },
  );

  /** Runs nothing, and says for each part one number after the other; the last of them again and again. */
  const scripted = (script: Partial<Record<Part, readonly number[]>>) => {
    const order: Part[] = [];
    const time = async (_: () => Promise<void>, part: Part) => {
      const own = script[part]!;
      const before = order.filter((one) => one === part).length;
      order.push(part);
      return own[Math.min(before, own.length - 1)];
    };
    return { order, time };
  };

  it('times parts in turn behind a first round, and takes medians', async () => {
    const rehearsal = smallRehearsal('bert', { moe: [0], batch: 8 });
    const { order, time } = scripted({
      rest: [90, 0.25, 1, 0.5],
      dense: [90, 4.5, 4, 9],
      moe: [90, 0.125, 8, 0.125, 8, 8],
      update: [90, 0.0625],
    });
    const found = await measureStep(engine(cpu()), rehearsal, { tokens: 40, seconds: 0.5, time });
    const parts = ['rest', 'dense', 'moe', 'update'];
    expect(order.slice(0, 16)).toEqual([...parts, ...parts, ...parts, ...parts]);
    // Eight sixteenths are half a second.
    expect(order.slice(16)).toEqual(Array(5).fill('update'));
    const scale = found.meanTokens / found.timed.tokens;
    expect(found.rest).toBe(scale * 0.5);
    // 4.5 - 0.5, above its own spread of 0.5 and the other's of 0.25.
    expect(found.dense).toBe(scale * 4);
    // The median of 0.125, 8 and 0.125 is below that of embeddings and head: the spread of 0 + 0.25 stands for it.
    expect(found.moe).toBe(scale * 0.25);
    expect(found.withinSpread).toEqual(['moe']);
    const [d, f] = [32, 64];
    expect(found.update).toBe(0.0625 / (4 * (d * d + d) + d * f + f + f * d + d + 4 * d));
  });

  it('leaves nothing on the device', async () => {
    const backend = cpu();
    const { time } = scripted({ rest: [1], dense: [2], moe: [3], update: [4] });
    await measureStep(engine(backend), smallRehearsal('bert', { moe: [0] }), { time });
    expect(backend.stats().bytes).toBe(0);
  });
});
