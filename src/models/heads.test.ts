import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { key } from '../random.ts';
import { leaves } from '../tree.ts';
import { encode } from './encode.ts';
import { applyHead, headSpec, initHead } from './heads.ts';
import { meanCrossEntropy, mlmLogits, mlmLoss } from './mlm.ts';
import { initModel, type ModelParameters } from './parameters.ts';
import { families, inputOf, smallConfig } from './small.fixture.ts';
import { taskModel } from './task-model.ts';

const t = engine(cpu(), { dtype: 'float64' });

/** States that say which row, position and feature they are: 100 · row + 10 · position + feature, width 2. */
const hidden = t.tensor(
  Array.from({ length: 2 * 3 * 2 }, (_, i) => 100 * Math.floor(i / 6) + 10 * (Math.floor(i / 2) % 3) + (i % 2)),
  [2, 3, 2],
);
const pooled = t.tensor([1, 2, 3, 4], [2, 2]);
const states = { hidden, pooled };

describe('applyHead', () => {
  it('lays out its logits as outputs of the tasks', () => {
    const map = (input: number, weights: number[]) => ({
      weight: t.tensor(weights, [input, weights.length / input]),
      bias: t.zeros([weights.length / input]),
    });
    const of = (...of: Parameters<typeof applyHead>) => {
      const logits = applyHead(...of);
      return [logits.shape, [...t.dataSync(logits)]];
    };
    expect(of(map(2, [1, 0, 5, 0, 1, 0]), headSpec('classify', { classes: 3 }), states)).toEqual([
      [2, 3],
      [1, 2, 5, 3, 4, 15],
    ]);
    expect(of(map(2, [1, 1]), headSpec('regress'), states)).toEqual([
      [2, 1],
      [3, 7],
    ]);
    expect(of(map(2, [1, 1]), headSpec('choose'), states, { rows: 2 })).toEqual([
      [1, 2],
      [3, 7],
    ]);
    expect(of(map(2, [1, 0, 0, 1]), headSpec('tag', { classes: 2 }), states)).toEqual([
      [2, 3, 2],
      [...t.dataSync(hidden)],
    ]);
    expect(of(map(2, [1, 0, 0, 1]), headSpec('span'), states)).toEqual([
      [2, 2, 3],
      [0, 10, 20, 1, 11, 21, 100, 110, 120, 101, 111, 121],
    ]);
  });
  it('joins the mean states of marked words', () => {
    const spec = headSpec('classify', { classes: 1, spans: 2 });
    // A head that reads one of the six inputs: pooled, then the first and the second word.
    const read = (input: number) => ({
      weight: t.tensor(
        Array.from({ length: 6 }, (_, i) => Number(i === input)),
        [6, 1],
      ),
      bias: t.zeros([1]),
    });
    const spans = t.tensor(Int32Array.of(0, 2, 2, 3, 1, 3, 1, 1), [2, 2, 2]);
    const logits = (input: number) => [...t.dataSync(applyHead(read(input), spec, states, { spans }))];
    expect(logits(1)).toEqual([2, 4]);
    expect(logits(2)).toEqual([5, 115]); // means of positions 0 and 1; 1 and 2
    expect(logits(5)).toEqual([21, 0]); // position 2; an empty span
    expect(() => applyHead(read(0), spec, states)).toThrow(UsageError);
    expect(() => applyHead(read(0), spec, states, { spans: spans.slice([0, 1], 1) })).toThrow(/spans int32\[2, 1, 2\]/);
  });
  it('says what a head lacks', () => {
    for (const kind of ['classify', 'regress', 'choose'] as const) {
      const spec = headSpec(kind, { classes: 2 });
      expect(() => applyHead(initHead(t, key(1), spec, 2), spec, { hidden, pooled: null })).toThrow(/withPooler/);
    }
    expect(() => headSpec('tag')).toThrow(/classes 0/);
    expect(() => headSpec('span', { spans: 1 })).toThrow(UsageError);
  });
});

describe('taskModel', () => {
  it('is an encoder with its head, and drops only with a key', () => {
    const config = smallConfig('bert');
    const spec = headSpec('classify', { classes: 3 });
    const encoder = initModel(t, key(1), config);
    const parameters = { ...encoder, head: initHead(t, key(2), spec, config.width) };
    const batch = {
      ...inputOf(t, config, [
        [2, 5],
        [3, -1],
      ]),
      spans: null,
      rows: 1,
    };
    const model = taskModel(config, spec, { dropout: 0.5 });
    const logits = (step: ReturnType<typeof key> | null) => [
      ...t.dataSync(model.forward(parameters, batch, step).logits),
    ];
    const plain = applyHead(parameters.head, spec, encode(encoder, batch, config));
    expect(logits(null)).toEqual([...t.dataSync(plain)]);
    expect(logits(key(3))).not.toEqual(logits(null));
    expect(() => model.forward(encoder, batch, null)).toThrow(/without `head`/);
  });
});

describe('mlm', () => {
  it.each(families)('of %s predicts with the tied word embeddings', (family) => {
    const config = smallConfig(family);
    const parameters = initModel(t, key(1), config, { mlm: true });
    const input = inputOf(t, config, [[2, 5, 7]]);
    const { hidden: last } = encode(parameters, input, config);
    const logits = mlmLogits(parameters, last.reshape([3, 8]), config);
    expect(logits.shape).toEqual([3, 11]);
    // Places 0 and 2, the latter twice; one more that does not count.
    const places = t.tensor(Int32Array.of(0, 2, 2, 1), [4]);
    const labels = t.tensor(Int32Array.of(4, 6, 0, -1), [4]);
    const lines = t.dataSync(logits.logSoftmax(1));
    const expected = -(lines[4] + lines[22 + 6] + lines[22]) / 3;
    const loss = (p: ModelParameters) => mlmLoss(p, encode(p, input, config).hidden, { places, labels }, config);
    // Less than 10³ roundings of numbers below 10.
    expect(t.dataSync(loss(parameters))[0]).toBeCloseTo(expected, 11);
    const gradients = t.grad(loss)(parameters);
    const words = t.dataSync(gradients.embeddings.words);
    expect(words.slice(9 * config.embedding, 10 * config.embedding).some((value) => value !== 0)).toBe(true);
    expect(() => mlmLogits({ ...parameters, mlm: undefined }, last.reshape([3, 8]), config)).toThrow(UsageError);
  });
  it('is 0 with gradients 0 where nothing counts', () => {
    const config = smallConfig('bert');
    const parameters = initModel(t, key(1), config, { mlm: true });
    const input = inputOf(t, config, [[2, 5, 7]]);
    const nothing = { places: t.zeros([2], 'int32'), labels: t.full([2], -1, 'int32') };
    const [loss, gradients] = t.valueAndGrad((p: ModelParameters) =>
      mlmLoss(p, encode(p, input, config).hidden, nothing, config),
    )(parameters);
    expect(t.dataSync(loss)[0]).toBe(0);
    for (const { tensor } of leaves(gradients)) expect(t.dataSync(tensor).every((value) => value === 0)).toBe(true);
    expect(t.dataSync(meanCrossEntropy(t.zeros([0, 3]), t.zeros([0], 'int32')))[0]).toBe(0);
  });
});
