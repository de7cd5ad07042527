import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { methodTable } from '../optim/methods.ts';
import { countParameters, estimateMemory, estimateSeconds } from './estimate.ts';
import { baselineOf, comparePlan, parseSeeds, planWarnings } from './plan.ts';

const real = { task: 'sst2', data: 'SST-2', vocab: 'vocab.txt' };

describe('comparePlan', () => {
  it('makes the embedded demonstration from nothing', () => {
    const plan = comparePlan({});
    expect(plan).toMatchObject({
      task: 'embedded',
      seeds: [0, 1, 2, 3, 4],
      steps: 100,
      denseSteps: 300,
      batch: 32,
      backend: 'auto',
      model: { width: 64, ffn: 128, layers: 1, heads: 4, experts: 4, topK: 2, length: 16 },
    });
    expect(plan.methods.map(({ name }) => name)).toEqual(methodTable.map(({ id }) => id));
    for (const { omoe } of plan.methods.slice(1)) {
      expect(omoe).toMatchObject({ accumulateSteps: 25, orthogonalSteps: 25 });
    }
    expect('data' in plan).toBe(false);
    expect(planWarnings(plan)).toEqual([]);
    expect(baselineOf(plan)).toBe('adamw');
  });

  it('takes each option from its own flag', () => {
    // biome-ignore format: two lines read better than twelve
    const numbers = {
      steps: '11', denseSteps: '12', batch: '13', width: '14', ffn: '15', layers: '16', heads: '7', experts: '18', topK: '9',
      length: '20', trainLimit: '21', devLimit: '22',
    };
    const plan = comparePlan({ ...real, ...numbers, lr: '2e-3', seeds: '3,7', methods: 'omoe', backend: 'cpu' });
    expect(plan).toMatchObject({
      ...{ ...real, steps: 11, denseSteps: 12, batch: 13, learningRate: 2e-3, trainLimit: 21, devLimit: 22 },
      ...{ seeds: [3, 7], backend: 'cpu' },
      model: { width: 14, ffn: 15, layers: 16, heads: 7, experts: 18, topK: 9, length: 20 },
    });
    expect(plan.methods[0].omoe).toMatchObject({ accumulateSteps: 50, orthogonalSteps: 50 });
  });

  it.each([
    [{ steps: '0' }, '--steps'],
    [{ steps: '-1' }, 'at least 1'],
    [{ steps: '1.5' }, 'an integer'],
    [{ steps: '' }, 'an integer'],
    [{ steps: '1e3' }, 'an integer'],
    [{ steps: '99999999999' }, 'an integer'],
    [{ batch: '0' }, '--batch'],
    [{ lr: '0' }, '--lr'],
    [{ lr: 'fast' }, '--lr'],
    [{ lr: 'Infinity' }, '--lr'],
    [{ lr: '1e999' }, '--lr'],
    [{ clip: '0' }, '--clip'],
    [{ weightDecay: '-0.1' }, '--weight-decay'],
    [{ balanceLoss: 'x' }, '--balance-loss'],
    [{ zLoss: 'NaN' }, '--z-loss'],
    [{ capacityFactor: '0' }, '--capacity-factor'],
    [{ warmup: '1.5' }, '--warmup'],
    [{ experts: '0' }, '--experts'],
    [{ experts: '4', topK: '5' }, 'as many as there are experts'],
    [{ width: '50', heads: '4' }, 'heads divides'],
    [{ seeds: '0' }, '--seeds'],
    [{ seeds: '1,1' }, 'each seed once'],
    [{ seeds: '1,,2' }, 'received "1,,2"'],
    [{ seeds: '1,' }, 'received "1,", expected integers'],
    [{ seeds: '1,4294967296' }, 'to 4294967295'],
    [{ seeds: '1,2', seed: '0' }, 'either a list or a first seed'],
    [{ seed: '-3' }, '--seed'],
    [{ seed: '4294967295', seeds: '2' }, '--seed'],
    [{ data: 'x' }, '--data with the embedded task'],
    [{ vocab: 'x' }, '--vocab with the embedded task'],
    [{ task: 'sst-2' }, 'Did you mean "sst2"?'],
    [{ task: 'sst2' }, 'no --data DIR and no --vocab FILE'],
    [{ task: 'sst2', data: 'x' }, 'no --vocab FILE'],
    [{ methods: 'adam' }, 'Did you mean "adamw"?'],
    [{ trainLimit: '0' }, '--train-limit'],
  ])('refuses %j', (flags, part) => {
    expect(() => comparePlan(flags)).toThrow(UsageError);
    expect(() => comparePlan(flags)).toThrow(part);
  });
});

describe('parseSeeds', () => {
  it('counts from the first seed, or takes the list', () => {
    expect(parseSeeds('5')).toEqual([0, 1, 2, 3, 4]);
    expect(parseSeeds('3', '10')).toEqual([10, 11, 12]);
    expect(parseSeeds('3,7,9')).toEqual([3, 7, 9]);
    expect(parseSeeds('7, 3')).toEqual([7, 3]);
  });

  it('reads any list of distinct seeds back', () => {
    const seeds = fc.uniqueArray(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(seeds, (list) => {
        expect(parseSeeds(list.join(','))).toEqual(list);
      }),
    );
  });
});

describe('planWarnings', () => {
  it('says when a method never reaches an orthogonal step', () => {
    expect(planWarnings(comparePlan({ steps: '25' }))).toHaveLength(methodTable.length - 1);
    expect(planWarnings(comparePlan({ steps: '26' }))).toEqual([]);
    expect(planWarnings(comparePlan({ steps: '5', methods: 'adamw,omoe:orthogonalSteps=0' }))).toEqual([]);
  });

  it('names the baseline when adamw is missing, and the single seed', () => {
    const plan = comparePlan({ methods: 'omoe,rotated', seeds: '1' });
    expect(baselineOf(plan)).toBe('omoe');
    expect(planWarnings(plan).join(' ')).toMatch(/taken to omoe.*One seed/);
  });
});

describe('countParameters', () => {
  const model = { width: 2, ffn: 3, layers: 1, heads: 1, experts: 4, topK: 2, length: 5 };

  it('counts a model small enough to count by hand', () => {
    // FFN: 2·3 + 3 + 3·2 + 2 = 17. Shared: 7·2 + 5·2 + (8 + 4·6) + 4 + 2·3 + 3 = 69.
    expect(countParameters(model, 7, 3)).toEqual({ dense: 69 + 17, moe: 69 + 8 + 4 * 17, active: 69 + 8 + 2 * 17 });
  });

  it('is linear in layers and in experts, and all experts active at topK = experts', () => {
    const counts = (layers: number, experts: number) =>
      countParameters({ ...model, layers, experts, topK: experts }, 11, 2);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), (layers, experts) => {
        const here = counts(layers, experts);
        expect(here.active).toBe(here.moe);
        expect(counts(layers + 1, experts).moe - here.moe).toBe(counts(2, experts).moe - counts(1, experts).moe);
        expect(counts(layers, experts + 1).moe - here.moe).toBe(layers * (2 + 17));
      }),
    );
  });
});

describe('estimates', () => {
  it('are positive, add up, and grow with the work', () => {
    const plan = comparePlan({});
    const memory = estimateMemory(plan, countParameters(plan.model, 200, 2).moe);
    expect(memory.total).toBe(memory.training + memory.activations + memory.projectors);
    expect(memory.projectors).toBeGreaterThan(0);
    expect(estimateMemory({ ...plan, methods: plan.methods.slice(0, 1) }, 10).projectors).toBe(0);
    const seconds = estimateSeconds(plan, 200, 2, 2);
    expect(estimateSeconds({ ...plan, seeds: [...plan.seeds, 5, 6, 7, 8, 9] }, 200, 2, 2)).toBeCloseTo(2 * seconds, 6);
    expect(estimateSeconds(plan, 200, 2, 1)).toBeCloseTo(2 * seconds, 6);
  });

  it('give the steps of the demonstration the time that was measured', () => {
    // 81 words, 2 classes; the ranges are those of src/train/estimate.ts.
    const plan = { ...comparePlan({ methods: 'adamw', seeds: '1' }), denseSteps: 0, steps: 0 };
    const dense = estimateSeconds({ ...plan, denseSteps: 1 }, 81, 2, 1);
    const moe = estimateSeconds({ ...plan, steps: 1 }, 81, 2, 1);
    expect(dense).toBeGreaterThan(0.015);
    expect(dense).toBeLessThan(0.03);
    expect(moe).toBeGreaterThan(0.02);
    expect(moe).toBeLessThan(0.04);
    expect(estimateSeconds({ ...plan, backend: 'cpu', steps: 1 }, 81, 2, 1)).toBeGreaterThan(5 * moe);
  });
});
