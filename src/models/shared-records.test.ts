import { expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { mergeRecorded, recordStatistics } from '../moe/statistics.ts';
import { key } from '../random.ts';
import { recordLayers } from '../train/objective.ts';
import { encode } from './encode.ts';
import { initModel } from './parameters.ts';
import { inputOf, smallConfig } from './small.fixture.ts';
import { upcycleModel } from './upcycle.ts';

const t = engine(cpu(), { dtype: 'float64' });

/** Numbers below 10 after less than 10² roundings: 13 digits. */
it('records of layers that share a block are those of all their rows', () => {
  const config = smallConfig('albert', { layers: 2, groups: 1 });
  const dense = initModel(t, key(1), config);
  const sparse = upcycleModel(dense, config, { experts: 3, k: 1, key: key(2), noise: 0.3 });
  const { layers } = encode(sparse.parameters, inputOf(t, config, [[2, 5, 7, 3]]), sparse.config);
  const tokens = { side: 'output', statistic: 'tokens', layers: ['fc1', 'fc2'] } as const;
  const mean = { ...tokens, statistic: 'mean' } as const;
  const all = recordLayers(layers, tokens).get('blocks.0.moe.fc1')!;
  expect(all.columns.shape).toEqual([8, 6]);
  const [rows, owners] = [t.dataSync(all.columns), t.dataSync(all.owners)];
  const merged = recordLayers(layers, mean).get('blocks.0.moe.fc1')!;
  const [columns, counts] = [t.dataSync(merged.columns), t.dataSync(merged.owners)];
  for (let expert = 0; expert < 3; expert++) {
    const mine = [...owners.keys()].filter((row) => owners[row] === expert);
    expect(counts[expert]).toBe(mine.length);
    for (let i = 0; i < 6; i++) {
      const sum = mine.reduce((total, row) => total + rows[row * 6 + i], 0);
      expect(columns[expert * 6 + i]).toBeCloseTo(sum / Math.max(1, mine.length), 13);
    }
  }
  expect([...counts].reduce((a, b) => a + b, 0)).toBe(8);
  const [one] = layers;
  const alone = recordStatistics(one.flow, one.plan, mean).fc1!;
  expect([...t.dataSync(mergeRecorded(alone, alone, 'mean').owners)]).toEqual(
    [...t.dataSync(alone.owners)].map((n) => 2 * n),
  );
});
