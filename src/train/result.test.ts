import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.ts';
import { decodeJson, encodeJson } from './json.ts';
import { comparePlan } from './plan.ts';
import { aggregate, type CompareInfo, checkCompareResult, compareResultSchema } from './result.ts';
import { meanInterval } from './statistics.ts';
import type { MethodRun } from './types.ts';

const info: CompareInfo = {
  metricName: 'accuracy',
  data: { source: 'embedded', train: 100, dev: 50 },
  ...{ backend: 'cpu', threads: 2, node: 'v20', command: 'npx omoe compare', demonstration: true },
};

function run(method: string, seed: number, metric: number): MethodRun {
  const orthogonal = method === 'adamw' ? null : 0.5;
  return {
    ...{
      method,
      seed,
      metric,
      scores: { accuracy: metric, f1: metric / 2 },
      upcycleError: seed,
      upcycleBound: 2 * seed,
      constant: 0.5,
      outputCosine: 0.9 - metric,
      cka: 0.5,
      ckaDebiased: seed === 0 ? null : 0.4,
    },
    ...{ overlap: 0.1, weightCosine: 1, weightDeltaCosine: null, effectiveRank: 3 },
    routing: {
      ...{ entropy: 1, loadEntropy: 1, loadCv: 0, maxViolation: 0, deadExperts: 0, labelNmi: 0, domainNmi: null },
    },
    ...{ normKept: orthogonal, trace: orthogonal, leakage: orthogonal },
    msPerStep: { accumulate: 2 + seed, orthogonal },
    similarity: [
      [1, seed],
      [seed, 1],
    ],
    warnings: ['low trace'],
  };
}

const plan = comparePlan({ methods: 'omoe,adamw', seeds: '3' });
const runs = plan.seeds.flatMap((seed) => [run('adamw', seed, 0.8 + seed / 100), run('omoe', seed, 0.8 + seed / 50)]);

describe('aggregate', () => {
  const result = aggregate(plan, [...runs].reverse(), info);

  it('averages each measure over seeds, in the order of the seeds', () => {
    expect(result.methods.omoe.metric).toEqual({
      name: 'accuracy',
      ...meanInterval([0.8, 0.8 + 1 / 50, 0.8 + 2 / 50]),
    });
    expect(result.constant).toEqual(meanInterval([0.5, 0.5, 0.5]));
    const without = aggregate(
      plan,
      runs.map((r) => (r.seed === 1 ? { ...r, constant: null } : r)),
      info,
    );
    expect(without.constant).toBeNull();
    expect(result.methods.omoe.msPerStep).toEqual({ accumulate: 3, orthogonal: 0.5 });
    expect(result.methods.omoe.similarity).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(result.methods.omoe).toMatchObject({ upcycleError: 2, upcycleBound: 4 });
    expect(result.methods.omoe.warnings).toEqual(['low trace']);
    expect(Object.keys(result.methods)).toEqual(['omoe', 'adamw']);
  });

  it('is null where a measure does not exist, even for one seed only', () => {
    expect(result.methods.adamw.normKept).toBeNull();
    expect(result.methods.adamw.msPerStep.orthogonal).toBeNull();
    expect(result.methods.omoe.ckaDebiased).toBeNull();
    const inexact = aggregate(
      plan,
      runs.map((run) => (run.seed === 1 ? { ...run, upcycleBound: null } : run)),
      info,
    );
    expect(inexact.methods.omoe).toMatchObject({ upcycleError: 2, upcycleBound: null });
    expect(result.methods.omoe.routing.domainNmi).toBeNull();
    expect(result.methods.omoe.normKept?.mean).toBe(0.5);
  });

  it('takes differences to adamw, paired by seed', () => {
    expect(result.differences).toHaveLength(1);
    const [{ method, baseline, metric }] = result.differences;
    expect([method, baseline]).toEqual(['omoe', 'adamw']);
    metric.values.forEach((value, seed) => {
      // Differences of numbers below 1, each rounded once: 2 units in the last place of 1.
      expect(Math.abs(value - seed / 100)).toBeLessThanOrEqual(2 * Number.EPSILON);
    });
  });

  it('keeps a NaN, and writes NaN ends for one seed', () => {
    const one = comparePlan({ methods: 'adamw', seeds: '1' });
    const diverged = aggregate(one, [run('adamw', 0, Number.NaN)], info);
    expect(encodeJson(diverged.methods.adamw.metric)).toBe(
      '{"name":"accuracy","mean":"NaN","low":"NaN","high":"NaN","values":["NaN"]}',
    );
    expect(v.is(compareResultSchema, JSON.parse(encodeJson(diverged)))).toBe(true);
  });

  it('refuses missing, double and foreign runs', () => {
    expect(() => aggregate(plan, runs.slice(1), info)).toThrow(UsageError);
    expect(() => aggregate(plan, [...runs, runs[0]], info)).toThrow('2 runs of adamw at seed 0');
    expect(() => aggregate(plan, [...runs, run('rotated', 0, 1)], info)).toThrow('one a method and seed');
  });
});

describe('compareResultSchema', () => {
  const document = JSON.parse(encodeJson(aggregate(plan, runs, info)));

  it('accepts what aggregate makes, with or without further fields', () => {
    expect(v.is(compareResultSchema, document)).toBe(true);
    expect(v.is(compareResultSchema, { ...document, more: 1 })).toBe(true);
    expect(checkCompareResult(decodeJson(JSON.stringify(document)))).toEqual(aggregate(plan, runs, info));
  });

  it('rejects the loss of any field that docs/contract.md promises', () => {
    const top = [
      'schema',
      'task',
      'data',
      'backend',
      'threads',
      'node',
      'seeds',
      'steps',
      'command',
      'methods',
      'differences',
    ];
    for (const field of top) {
      expect(v.is(compareResultSchema, { ...document, [field]: undefined }), field).toBe(false);
    }
    const { omoe } = document.methods;
    const own = ['metric', 'outputCosine', 'cka', 'weightDeltaCosine', 'effectiveRank', 'routing', 'normKept', 'trace'];
    for (const field of [...own, 'leakage', 'msPerStep']) {
      const methods = { omoe: { ...omoe, [field]: undefined } };
      expect(v.is(compareResultSchema, { ...document, methods }), field).toBe(false);
    }
  });

  it('names the field that is wrong', () => {
    expect(() => checkCompareResult({ ...document, steps: 'many' })).toThrow(DataError);
    expect(() => checkCompareResult({ ...document, steps: 'many' })).toThrow(
      /received steps = "many", expected number/,
    );
    expect(() => checkCompareResult(null)).toThrow('the document = null');
    const { omoe } = document.methods;
    const unbounded = { ...document, methods: { omoe: { ...omoe, upcycleBound: undefined } } };
    expect(() => checkCompareResult(unbounded)).toThrow('methods.omoe.upcycleBound');
  });
});
