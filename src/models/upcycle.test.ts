import { access, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { readSafetensors } from '../io/safetensors/index.ts';
import { key } from '../random.ts';
import type { ModelConfig } from './config.ts';
import { encode } from './encode.ts';
import { initModel } from './parameters.ts';
import { families, inputOf, smallConfig } from './small.fixture.ts';
import { upcycleModel, upcycleReceipt } from './upcycle.ts';
import { loadWeights } from './weights.ts';

const t = engine(cpu(), { dtype: 'float64' });
const model = (config: ModelConfig) => ({ parameters: initModel(t, key(1), config), config });

describe('upcycleModel', () => {
  it.each(families)('keeps the function of %s, and prints the receipt', async (family) => {
    const dense = model(smallConfig(family));
    const sparse = upcycleModel(dense.parameters, dense.config, { experts: 3, key: key(2) });
    const input = inputOf(t, dense.config, [
      [2, 5, 7, 1],
      [3, 4, -1, -1],
    ]);
    const receipt = await upcycleReceipt(dense, sparse, input);
    expect(receipt.layers.map(({ layer, block }) => [layer, block])).toEqual([
      [0, 0],
      [1, 1],
    ]);
    for (const { error, bound, largest } of receipt.layers) {
      expect(largest).toBeGreaterThan(0.1);
      // The CPU computes an expert as it computes the network: only the gates' own rounding is left.
      expect(error).toBeLessThanOrEqual(bound!);
    }
    // Two blocks of width 8 enlarge a rounding error by less than 10⁴ (property-tests/parity sees 400 a block at width 16).
    expect(receipt.hidden).toBeLessThan(1e-11);
    const noisy = upcycleModel(dense.parameters, dense.config, { experts: 3, key: key(2), noise: 0.1 });
    expect((await upcycleReceipt(dense, noisy, input)).hidden).toBeGreaterThan(1e-3);
    const single = upcycleModel(dense.parameters, dense.config, { experts: 3, k: 1, key: key(2) });
    const promised = await upcycleReceipt(dense, single, input);
    expect(promised.layers[0].bound).toBeNull();
    expect(promised.hidden).toBeGreaterThan(1e-3);
  });
  it('upcycles the chosen blocks and shares the rest', () => {
    const { parameters, config } = model(smallConfig('bert'));
    const one = upcycleModel(parameters, config, { experts: 3, layers: [1], key: key(2) });
    expect(one.config.moe).toEqual({ layers: [1], experts: 3, k: 2, renormalize: true, balanceLoss: 0.01 });
    expect(one.parameters.blocks[0]).toBe(parameters.blocks[0]);
    expect(one.parameters.blocks[1].feedForward).toBeUndefined();
    const both = upcycleModel(one.parameters, one.config, { experts: 3, layers: [0], key: key(3) });
    expect(both.config.moe!.layers).toEqual([0, 1]);
    expect(() => encode(both.parameters, inputOf(t, config, [[2]]), both.config)).not.toThrow();
  });
  it('upcycles a block of ALBERT once for all layers that share it', () => {
    const { parameters, config } = model(smallConfig('albert', { layers: 3, groups: 1 }));
    const sparse = upcycleModel(parameters, config, { experts: 2, key: key(2) });
    expect(sparse.config.moe!.layers).toEqual([0]);
    const { layers } = encode(sparse.parameters, inputOf(t, config, [[2, 3]]), sparse.config);
    expect(layers.map(({ layer, block }) => [layer, block])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
  });
  it('refuses what cannot be', () => {
    const { parameters, config } = model(smallConfig('bert'));
    const once = upcycleModel(parameters, config, { experts: 3, layers: [1], key: key(2) });
    for (const [call, message] of [
      [() => upcycleModel(parameters, config, { experts: 0, key: key(2) }), /experts 0/],
      [() => upcycleModel(parameters, config, { experts: 2, k: 3, key: key(2) }), /k 3/],
      [() => upcycleModel(parameters, config, { experts: 2, layers: [2], key: key(2) }), /layers \[2\].*0 to 1/],
      [() => upcycleModel(parameters, config, { experts: 2, layers: [], key: key(2) }), /layers \[\]/],
      [() => upcycleModel(parameters, config, { experts: 2, layers: [0, 0], key: key(2) }), /layers \[0, 0\]/],
      [() => upcycleModel(once.parameters, once.config, { experts: 3, layers: [1], key: key(2) }), /block 1/],
      [() => upcycleModel(once.parameters, once.config, { experts: 2, layers: [0], key: key(2) }), /2 experts.*beside/],
    ] as const) {
      expect(call).toThrow(UsageError);
      expect(call).toThrow(message);
    }
  });
});

/** Real trained matrices, where they are: a BERT of 2 layers, width 128, without its embeddings. */
const real = new URL('../../../shared/weights/bert-tiny-sst2-encoder/encoder.safetensors', import.meta.url);
const there = await access(real).then(
  () => true,
  () => false,
);

describe('upcycleModel of trained weights', () => {
  it.skipIf(!there)('keeps the function of bert-tiny (skipped where its weights are absent)', async () => {
    const { tensors } = readSafetensors(new Uint8Array(await readFile(real)));
    const f32 = engine(cpu());
    const config = smallConfig('bert', { vocabulary: 50, positions: 16, width: 128, embedding: 128, hidden: 512 });
    const fresh = initModel(f32, key(1), config);
    const dense = { config, parameters: { ...fresh, blocks: trainedBlocks() } };
    function trainedBlocks() {
      // The file has no embeddings; those of a fresh model stand in.
      const stem = [...tensors.keys()].find((name) => name.endsWith('encoder.layer.0.intermediate.dense.weight'))!;
      const prefix = stem.slice(0, stem.indexOf('encoder.layer.0'));
      const blocks = [...tensors].filter(([name]) => name.startsWith(`${prefix}encoder.`));
      const filled = new Map(blocks.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
      const widths = [
        ['word_embeddings.weight', 50],
        ['position_embeddings.weight', 16],
        ['token_type_embeddings.weight', 2],
      ] as const;
      for (const [name, rows] of widths)
        filled.set(`embeddings.${name}`, { dtype: 'F32', shape: [rows, 128], bytes: new Uint8Array(rows * 512) });
      for (const name of ['weight', 'bias'])
        filled.set(`embeddings.LayerNorm.${name}`, { dtype: 'F32', shape: [128], bytes: new Uint8Array(512) });
      return loadWeights(f32, filled, config, 'bert-tiny').parameters.blocks;
    }
    const sparse = upcycleModel(dense.parameters, config, { experts: 4, key: key(2) });
    const receipt = await upcycleReceipt(dense, sparse, inputOf(f32, config, [[2, 5, 7, 1, 30, 41]]));
    for (const { error, bound } of receipt.layers) expect(error).toBeLessThanOrEqual(bound!);
  });
});
