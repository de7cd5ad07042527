import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { DTypeError, ShapeError, UsageError } from '../errors.ts';
import { key } from '../random.ts';
import { mapTree } from '../tree.ts';
import { initAttention, scaledDotProductAttention } from './attention.ts';
import { type EncoderParameters, encoder, initEncoder, upcycleEncoder } from './encoder.ts';
import { linear } from './linear.ts';

/** `toBeCloseTo(…, 12)`: a value of size 1 that passed less than γ₄₀₀₀ = 4.4e-13 of Float64 rounding. */
const t = engine(cpu(), { dtype: 'float64' });
const shape = { vocabulary: 7, positions: 4, width: 4, hidden: 6, heads: 2, layers: 2, classes: 3 };
const dense = initEncoder(t, key(1), shape);
const batch = (tokens: number[][], real: number[][]) => ({
  tokens: t.tensor(Int32Array.from(tokens.flat()), [tokens.length, tokens[0].length]),
  mask: t.tensor(Uint8Array.from(real.flat()), [real.length, real[0].length], 'bool'),
});
const logitsOf = async (parameters: EncoderParameters, input: ReturnType<typeof batch>) => [
  ...(await encoder(parameters, input, { heads: 2, k: 2 }).logits.data()),
];

describe('scaledDotProductAttention', () => {
  it('gives masked keys no weight, and without any key nothing', async () => {
    const v = t.tensor([1, 2, 5, 7], [2, 1, 2, 1]);
    const q = t.ones([2, 1, 2, 1]);
    const mask = t.tensor(Uint8Array.of(1, 0, 0, 0), [2, 2], 'bool');
    expect([...(await scaledDotProductAttention(q, q, v, mask).data())]).toEqual([1, 1, 0, 0]);
  });
  it('weighs equal keys equally', async () => {
    const v = t.tensor([1, 2], [1, 1, 2, 1]);
    const q = t.ones([1, 1, 2, 1]);
    expect([...(await scaledDotProductAttention(q, q, v, t.ones([1, 2], 'bool')).data())]).toEqual([1.5, 1.5]);
  });
  it('refuses heads that do not divide the width', () => {
    for (const heads of [0, 3, 1.5]) expect(() => initAttention(t, key(0), 4, heads)).toThrow(UsageError);
  });
});

describe('encoder', () => {
  it('does not see what stands in padded places, nor how many there are', async () => {
    for (const parameters of [dense, upcycleEncoder(dense, 3, key(2))]) {
      const short = await logitsOf(parameters, batch([[1, 2]], [[1, 1]]));
      const long = await logitsOf(parameters, batch([[1, 2, 6, 3]], [[1, 1, 0, 0]]));
      long.forEach((logit, i) => {
        expect(logit).toBeCloseTo(short[i], 12);
      });
    }
  });
  it('does not mix the sentences of a batch', async () => {
    const parameters = upcycleEncoder(dense, 3, key(2));
    const both = await logitsOf(
      parameters,
      batch(
        [
          [1, 2],
          [5, 4],
        ],
        [
          [1, 1],
          [1, 0],
        ],
      ),
    );
    const one = await logitsOf(parameters, batch([[5, 4]], [[1, 0]]));
    one.forEach((logit, i) => {
      expect(both[3 + i]).toBeCloseTo(logit, 12);
    });
  });
  it('computes the dense function right after an upcycle', async () => {
    const input = batch([[1, 2, 3]], [[1, 1, 1]]);
    const [before, after] = [await logitsOf(dense, input), await logitsOf(upcycleEncoder(dense, 4, key(3)), input)];
    after.forEach((logit, i) => {
      expect(logit).toBeCloseTo(before[i], 12);
    });
  });
  it('has finite logits and gradients for a sentence of padding only', async () => {
    const parameters = upcycleEncoder(dense, 3, key(2));
    const input = batch([[0, 0]], [[0, 0]]);
    const gradients = t.grad((p: EncoderParameters) => encoder(p, input, { heads: 2, k: 1 }).logits.sum())(parameters);
    const all: Promise<ArrayLike<number>>[] = [];
    mapTree(gradients, (gradient) => {
      all.push(gradient.data());
      return gradient;
    });
    const values = (await Promise.all(all)).flatMap((data) => Array.from(data));
    expect(values.length).toBeGreaterThan(100);
    expect(values.every(Number.isFinite)).toBe(true);
  });
  it('refuses what it cannot read, by its own name', () => {
    const fit = batch([[1, 2]], [[1, 1]]);
    const { feedForward: _, ...hollow } = dense.blocks[1];
    const long = batch([[1, 1, 1, 1, 1]], [[1, 1, 1, 1, 1]]);
    const changed = (input: Partial<typeof fit>, heads = 2, parameters = dense) =>
      encoder(parameters, { ...fit, ...input }, { heads, k: 1 });
    for (const [call, error, message] of [
      [() => changed(long), UsageError, /at most 4 positions/],
      [() => changed({ tokens: t.zeros([1, 2]) }), DTypeError, /tokens float64\[1, 2\]/],
      [() => changed({ tokens: t.zeros([2], 'int32') }), ShapeError, /tokens int32\[2\]/],
      [() => changed({ mask: t.ones([1, 2]) }), DTypeError, /mask float64\[1, 2\]/],
      [() => changed({ mask: t.ones([2], 'bool') }), ShapeError, /mask bool\[2\]/],
      [() => changed({}, 3), UsageError, /width 4 and 3 heads/],
      [() => changed({}, 2, { ...dense, blocks: [dense.blocks[0], hollow] }), UsageError, /block 1 with neither/],
      [
        () => changed(batch([[1, 7]], [[1, 1]])),
        UsageError,
        /token id 7 at position 1, expected token ids from 0 to 6/,
      ],
      [() => changed(batch([[-1, 1]], [[1, 1]])), UsageError, /token id -1/],
      [() => encoder(dense, fit, undefined as never), UsageError, /undefined as options/],
    ] as const) {
      expect(call).toThrow(error);
      expect(call).toThrow(/^encoder: /);
      expect(call).toThrow(message);
    }
  });
  it('is made of whole numbers of at least 1', () => {
    for (const name of ['vocabulary', 'positions', 'width', 'hidden', 'heads', 'layers', 'classes'] as const)
      for (const size of [0, -1, 1.5, Number.NaN, '2' as never])
        expect(() => initEncoder(t, key(1), { ...shape, [name]: size })).toThrow(new RegExp(`initEncoder: .*${name}`));
    expect(() => initEncoder(t, key(1), { ...shape, heads: 3 })).toThrow(/initEncoder: .*3 heads/);
  });
  it('is upcycled once', () => {
    const sparse = upcycleEncoder(dense, 2, key(2));
    expect(() => upcycleEncoder(sparse, 2, key(2))).toThrow(UsageError);
  });
});

describe('linear', () => {
  it('maps rows of width 0, and no rows at all', async () => {
    const map = { weight: t.zeros([0, 4]), bias: t.tensor([1, 2, 3, 4]) };
    expect([...(await linear(t.zeros([2, 3, 0]), map).data())].slice(-4)).toEqual([1, 2, 3, 4]);
    expect(linear(t.zeros([0, 3, 0]), map).shape).toEqual([0, 3, 4]);
  });
  it('refuses a bias or an input of another shape', () => {
    const map = { weight: t.zeros([3, 4]), bias: t.zeros([4]) };
    for (const bias of [t.zeros([1]), t.zeros([2, 4])])
      expect(() => linear(t.zeros([2, 3]), { ...map, bias })).toThrow(/linear: /);
    for (const x of [t.zeros([]), t.zeros([2, 4])]) expect(() => linear(x, map)).toThrow(ShapeError);
  });
});
