import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { smallRehearsal } from './rehearsal.fixture.ts';
import { blockUses, largeAndMean } from './rehearsal.ts';
import { measureStep, stepSeconds } from './step-time.ts';

const measured = {
  ...{ rest: 1, dense: 10, moe: 100, update: 1e-3, meanTokens: 8, took: 0 },
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
      const found = await measureStep(t, rehearsal, { tokens: 40, patience: 0 });
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
});
