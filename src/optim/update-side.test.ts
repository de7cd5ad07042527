import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { readTogether } from '../pending.ts';
import { key } from '../random.ts';
import { omoeDefaults } from './options.ts';
import { projectAgainstLearnt } from './update-side.ts';

const t = engine(cpu(), { dtype: 'float64' });
const options = { ...omoeDefaults, side: 'update' } as const;
/** Three experts of one input and one output: [W; b] is [2, 1]. */
const stack = (...entries: number[]) => t.tensor(Float64Array.from(entries), [3, 2, 1]);
const start = stack(0, 0, 0, 0, 0, 0);

describe('projectAgainstLearnt', () => {
  it('counts directions, not experts: two that moved the same way are one', async () => {
    const { trace, projected } = await projectAgainstLearnt(
      stack(1, 1, 1, 1, 1, 1),
      stack(0, 3, 2, 0, 4, 0), // expert 0 along b, the others along W
      start,
      options,
      key(0),
    );
    expect(trace).toEqual([1 / 2, 0, 0]);
    expect([...(await projected.data())]).toEqual([0, 1, 0, 0, 0, 0]);
  });

  it('leaves the update as it is while nobody has moved, and says that nothing leaks', async () => {
    const delta = stack(1, 2, 3, 4, 5, 6);
    const update = await projectAgainstLearnt(delta, start, start, options, key(0));
    expect(update.trace).toEqual([1, 1, 1]);
    expect(await update.projected.data()).toEqual(await delta.data());
    expect((await readTogether(update.leakage(delta)))[0]).toEqual([null, null, null]);
  });
});
