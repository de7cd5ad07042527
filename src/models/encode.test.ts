import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { DTypeError, ShapeError, UsageError } from '../errors.ts';
import { key } from '../random.ts';
import { leaves } from '../tree.ts';
import { type ModelConfig, readConfig } from './config.ts';
import { encode } from './encode.ts';
import { saveModel } from './folder.ts';
import { initModel, type ModelParameters, withPooler } from './parameters.ts';
import { families, inputOf, smallConfig } from './small.fixture.ts';
import { upcycleModel } from './upcycle.ts';

/**
 * Agreement with other implementations is tested in property-tests/parity; here is what has to hold whatever the weights.
 * `toBeCloseTo(…, 11)`: norms keep every state below 3, and sums of at most 12 terms pass less than 10⁴ roundings of Float64.
 */
const t = engine(cpu(), { dtype: 'float64' });
const dense = (config: ModelConfig) => ({ parameters: initModel(t, key(1), config), config });
const sparse = (config: ModelConfig) =>
  upcycleModel(initModel(t, key(1), config), config, { experts: 3, key: key(2), noise: 0.3 });
const near = (actual: ArrayLike<number>, expected: ArrayLike<number>) => {
  expect(actual.length).toBe(expected.length);
  Array.from(actual).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i], 11);
  });
};

describe.each(families)('encode of %s', (family) => {
  const config = smallConfig(family);
  it('does not see what stands in padded places, how many there are, or its neighbours', () => {
    for (const model of [dense(config), sparse(config)]) {
      const states = (sentences: number[][]) => {
        const { hidden, pooled } = encode(model.parameters, inputOf(t, model.config, sentences), model.config);
        return { hidden: t.dataSync(hidden), pooled: t.dataSync(pooled!) };
      };
      const alone = states([[2, 5, 7]]);
      const among = states([
        [3, 3, 4, 5, 6],
        [2, 5, 7, -1, -1],
      ]);
      near(among.hidden.slice(5 * 8, 8 * 8), alone.hidden);
      near(among.pooled.slice(8), alone.pooled);
    }
  });
  it('sees where a token stands, and its segment', () => {
    const { parameters } = dense(config);
    const input = inputOf(t, config, [[2, 5, 5]]);
    const hidden = t.dataSync(encode(parameters, input, config).states[0]);
    expect([...hidden.slice(8, 16)]).not.toEqual([...hidden.slice(16)]);
    const apart = { ...input, segments: t.tensor(Int32Array.of(0, 0, 1), [1, 3]) };
    const second = t.dataSync(encode(parameters, apart, config).states[0]);
    expect([...second.slice(0, 16)]).toEqual([...hidden.slice(0, 16)]);
    expect([...second.slice(16)]).not.toEqual([...hidden.slice(16)]);
  });
  it('has finite states and gradients for a sentence of padding only', () => {
    for (const model of [dense(config), sparse(config)]) {
      const input = inputOf(t, model.config, [[-1, -1, -1]]);
      const gradients = t.grad((p: ModelParameters) => {
        const { hidden, pooled } = encode(p, input, model.config);
        return hidden.square().sum().add(pooled!.sum());
      })(model.parameters);
      const values = leaves(gradients).flatMap(({ tensor }) => [...t.dataSync(tensor)]);
      expect(values.length).toBeGreaterThan(300);
      expect(values.every(Number.isFinite)).toBe(true);
    }
  });
  it('tells what its experts did, layer by layer', () => {
    const model = sparse(config);
    const { layers } = encode(model.parameters, inputOf(t, model.config, [[2, 5, 7, -1]]), model.config);
    expect(layers.map(({ layer, block, path }) => [layer, block, path])).toEqual([
      [0, 0, 'blocks.0.moe'],
      [1, 1, 'blocks.1.moe'],
    ]);
    expect([...t.dataSync(layers[1].gate.chosen)].slice(-2)).toEqual([-1, -1]);
  });
  it('drops by the key alone, and nothing without one', () => {
    const { parameters } = dense(config);
    const input = inputOf(t, config, [[2, 5, 7]]);
    const hidden = (dropout?: { rate: number; key: ReturnType<typeof key> }) => [
      ...t.dataSync(encode(parameters, input, config, { dropout }).hidden),
    ];
    expect(hidden({ rate: 0.5, key: key(1) })).toEqual(hidden({ rate: 0.5, key: key(1) }));
    expect(hidden({ rate: 0.5, key: key(1) })).not.toEqual(hidden({ rate: 0.5, key: key(2) }));
    expect(hidden({ rate: 0.5, key: key(1) })).not.toEqual(hidden());
    expect(hidden({ rate: 0, key: key(1) })).toEqual(hidden());
  });
  it('refuses what it cannot read', () => {
    const { parameters } = dense(config);
    const fit = inputOf(t, config, [[2, 5]]);
    const longest = family === 'roberta' ? 7 : 9;
    expect(() => encode(parameters, inputOf(t, config, [Array(longest).fill(2)]), config)).not.toThrow();
    for (const [input, error, message] of [
      [
        inputOf(t, config, [Array(longest + 1).fill(2)]),
        UsageError,
        new RegExp(`${longest + 1} tokens.*1 to ${longest}`),
      ],
      [inputOf(t, config, [[2, 11]]), UsageError, /token id 11 .*from 0 to 10/],
      [{ ...fit, segments: t.tensor(Int32Array.of(0, 2), [1, 2]) }, UsageError, /segment 2 .*from 0 to 1/],
      [{ ...fit, segments: t.zeros([1, 3], 'int32') }, ShapeError, /segments int32\[1, 3\]/],
      [{ ...fit, mask: t.ones([1, 2]) }, DTypeError, /mask float64/],
      [{ ...fit, tokens: t.ones([1, 2]) }, DTypeError, /tokens float64/],
    ] as const) {
      expect(() => encode(parameters, input, config)).toThrow(error);
      expect(() => encode(parameters, input, config)).toThrow(message);
    }
    expect(() => encode(parameters, fit, sparse(config).config)).toThrow(/block 0 without its moe/);
    expect(() => encode(sparse(config).parameters, fit, config)).toThrow(/block 0 without its feedForward/);
  });
});

describe('encode of albert', () => {
  it('adds up the gradients of the layers that share a block', () => {
    const shared = smallConfig('albert', { layers: 2, groups: 1 });
    const { parameters } = dense(shared);
    const input = inputOf(t, shared, [[2, 5, 7]]);
    const loss = (config: ModelConfig) => (p: ModelParameters) => encode(p, input, config).hidden.sum();
    const together = t.grad(loss(shared))(parameters);
    // The same function with each layer its own copy.
    const apart = { ...shared, groups: 2 };
    const copies = { ...parameters, blocks: [parameters.blocks[0], parameters.blocks[0]] };
    const separate = t.grad(loss(apart))(copies);
    const of = (tree: ModelParameters, block: number) =>
      leaves(tree.blocks[block]).map(({ tensor }) => t.dataSync(tensor));
    const [first, second] = [of(separate, 0), of(separate, 1)];
    of(together, 0).forEach((gradient, i) => {
      near(
        gradient,
        Array.from(first[i], (value, j) => value + second[i][j]),
      );
    });
  });
});

describe('pooling', () => {
  const config = { ...smallConfig('bert'), pooling: 'mean' as const };
  it('takes the mean of the real tokens where the config says so', () => {
    const { parameters } = dense(config);
    const input = inputOf(t, config, [
      [2, 5, 7, -1],
      [3, 4, 4, 6],
    ]);
    const { hidden, pooled } = encode(parameters, input, config);
    const { width } = config;
    const states = t.dataSync(hidden);
    const mean = [3, 4].flatMap((tokens, row) =>
      Array.from({ length: width }, (_, c) => {
        const column = Array.from({ length: tokens }, (_, p) => states[(row * 4 + p) * width + c]);
        return column.reduce((sum, x) => sum + x, 0) / tokens;
      }),
    );
    const { weight, bias } = parameters.pooler!;
    near(t.dataSync(pooled!), t.dataSync(t.tensor(mean, [2, width], 'float64').matmul(weight).add(bias).tanh()));
  });

  it('is kept in config.json, and names no class of transformers, which would pool otherwise', async () => {
    const parameters = withPooler(t, key(3), dense(config).parameters, config);
    const files = await saveModel(parameters, config);
    const text = new TextDecoder().decode(files.get('config.json'));
    expect(readConfig(text).pooling).toBe('mean');
    expect(JSON.parse(text)).not.toHaveProperty('architectures');
    expect(readConfig(text.replace(/,\s*"omoe_pooling": "mean"/, '')).pooling).toBe('first');
  });
});

describe('withPooler', () => {
  it('adds what heads need', () => {
    const config = smallConfig('roberta');
    const bare = initModel(t, key(1), config, { pooler: false });
    const input = inputOf(t, config, [[2, 5]]);
    expect(encode(bare, input, config).pooled).toBeNull();
    expect(encode(withPooler(t, key(2), bare, config), input, config).pooled!.shape).toEqual([1, 8]);
  });
});

describe('initModel', () => {
  it('refuses sizes that do not fit together', () => {
    expect(() => initModel(t, key(1), smallConfig('bert', { heads: 3 }))).toThrow(UsageError);
  });
});
