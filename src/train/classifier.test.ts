import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { tinyPlan, variedModel } from '../../property-tests/meta/training.checks.ts';
import { engine } from '../engine.ts';
import { type EncoderParameters, initEncoder } from '../nn/encoder.ts';
import { key } from '../random.ts';
import { collate } from '../tasks/batches.ts';
import { embedded } from '../tasks/embedded.ts';
import { leaves } from '../tree.ts';
import { classifierLoss, encoderOptions, upload } from './classifier.ts';
import type { ComparePlan } from './types.ts';

const t = engine(cpu(), { dtype: 'float64' });
const u = 2 ** -53;
const plan = tinyPlan({ balanceLoss: 0, zLoss: 0 });
const task = embedded({ seed: 1, train: 12, dev: 1 });
const batch = upload(t, collate(task.train, 16, 0));
const { parameters } = variedModel(t, plan, task);

const gradientsAt = async (at: EncoderParameters, weights: Partial<ComparePlan>) => {
  const gradients = t.valueAuxAndGrad(classifierLoss)(at, batch, { ...plan, ...weights }, null).gradients;
  const read = leaves(gradients).map(async ({ path, tensor }) => [path, await tensor.data()] as const);
  return new Map(await Promise.all(read));
};

describe('upload', () => {
  it('makes tensors of a batch', async () => {
    const host = collate(task.train.slice(0, 2), 5, 1);
    const { tokens, mask, labels } = upload(t, host);
    expect([tokens, mask, labels].map(({ shape, dtype }) => [shape, dtype])).toEqual([
      [[2, 5], 'int32'],
      [[2, 5], 'bool'],
      [[2], 'int32'],
    ]);
    expect([await tokens.data(), await mask.data(), await labels.data()]).toEqual([
      host.tokens,
      host.mask,
      host.labels,
    ]);
  });
});

describe('classifierLoss', () => {
  it('is task + balanceLoss · balance + zLoss · z over real tokens', async () => {
    const [weightB, weightZ] = [0.25, 0.125];
    const [loss, { task: ownLoss, balance, routerLogits }] = classifierLoss(
      parameters,
      batch,
      { ...plan, balanceLoss: weightB, zLoss: weightZ },
      null,
    );
    const logits = await routerLogits[0].data();
    const real = await batch.mask.data();
    const experts = plan.model.experts;
    const squares = [...real.keys()]
      .filter((token) => real[token] === 1)
      .map((token) => {
        const row = Float64Array.from(logits.subarray(token * experts, (token + 1) * experts));
        return Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) ** 2;
      });
    const z = squares.reduce((sum, square) => sum + square, 0) / squares.length;
    const [value, first, second] = await Promise.all([loss.item(), ownLoss.item(), balance.item()]);
    const wanted = first + weightB * second + weightZ * z;
    // Logits below 100: each logSumExp is off by less than 200u, its square by 2·√z'·200u; the sum of n terms by nu.
    const largest = Math.sqrt(Math.max(...squares));
    const bound = (squares.length + 16) * u * wanted + 2 * weightZ * 2 * (largest + 1) * 200 * u;
    expect(Math.abs(value - wanted), `${value}, by hand ${wanted}, bound ${bound}`).toBeLessThanOrEqual(bound);
    expect(bound).toBeLessThan(1e-9 * weightZ * z);
  });

  it('passes each weight on to the gradient of the router: twice the weight, twice the gradient', async () => {
    // A classifier of zeros hands no task gradient down, so the router moves for the auxiliary losses alone, and powers of
    // two scale every rounding with them: the equality is exact.
    const { weight, bias } = parameters.classifier;
    const deaf = { ...parameters, classifier: { weight: weight.zerosLike(), bias } };
    const router = 'blocks.0.moe.router.weight';
    const at = async (weights: Partial<ComparePlan>) => (await gradientsAt(deaf, weights)).get(router)!;
    expect((await at({})).every((g) => g === 0)).toBe(true);
    for (const name of ['balanceLoss', 'zLoss'] as const) {
      const [one, two] = [await at({ [name]: 0.25 }), await at({ [name]: 0.5 })];
      expect(one.some((g) => g !== 0)).toBe(true);
      expect(two, name).toEqual(one.map((g) => 2 * g));
    }
    const [balance, z] = [await at({ balanceLoss: 0.25 }), await at({ zLoss: 0.25 })];
    expect(balance).not.toEqual(z);
  });

  it('gives padding no say: its token and its length change no bit of loss or gradient', async () => {
    const weights = { ...plan, balanceLoss: 0.5, zLoss: 0.5 };
    const at = async (length: number, pad: number) => {
      const padded = upload(t, collate(task.train, length, pad));
      const { value, aux, gradients } = t.valueAuxAndGrad(classifierLoss)(parameters, padded, weights, null);
      const router = gradients.blocks[0].moe!.router.weight;
      return [await value.item(), await aux.balance.item(), ...(await aux.logits.data()), ...(await router.data())];
    };
    const [shorter, token, longer] = [await at(16, 0), await at(16, 7), await at(24, 0)];
    expect(token).toEqual(shorter);
    // The zeros of padding stand last in each sum of a sentence, but between the sentences in sums over all tokens: the
    // cpu backend adds from the first to the last, where a zero more changes nothing.
    expect(longer).toEqual(shorter);
  });

  it('of a dense model is the task loss', async () => {
    const { width, ffn: hidden, heads, layers } = plan.model;
    const shape = { vocabulary: task.vocabularySize, positions: 16, width, hidden, heads, layers, classes: 2 };
    const dense = initEncoder(t, key(1), shape);
    const weights = { ...plan, balanceLoss: 0.5, zLoss: 0.5 };
    const [loss, parts] = classifierLoss(dense, batch, weights, null);
    expect(await loss.item()).toBe(await parts.task.item());
    expect(await parts.balance.item()).toBe(0);
    expect(parts.routerLogits).toEqual([]);
    // −log softmax of the right class, averaged: about log 2 for a model that knows nothing, never below 0.
    const scores = await parts.logits.data();
    const labels = await batch.labels.data();
    const right = [...labels].map((label, i) => {
      const [a, b] = [scores[2 * i], scores[2 * i + 1]];
      return Math.log(Math.exp(a) + Math.exp(b)) - (label === 1 ? b : a);
    });
    const mean = right.reduce((sum, x) => sum + x, 0) / right.length;
    // Logits below 100 and 12 rows: 200u each for the logSumExp, 12 roundings of the sum.
    expect(Math.abs((await loss.item()) - mean)).toBeLessThan((2 * 200 + 2 * 12 * mean) * u);
  });

  it('records the statistics that are asked for, and only these', () => {
    const names = (layers: readonly ('fc1' | 'fc2')[] | null) => {
      const recording = layers && ({ side: 'output', statistic: 'mean', layers } as const);
      return [...classifierLoss(parameters, batch, plan, recording)[1].records].map(([name, { columns }]) => [
        name,
        ...columns.shape,
      ]);
    };
    const { experts, width, ffn } = plan.model;
    expect(names(null)).toEqual([]);
    expect(names(['fc2'])).toEqual([['blocks.0.moe.fc2', experts, width]]);
    expect(names(['fc1', 'fc2'])).toEqual([
      ['blocks.0.moe.fc1', experts, ffn],
      ['blocks.0.moe.fc2', experts, width],
    ]);
  });

  it('trains under the capacity of the plan', async () => {
    const tight = { ...plan, capacityFactor: 0.1 };
    expect(encoderOptions(tight)).toEqual({ heads: 2, k: 2, capacityFactor: 0.1 });
    const [loose, dropped] = [plan, tight].map((given) => classifierLoss(parameters, batch, given, null)[0]);
    expect(await dropped.item()).not.toBe(await loose.item());
  });
});
