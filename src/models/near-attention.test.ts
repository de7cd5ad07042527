import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { key } from '../random.ts';
import { leaves } from '../tree.ts';
import { freshConfig } from './config.ts';
import { nearAttention } from './near-attention.ts';
import { initModel } from './parameters.ts';

const t = engine(cpu(), { dtype: 'float64' });
const config = {
  ...freshConfig('bert', { vocabulary: 30, pad: 0, positions: 24, width: 64, hidden: 8, heads: 2, layers: 2 }),
  initial: 0.06,
};
const drawn = initModel(t, key(3), config, { pooler: false, mlm: true });
const near = nearAttention(t, drawn, config);

/** Rows with mean 0 and variance 1, as behind a norm. */
const normed = (row: readonly number[]): number[] => {
  const mean = row.reduce((sum, x) => sum + x, 0) / row.length;
  const deviation = Math.sqrt(row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length);
  return row.map((x) => (x - mean) / deviation);
};

describe('near attention', () => {
  it('changes positions, queries and keys, and nothing else', async () => {
    const changed: string[] = [];
    const before = new Map(leaves(drawn).map(({ path, tensor }) => [path, tensor]));
    for (const { path, tensor } of leaves(near)) {
      expect(tensor.shape, path).toEqual(before.get(path)!.shape);
      if (String(await tensor.data()) !== String(await before.get(path)!.data())) changed.push(path);
    }
    expect(changed.sort()).toEqual([
      ...[0, 1].flatMap((b) => [`blocks.${b}.attention.key.weight`, `blocks.${b}.attention.query.weight`]),
      'embeddings.positions',
    ]);
  });

  it('has positions as long as words, whose inner product depends on their distance alone', async () => {
    const table = await near.embeddings.positions.data();
    const { width, positions } = config;
    const dot = (p: number, r: number) =>
      Array.from({ length: width }, (_, c) => table[p * width + c] * table[r * width + c]).reduce((a, b) => a + b);
    for (let p = 0; p + 5 < positions; p++) {
      expect(dot(p, p)).toBeCloseTo(width * config.initial ** 2, 10);
      expect(dot(p, p + 5)).toBeCloseTo(dot(0, 5), 10);
    }
  });

  it('lets each token look most at itself and its neighbours', async () => {
    const [words, places] = await Promise.all([near.embeddings.words.data(), near.embeddings.positions.data()]);
    const { width, positions, heads } = config;
    // Different words at every position, as they come out of the embeddings.
    const x = Array.from({ length: positions }, (_, p) =>
      normed(Array.from({ length: width }, (_, c) => words[p * width + c] + places[p * width + c])),
    );
    const [q, k] = await Promise.all(
      (['query', 'key'] as const).map(async (name) => {
        const { weight } = near.blocks[0].attention[name];
        return (await t.tensor(x.flat(), [positions, width], 'float64').matmul(weight).data()) as Float64Array;
      }),
    );
    const size = width / heads;
    const score = (p: number, r: number) =>
      Array.from({ length: size }, (_, c) => q[p * width + c] * k[r * width + c]).reduce((a, b) => a + b) /
      Math.sqrt(size);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const at = (distance: number) =>
      mean(Array.from({ length: positions - distance }, (_, p) => score(p, p + distance)));
    expect(at(0)).toBeGreaterThan(at(1));
    expect(at(1)).toBeGreaterThan(at(4));
    expect(at(1) - at(12)).toBeGreaterThan(1);
  });
});
