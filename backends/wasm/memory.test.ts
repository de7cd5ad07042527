import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBlocks } from './memory.ts';

/** Takes and gives against a list of what is taken. */

const limit = 1 << 16;
const fresh = () => createBlocks(64, (end) => (end <= limit ? Math.min(limit, Math.ceil(end / 4096) * 4096) : null));

const actions = fc.array(
  fc.oneof(
    fc.record({ take: fc.nat({ max: 9000 }) }),
    fc.record({ take: fc.nat({ max: 200 }) }),
    fc.record({ give: fc.nat({ max: 50 }) }),
  ),
  { maxLength: 200, size: 'max' },
);

describe('blocks of memory', () => {
  it('never overlap, begin at cache lines, and lie within the limit', () => {
    fc.assert(
      fc.property(actions, (list) => {
        const blocks = fresh();
        const taken: { address: number; bytes: number }[] = [];
        for (const action of list) {
          if ('take' in action) {
            const address = blocks.take(action.take);
            if (address === null) continue;
            const bytes = Math.max(1, action.take);
            expect(address % 64).toBe(0);
            expect(address + bytes).toBeLessThanOrEqual(limit);
            for (const other of taken)
              expect(address + bytes <= other.address || other.address + other.bytes <= address).toBe(true);
            taken.push({ address, bytes });
          } else if (taken.length > 0) blocks.give(taken.splice(action.give % taken.length, 1)[0].address);
        }
        for (const { address } of taken) blocks.give(address);
        expect(blocks.taken()).toBe(0);
        // All that was ever reached is one piece again.
        expect(blocks.take(limit - 64)).toBe(64);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('refuses what does not fit, and takes what does afterwards', () => {
    const blocks = fresh();
    expect(blocks.take(limit)).toBeNull();
    expect(blocks.take(100)).toBe(64);
    expect(blocks.taken()).toBe(128);
  });
});
