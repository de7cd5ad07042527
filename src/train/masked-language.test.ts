import { describe, expect, it } from 'vitest';
import { wasm } from '../../backends/wasm/index.ts';
import { engine } from '../engine.ts';
import { ShapeError } from '../errors.ts';
import { initModel } from '../models/index.ts';
import { smallConfig } from '../models/small.fixture.ts';
import { adamw } from '../optim/adamw.ts';
import { omoe } from '../optim/omoe.ts';
import { key } from '../random.ts';
import type { Block } from '../text/corpus.ts';
import {
  type MaskedBatches,
  maskedBatches,
  maskedEvaluation,
  maskedObjective,
  maskedPerplexity,
  unigramPerplexity,
} from './masked-language.ts';
import { runTraining } from './training.ts';

// 0 padding, 1 [CLS], 2 [SEP], 3 [MASK]; words from 4 on.
const [pad, cls, sep, mask] = [0, 1, 2, 3];
const size = 12;
const isSpecial = (id: number) => id < 4;

const blockOf = (...words: number[]): Block => ({
  tokens: Int32Array.of(cls, ...words, sep),
  words: Uint8Array.of(2, ...words.map(() => 1), 2),
});
/** Words go round in a circle of eight, so that a neighbour tells a hidden one; all are equally frequent. */
const circle = (start: number, length = 8): Block =>
  blockOf(...Array.from({ length }, (_, i) => 4 + ((start + i) % 8)));
const blocks = Array.from({ length: 8 }, (_, start) => circle(start));

const options: MaskedBatches = { pad, batch: 3, length: 10, seed: 5, mask, size, isSpecial };

describe('batches with hidden tokens', () => {
  it('visit every block once an epoch, in an order and with masks of its own, as seed and number say', () => {
    const batchOf = maskedBatches(blocks, { ...options, batch: 2 });
    const epoch = (e: number) => Array.from({ length: 4 }, (_, i) => batchOf(4 * e + i));
    const restored = (e: number) =>
      epoch(e)
        .flatMap(({ tokens, places, labels, length }) => {
          const whole = tokens.slice();
          places.forEach((place, i) => {
            whole[place] = labels[i];
          });
          return [whole.slice(0, length).join(), whole.slice(length).join()];
        })
        .sort();
    const all = blocks.map(({ tokens }) => tokens.join()).sort();
    for (const e of [0, 1, 7]) expect(restored(e)).toEqual(all);
    // One block has one order, so that only its masks can differ from epoch to epoch.
    const alone = maskedBatches([circle(0)], { ...options, batch: 1 });
    expect(new Set([0, 1, 2, 3, 4, 5, 6, 7].map((e) => `${alone(e).places}`)).size).toBeGreaterThan(1);
    expect(maskedBatches(blocks, { ...options, batch: 2 })(9)).toEqual(batchOf(9));
    expect(maskedBatches(blocks, { ...options, batch: 2, seed: 6 })(9)).not.toEqual(batchOf(9));
  });

  it('hide as many pieces as the rate says, never a special token, and mask padding', () => {
    const { tokens, mask: real, places, labels, scored } = maskedBatches([circle(0, 5)], options)(0);
    expect(tokens).toHaveLength(30);
    expect([...real]).toEqual(Array.from({ length: 30 }, (_, i) => (i % 10 < 7 ? 1 : 0)));
    expect(scored).toBe(3); // round(0.15 · 5) = 1 in each
    expect([places.length, labels.length]).toEqual([3, 3]);
    expect(labels.every((label) => label >= 4)).toBe(true);
    for (const place of places) expect(place % 10).toBeGreaterThan(0);
    for (const place of places) expect(place % 10).toBeLessThan(6);
  });

  it('of evaluation are the same every time, and hold every block', () => {
    const [first, second] = [maskedEvaluation(blocks, options), maskedEvaluation(blocks, options)];
    expect(first).toEqual(second);
    expect(first.map((batch) => batch.size)).toEqual([3, 3, 2]);
  });

  it('are refused without text, and for blocks that do not fit', () => {
    expect(() => maskedBatches([], options)).toThrow(ShapeError);
    expect(() => maskedBatches([], options)).toThrow(/no block of text, expected at least one block/);
    expect(() => maskedEvaluation(blocks, { ...options, length: 9 })).toThrow(/a block of 10 tokens/);
  });
});

it('unigram perplexity: frequencies in the training text, one added to each', () => {
  const training = [blockOf(4, 4, 4, 5)];
  const held = [{ ...maskedEvaluation([blockOf(4)], options)[0], labels: Int32Array.of(4, 5, 6) }];
  // 4 of 16, 2 of 16 and 1 of 16: (4·8·16)^(1/3) = 8
  expect(unigramPerplexity(training, held, options)).toBeCloseTo(8, 12);
});

it('a small encoder learns what stands between two words, far below the frequencies alone', async () => {
  const t = engine(await wasm({ threads: 1 }));
  const shape = { vocabulary: size, positions: 10, width: 24, embedding: 24, hidden: 32, layers: 1, initial: 0.2 };
  const config = smallConfig('bert', shape);
  const held = maskedEvaluation(blocks, options);
  const start = initModel(t, key(1), config, { pooler: false, mlm: true });
  const before = await maskedPerplexity(t, start, config, held);
  const { parameters } = await runTraining(t, {
    plan: {
      ...{ steps: 100, seed: 5, examples: 8, accumulate: 1, clip: 1 },
      schedule: { peak: 0.01, warmup: 10, total: 100, decay: 'linear' },
      ...{ evaluateEvery: null, patience: null, saveEvery: null },
    },
    record: {},
    name: 'pretraining',
    objective: maskedObjective(config, { balanceLoss: 0, zLoss: 0 }),
    optimizer: omoe(adamw(), { accumulateSteps: 1, orthogonalSteps: 0 }),
    start: () => start,
    batchOf: maskedBatches(blocks, { ...options, batch: 8 }),
    metric: 'perplexity',
    better: 'smaller',
  });
  const after = await maskedPerplexity(t, parameters, config, held);
  const unigram = unigramPerplexity(blocks, held, options);
  expect(before!.perplexity).toBeGreaterThan(unigram / 2);
  expect(Math.exp(after!.crossEntropy)).toBe(after!.perplexity);
  expect(after!.perplexity).toBeLessThan(unigram / 2);
  const stopped = new AbortController();
  stopped.abort();
  expect(await maskedPerplexity(t, parameters, config, held, stopped.signal)).toBeNull();
});
