import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import type { Recorded } from '../moe/statistics.ts';
import { readTogether } from '../pending.ts';
import { cyclePosition, expertLinears, type OmoeStepResult, omoe } from './omoe.ts';
import { applyUpdates, type Parameters } from './optimizer.ts';
import { type OmoeOptions, omoeDefaults } from './options.ts';
import { sgd } from './sgd.ts';

/** By hand; the laws are in property-tests/laws/{update,permutation,cycle}.ts. */
/** `toBeCloseTo(…, 12)`: a value of size 1 that passed less than γ₄₀₀₀ = 4.4e-13 of Float64 rounding. */
const t = engine(cpu(), { dtype: 'float64' });
const cycle = { accumulateSteps: 1, orthogonalSteps: 2 } as const;

/** Two experts, one input, two outputs: W [2, 1, 2], b [2, 2]; and a router. */
const parameters: Parameters = new Map([
  ['router.weight', t.zeros([2])],
  ['moe.fc1.weight', t.zeros([2, 1, 2])],
  ['moe.fc1.bias', t.zeros([2, 2])],
]);
const gradients: Parameters = new Map([...parameters].map(([path, p]) => [path, p.onesLike()]));
/** Expert 0 put out e₁, expert 1 nothing. */
const seen: Recorded = { columns: t.tensor([1, 0, 0, 0], [2, 2]), owners: t.tensor(Int32Array.of(1, 0)) };

const reportsOf = async ({ reports }: Pick<OmoeStepResult<unknown>, 'reports'>) => (await readTogether(reports))[0];

const run = async (options: Partial<OmoeOptions>, steps: number) => {
  const optimizer = omoe(sgd(), { ...cycle, combine: 'hard', energy: 1, ...options });
  let [state, now] = [optimizer.initial(parameters), parameters];
  const results = [];
  for (let s = 0; s < steps; s++) {
    const records = optimizer.recording(state) ? new Map([['moe.fc1', seen]]) : new Map();
    const result = await optimizer.step({ parameters: now, gradients, state, learningRate: 1, records });
    state = result.state;
    now = applyUpdates(now, result.updates);
    results.push(result);
  }
  return results;
};

describe('the cycle', () => {
  it('accumulates, then is orthogonal, then begins again', () => {
    const phases = [0, 1, 2, 3].map((step) => cyclePosition(step, { ...omoeDefaults, ...cycle }));
    expect(phases.map(({ phase, index, cycle: c }) => `${phase[0]}${index}${c}`)).toEqual(['a00', 'o00', 'o10', 'a01']);
  });
  it('asks for statistics in accumulating steps only, each n-th of them', () => {
    const optimizer = omoe(sgd(), { accumulateSteps: 3, orthogonalSteps: 1, updateEvery: 2, layers: 'fc1' });
    const asked = [0, 1, 2, 3, 4].map((step) => optimizer.recording({ ...optimizer.initial(parameters), step }));
    expect(asked.map(Boolean)).toEqual([true, false, true, false, true]);
    expect(asked[0]).toEqual({ side: 'output', statistic: 'mean', layers: ['fc1'] });
    expect(omoe(sgd(), { side: 'update' }).recording(optimizer.initial(parameters))).toBeNull();
  });
  it('knows expert linears by their paths', () => {
    const paths = ['blocks.0.moe.fc2.weight', 'blocks.0.feedForward.fc1.weight', 'moe.router.weight'];
    expect(expertLinears(paths)).toEqual([
      { name: 'blocks.0.moe.fc2', layer: 'fc2', weight: paths[0], bias: 'blocks.0.moe.fc2.bias' },
    ]);
  });
});

describe('an orthogonal step', () => {
  it('takes what expert 0 put out from the update of expert 1, bias row included, and nothing else', async () => {
    const [first, second] = await run({ renorm: false }, 2);
    expect([...(await first.updates.get('moe.fc1.weight')!.data())]).toEqual([-1, -1, -1, -1]);
    expect(await reportsOf(first)).toEqual([]);
    expect([...(await second.updates.get('moe.fc1.weight')!.data())]).toEqual([-1, -1, 0, -1]);
    expect([...(await second.updates.get('moe.fc1.bias')!.data())]).toEqual([-1, -1, 0, -1]);
    expect([...(await second.updates.get('router.weight')!.data())]).toEqual([-1, -1]);
    const [report] = await reportsOf(second);
    expect(report).toMatchObject({ linear: 'moe.fc1', trace: [1, 1 / 2], leakage: [null, 0], renormFactor: [1, 1] });
    expect(report.normKept[1]).toBeCloseTo(Math.SQRT1_2, 12);
  });
  it('keeps the length with renorm, and keeps Q through its phase', async () => {
    const [, second, third] = await run({}, 3);
    for (const { updates } of [second, third])
      expect((await updates.get('moe.fc1.weight')!.data())[3]).toBeCloseTo(-Math.SQRT2, 12);
  });
  it('leaves a linear alone that `layers` leaves out', async () => {
    const [, second] = await run({ layers: 'fc2' }, 2);
    expect([...(await second.updates.get('moe.fc1.weight')!.data())]).toEqual([-1, -1, -1, -1]);
    expect(await reportsOf(second)).toEqual([]);
  });
});

describe('the sketch', () => {
  it('reaches the projector: of columns 2e₁ and e₂ a cap of 1 keeps √3 e₁, no cap keeps both', async () => {
    const traceUnder = async (sketch: number) => {
      const options = { accumulateSteps: 2, orthogonalSteps: 1, combine: 'hard', energy: 1, sketch } as const;
      const optimizer = omoe(sgd(), options);
      let state = optimizer.initial(parameters);
      for (const column of [
        [2, 0],
        [0, 1],
      ]) {
        const recorded = { columns: t.tensor([...column, 0, 0], [2, 2]), owners: t.tensor(Int32Array.of(1, 0)) };
        const records = new Map([['moe.fc1', recorded]]);
        state = (await optimizer.step({ parameters, gradients, state, learningRate: 1, records })).state;
      }
      return (await reportsOf(await optimizer.step({ parameters, gradients, state, learningRate: 1 })))[0];
    };
    expect((await traceUnder(0)).trace).toEqual([1, 0]);
    const sketched = await traceUnder(1);
    expect(sketched.trace).toEqual([1, 1 / 2]);
    // The update of expert 1 is along e₂, where the sketch saw nothing, but e₂ was recorded: δ = 1 of ‖A‖² = 5.
    expect(sketched.leakage[1]).toBeCloseTo(Math.sqrt(1 / 5), 12);
  });
});

describe('a state', () => {
  it('is never changed: the same step from it gives the same update, with statistics kept over cycles too', async () => {
    const options = { ...cycle, resetEachCycle: false, alphaMode: 'absolute', alpha: 1 } as const;
    const optimizer = omoe(sgd(), options);
    const given = { parameters, gradients, learningRate: 1 };
    const { state } = await optimizer.step({
      ...given,
      state: optimizer.initial(parameters),
      records: new Map(['moe.fc1', 'moe.fc2'].map((name) => [name, seen])),
    });
    const [first, again] = [await optimizer.step({ ...given, state }), await optimizer.step({ ...given, state })];
    for (const path of ['moe.fc1.weight', 'moe.fc1.bias'])
      expect(await again.updates.get(path)!.data()).toEqual(await first.updates.get(path)!.data());
    expect(await reportsOf(again)).toEqual(await reportsOf(first));
  });
});

describe('bad input', () => {
  it('is refused where it would silently train otherwise', async () => {
    const optimizer = omoe(sgd(), cycle);
    const state = optimizer.initial(parameters);
    const given = { parameters, gradients, state, learningRate: 1 };
    await expect(optimizer.step(given)).rejects.toThrow(/omoe step 0: received no record of moe\.fc1/);
    const records = new Map([['moe.fc1', seen]]);
    for (const learningRate of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      await expect(optimizer.step({ ...given, records, learningRate })).rejects.toThrow(UsageError);
    expect(() => optimizer.initial(new Map([['router.weight', t.zeros([2])]]))).toThrow(
      /none of them an expert linear/,
    );
  });
  it('is refused by name', async () => {
    expect(() => omoe(sgd(), { alpha: 0 })).toThrow(UsageError);
    expect(() => omoe(sgd(), { side: 'update' }).initial(new Map([['moe.fc1.weight', t.zeros([2, 1, 2])]]))).toThrow(
      /moe\.fc1\.bias/,
    );
    const optimizer = omoe(sgd(), { ...cycle, accumulateSteps: 1, project: 'gradient' });
    const state = { ...optimizer.initial(parameters), step: 1 };
    const given = { parameters, gradients: new Map(), state, learningRate: 1, records: new Map() };
    await expect(optimizer.step(given)).rejects.toThrow(/missing/);
  });
});
