import { beforeAll, describe, expect, it } from 'vitest';
import {
  auxiliaryLossesAct,
  clippingBoundsTheGradient,
  gamma32,
  methodsSeeTheSameBatches,
  numbersOf,
  tinyPlan,
  type WatchedStep,
  type WatchedTraining,
  watchDense,
  watchedEngine,
  watchMethod,
} from '../../property-tests/meta/training.checks.ts';
import { DivergedError } from '../errors.ts';
import { trainDense, trainMethod } from './compare.ts';
import { evaluateTask } from './evaluate.ts';
import { measureExperts } from './measure.ts';
import { parseMethods } from './parse-methods.ts';
import type { DenseModel, StepEvent } from './types.ts';

const trainer = { trainDense, trainMethod, evaluateTask, measureExperts };
const plan = tinyPlan();
const [adamw, cycling] = plan.methods;
const seed = 4;
let shared: Awaited<ReturnType<typeof watchDense>>;
let dense: DenseModel;
let base: WatchedTraining;
let cycle: WatchedTraining;
beforeAll(async () => {
  shared = await watchDense(trainer, plan, seed);
  dense = shared.result;
  base = await watchMethod(trainer, plan, adamw, dense);
  cycle = await watchMethod(trainer, plan, cycling, dense);
});

describe('training', () => {
  it('gives all methods of a seed the same batches, after those of the dense model', () =>
    methodsSeeTheSameBatches(trainer));
  it('clips what reaches the optimizer', () => clippingBoundsTheGradient(trainer));
  it('trains the router with the auxiliary losses', () => auxiliaryLossesAct(trainer));

  it('without orthogonal steps is adamw, bit for bit', async () => {
    const [none] = parseMethods('omoe:orthogonalSteps=0');
    const without = await watchMethod(trainer, plan, none, dense);
    expect(numbersOf(without.result)).toEqual(numbersOf(base.result));
    expect(withoutTimes(without.events)).toEqual(withoutTimes(base.events));
    expect(numbersOf(cycle.result)).not.toEqual(numbersOf(base.result));
    expect(cycle.result.weightDeltaCosine).not.toBe(base.result.weightDeltaCosine);
  });

  it('gives the same bits again, and other ones for another seed', async () => {
    const run = async (from: number) => {
      const begun = await watchDense(trainer, plan, from);
      return { begun, cycle: await watchMethod(trainer, plan, cycling, begun.result) };
    };
    const [again, other] = [await run(seed), await run(seed + 1)];
    expect(again.begun.result).toEqual(dense);
    expect(withoutTimes(again.begun.events)).toEqual(withoutTimes(shared.events));
    expect(withoutTimes(again.cycle.events)).toEqual(withoutTimes(cycle.events));
    expect(numbersOf(again.cycle.result)).toEqual(numbersOf(cycle.result));
    expect(other.begun.result.parameters?.tokens.data).not.toEqual(dense.parameters?.tokens.data);
    expect(other.cycle.events.map(({ loss }) => loss)).not.toEqual(cycle.events.map(({ loss }) => loss));
    // The first weights are the seed's too, not only the sentences.
    const first = async (steps: readonly WatchedStep[], path: string) => steps[0].parameters.get(path)?.data();
    const router = 'blocks.0.moe.router.weight';
    expect(await first(base.steps, router)).toEqual(await first(cycle.steps, router));
    expect(await first(other.cycle.steps, router)).not.toEqual(await first(cycle.steps, router));
    expect(await first(other.begun.steps, 'tokens')).not.toEqual(await first(shared.steps, 'tokens'));
    expect(other.cycle.result.similarity).not.toEqual(cycle.result.similarity);
  });

  it('warms up, decays linearly to the end, and pulls only matrices toward 0', () => {
    const rates = (steps: readonly WatchedStep[]) => steps.map(({ settings }) => settings[0].learningRate);
    // Two steps of warm-up; then (total − step)/(total − 2) of the peak, with totals of 3 and 6. Quarters are exact.
    const { learningRate: peak, weightDecay } = plan;
    expect(rates(shared.steps)).toEqual([peak / 2, peak, peak]);
    expect(rates(cycle.steps)).toEqual([1 / 2, 1, 1, 3 / 4, 2 / 4, 1 / 4].map((share) => peak * share));
    expect(weightDecay).toBeGreaterThan(0);
    for (const { parameters, settings } of [...shared.steps, ...base.steps, ...cycle.steps])
      for (const [i, path] of [...parameters.keys()].entries()) {
        const pulled = !/bias$|norm/.test(path);
        expect(settings[i], path).toMatchObject({
          learningRate: settings[0].learningRate,
          weightDecay: pulled ? weightDecay : 0,
        });
      }
  });

  it('starts every method from the dense model, each expert a copy, and leaves that model as it is', async () => {
    const before = structuredClone(dense);
    const { steps } = await watchMethod(trainer, { ...plan, steps: 1 }, cycling, dense);
    expect(dense).toEqual(before);
    for (const [path, tensor] of steps[0].parameters) {
      if (path === 'blocks.0.moe.router.weight') continue; // drawn afresh
      const started = await tensor.data();
      const { data } = dense.parameters![path.replace('.moe.', '.feedForward.')];
      const copies = path.includes('.moe.') ? plan.model.experts : 1;
      const expected = Array.from({ length: copies }, () => [...data]).flat();
      expect([...started], path).toEqual(expected);
    }
  });
});

describe('the warnings of a run', () => {
  it('name each linear that has little room left, once', async () => {
    const [roomy, narrow] = [0, 1].map((limit) => `${cycling.name},plasticityWarning=${limit}`);
    const warningsOf = async (name: string) =>
      (await watchMethod(trainer, plan, parseMethods(name)[0], dense)).result.warnings;
    expect(await warningsOf(roomy)).toEqual([]);
    const warnings = await warningsOf(narrow);
    expect(warnings.map((text) => text.split(':')[0])).toEqual(['blocks.0.moe.fc1', 'blocks.0.moe.fc2']);
    for (const text of warnings) expect(text).toContain('fell below 1;');
  });
});

describe('the receipt of the upcycle', () => {
  it('is within what rounding explains, and the bound is that of rounding', async () => {
    // Whatever the capacity: the receipt is about the copy, not about dropped slots.
    for (const capacityFactor of [null, 0.1]) {
      const { upcycleError, upcycleBound } = (
        await watchMethod(trainer, { ...plan, capacityFactor, steps: 1 }, adamw, dense)
      ).result;
      if (upcycleBound === null) throw new Error('no bound for k = 2');
      expect(upcycleError).toBeLessThanOrEqual(upcycleBound);
      // γ_{2k} of outputs that, three steps after the initialisation, lie between 0.01 and 100.
      expect(upcycleBound).toBeGreaterThan(gamma32(4) * 0.01);
      expect(upcycleBound).toBeLessThan(gamma32(4) * 100);
    }
  });
  it('has no bound where gates are not renormalised', async () => {
    const one = { ...plan, steps: 1, model: { ...plan.model, topK: 1 } };
    const { result: model } = await watchDense(trainer, one);
    const { upcycleError, upcycleBound, warnings } = (await watchMethod(trainer, one, adamw, model)).result;
    expect(upcycleBound).toBeNull();
    // A gate of about 1/3 instead of 1 leaves two thirds of the output missing.
    expect(upcycleError).toBeGreaterThan(1e-3);
    expect(warnings).toEqual([]);
  });
});

describe('a training that diverges', () => {
  const wild = { ...plan, learningRate: 1e38, warmup: 0 };
  it('stops before the bad step, and names the step and the tensor', async () => {
    const reported: StepEvent[] = [];
    const { t, steps } = watchedEngine();
    const failed = await trainMethod(wild, seed, adamw, dense, {
      engine: t,
      report: (event) => reported.push(event),
    }).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(DivergedError);
    const { operation, received } = (failed as DivergedError).complaint;
    // The first step starts from finite numbers and is reported; the one that fails comes right after the last report.
    expect(reported.length).toBeGreaterThan(0);
    expect(operation).toMatch(new RegExp(`adamw, seed ${seed}, step ${reported.length}$`));
    expect(received).toMatch(/(NaN|Infinity) in the (parameter|router logits|class logits|gradient) .* at element \d+/);
    for (const { loss, gradientNorm } of reported)
      expect([loss, gradientNorm].every(Number.isFinite), `${loss}, ${gradientNorm}`).toBe(true);
    // The bad gradient was computed, and nothing was trained on it.
    expect(steps).toHaveLength(reported.length + 1);
  });
  it('stops the dense model too', async () => {
    await expect(watchDense(trainer, wild)).rejects.toThrow(/dense, seed 0, step \d+/);
  });
});

describe('the events of a training', () => {
  it('come step by step, with the phase of each', () => {
    expect(shared.events.map((event) => [event.seed, event.method, event.step, event.steps, event.phase])).toEqual(
      [0, 1, 2].map((step) => [seed, 'dense', step, 3, 'dense']),
    );
    const { events, result } = cycle;
    const phases = ['accumulate', 'accumulate', 'orthogonal', 'orthogonal', 'accumulate', 'accumulate'];
    expect(events.map((event) => [event.seed, event.method, event.step, event.steps, event.phase])).toEqual(
      phases.map((phase, step) => [seed, cycling.name, step, 6, phase]),
    );
    for (const { step, phase, milliseconds, ...event } of events) {
      expect(milliseconds).toBeGreaterThan(0);
      for (const name of ['normKept', 'trace', 'leakage', 'renormFactor'] as const) {
        if (phase === 'orthogonal') expect(event[name], `${name} in step ${step}`).toBeGreaterThan(0);
        else expect(event[name], `${name} in step ${step}`).toBeUndefined();
      }
    }
    // Two summands: their mean is one rounding and a halving, the same on both sides.
    const orthogonal = events.filter(({ phase }) => phase === 'orthogonal');
    for (const name of ['normKept', 'trace', 'leakage'] as const)
      expect(result[name]).toBe((orthogonal[0][name]! + orthogonal[1][name]!) / 2);
  });
  it('and means are null where nothing was projected', () => {
    const { events, result } = base;
    expect(result).toMatchObject({ method: 'adamw', seed, normKept: null, trace: null, leakage: null });
    expect(result.msPerStep.orthogonal).toBeNull();
    expect(events.every(({ phase, trace }) => phase === 'accumulate' && trace === undefined)).toBe(true);
  });
});

const withoutTimes = (events: readonly StepEvent[]) => events.map(({ milliseconds, method, ...event }) => event);
