import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matricesOf } from '../../property-tests/arbitraries/matrices.ts';
import { claimAtMost, claimWithin } from '../../property-tests/kit/within.ts';
import * as fastMethods from '../../src/optim/methods.ts';
import * as fastOptions from '../../src/optim/options.ts';
import { array, fromFunction, type Real, toFlat, zeros } from '../array.ts';
import { adamw } from './adamw.ts';
import { spanBound } from './bounds.ts';
import { beside, column, gamma, identity, inner, minus, norm, product, scaled, transpose } from './linear-algebra.ts';
import { leakage } from './measures/optimizer.ts';
import { cyclePosition, type ExpertLinear, type ExpertStep, isProtected, omoeStep, startExpertLinear } from './omoe.ts';
import { namedMethods, type OmoeOptions, omoeDefaults } from './options.ts';
import {
  projectInputSide,
  projectOutputSide,
  projectUpdateSide,
  renorm,
  statisticSize,
  updateBasis,
  withBiasRow,
  withoutBiasRow,
} from './project-update.ts';
import { ridge } from './projector.ts';
import { type BaseOptimizer, sgd } from './sgd.ts';
import { stepColumns } from './statistics.ts';

const matrixOf = (rows: number, cols: number) => matricesOf(rows, cols).map((a) => array(a.data, [a.rows, a.cols]));

describe('projecting one update', () => {
  const delta = array([1, 2, 3, 4, 5, 6], [3, 2]); // [W; b], W is 2 × 2
  it('keeps [W; b] together and apart', () => {
    const { weight, bias } = withoutBiasRow(delta);
    expect([toFlat(weight), toFlat(bias)]).toEqual([
      [1, 2, 3, 4],
      [5, 6],
    ]);
    expect(toFlat(withBiasRow({ weight, bias }))).toEqual(toFlat(delta));
  });
  it('input side: rows are projected; the bias is one of them, frozen, or free', () => {
    const dropFirst = (n: number) => fromFunction([n, n], ([i, j]) => (i === j && i > 0 ? 1 : 0));
    expect(toFlat(projectInputSide(delta, dropFirst(3), 'augment'))).toEqual([0, 0, 3, 4, 5, 6]);
    expect(toFlat(projectInputSide(delta, dropFirst(2), 'freeze'))).toEqual([0, 0, 3, 4, 0, 0]);
    expect(toFlat(projectInputSide(delta, dropFirst(2), 'free'))).toEqual([0, 0, 3, 4, 5, 6]);
    expect(statisticSize('input', 'augment', delta)).toBe(3);
    expect(statisticSize('input', 'free', delta)).toBe(2);
    expect(statisticSize('output', 'augment', delta)).toBe(2);
  });
  it('output side: columns are projected, those of the bias row too', () => {
    expect(toFlat(projectOutputSide(delta, array([0, 0, 0, 1], [2, 2])))).toEqual([0, 2, 0, 4, 0, 6]);
  });
  it('update side: orthogonal to every direction travelled; zero and repeated ones add nothing', () => {
    const cases = fc.tuple(matrixOf(3, 2), fc.array(matrixOf(3, 2), { maxLength: 4 }));
    fc.assert(
      fc.property(cases, ([update, moves]) => {
        const doubled = [...moves, ...moves.map((move) => scaled(move, -3)), zeros([3, 2])];
        const projected = projectUpdateSide(update, doubled);
        for (const move of doubled) {
          // Two passes over at most 6 directions of 6 entries; a direction counts as spent below 6·8·u of itself.
          const bound = gamma(400) * norm(update) * norm(move);
          claimWithin([inner(projected, move)], [0], bound, '⟨Δ, M_j − M_j,base⟩');
        }
        claimAtMost(norm(projected), norm(update), gamma(200) * norm(update), '‖Δ‖');
        expect(updateBasis(doubled, 6).shape).toEqual(updateBasis(moves, 6).shape);
      }),
      { numRuns: 60 },
    );
    expect(toFlat(projectUpdateSide(delta, [zeros([3, 2])]))).toEqual(toFlat(delta));
  });
});

describe('renorm', () => {
  const four = array([0, 0, 4, 0], [2, 2]);
  it('restores the norm', () => {
    const result = renorm(four, scaled(four, 0.25), true, 10);
    expect(result).toMatchObject({ normKept: 0.25, factor: 4, vanished: false });
    expect(norm(result.delta)).toBe(4);
  });
  it('by at most the limit', () => expect(renorm(four, scaled(four, 0.015625), true, 10).factor).toBe(10));
  it('not where nothing but rounding is left, and says so', () => {
    expect(renorm(four, scaled(four, 2 ** -20), true, 10)).toMatchObject({ factor: 1, vanished: true });
    expect(renorm(four, scaled(four, 2 ** -19), true, 10)).toMatchObject({ factor: 10, vanished: false });
  });
  it('does nothing when off, and to a zero update', () => {
    expect(renorm(four, scaled(four, 0.25), false, 10)).toMatchObject({ normKept: 0.25, factor: 1 });
    expect(renorm(zeros([2, 2]), zeros([2, 2]), true, 10)).toMatchObject({ normKept: 1, factor: 1, vanished: false });
  });
  it('of W alone leaves the bias row as it is', () => {
    const delta = array([2, 0, 0, 7], [2, 2]);
    const result = renorm(delta, array([1, 0, 0, 7], [2, 2]), true, 10, false);
    expect(toFlat(result.delta)).toEqual([2, 0, 0, 7]);
  });
});

/** What E experts see in each of some steps; everything random, the bias row included. */
interface Run {
  readonly start: readonly Real[];
  readonly steps: readonly { gradients: readonly Real[]; inputs: readonly Real[]; outputs: readonly Real[] }[];
}
const IN = 3;
const OUT = 3;
const runs = (E: number, steps: number): fc.Arbitrary<Run> => {
  const each = (rows: number, cols: number) => fc.array(matrixOf(rows, cols), { minLength: E, maxLength: E });
  const step = fc.record({ gradients: each(IN + 1, OUT), inputs: each(2, IN), outputs: each(2, OUT) });
  return fc.record({ start: each(IN + 1, OUT), steps: fc.array(step, { minLength: steps, maxLength: steps }) });
};
const stepOf = (run: Run, step: number, rotation?: ExpertStep['rotation']): ExpertStep => ({
  step,
  learningRate: 0.125,
  rotation,
  ...run.steps[step],
});
/** Every state, from the start on, and every result. */
function train<State>(run: Run, base: BaseOptimizer<State>, options: OmoeOptions, rotation?: ExpertStep['rotation']) {
  const states: ExpertLinear<State>[] = [startExpertLinear(run.start, base, options)];
  const results = run.steps.map((_, s) => {
    const result = omoeStep(states[s], base, options, stepOf(run, s, rotation));
    states.push(result.linear);
    return result;
  });
  return { states, results };
}
const short: OmoeOptions = { ...omoeDefaults, accumulateSteps: 2, orthogonalSteps: 2 };
/** Expert i's columns of the accumulating steps 0 and 1. */
const recorded = (run: Run, i: number, options: OmoeOptions): Real =>
  [0, 1]
    .map((s) => {
      const seen = options.side === 'input' ? run.steps[s].inputs[i] : run.steps[s].outputs[i];
      return stepColumns(seen, options.statistic, options.side === 'input' && options.bias === 'augment');
    })
    .reduce(beside);
const expectSame = (a: readonly Real[], b: readonly Real[]) => expect(a.map(toFlat)).toEqual(b.map(toFlat));

describe('the cycle', () => {
  it('accumulates, then is orthogonal, then begins again', () => {
    const phases = [0, 1, 2, 3, 4].map((step) => cyclePosition(step, short));
    expect(phases.map(({ phase }) => phase[0]).join('')).toBe('aaooa');
    expect(phases.map(({ index }) => index)).toEqual([0, 1, 0, 1, 0]);
    expect(isProtected('fc1', 'fc2')).toBe(false);
    expect(isProtected('both', 'fc2')).toBe(true);
  });
  it('without orthogonal steps is the base optimizer, bit for bit; with one expert too', () => {
    const alone = (run: Run) => {
      const base = adamw();
      return run.start.map((m, i) => {
        let [state, parameter] = [base.initial(m.shape), m];
        run.steps.forEach((step) => {
          const next = base.step(state, parameter, step.gradients[i], 0.125);
          state = next.state;
          parameter = fromFunction(m.shape, (at) => parameter.get(...at) + next.update.get(...at));
        });
        return parameter;
      });
    };
    fc.assert(
      fc.property(runs(3, 4), runs(1, 4), fc.constantFrom('input', 'output', 'update'), (many, one, side) => {
        const never = train(many, adamw(), { ...short, side, orthogonalSteps: 0 } as OmoeOptions);
        expectSame(never.states[4].matrices, alone(many));
        expectSame(train(one, adamw(), { ...short, side } as OmoeOptions).states[4].matrices, alone(one));
      }),
      { numRuns: 15 },
    );
  });
  it('records each n-th accumulating step, and forgets when the next cycle begins', () => {
    const run = fc.sample(runs(2, 5), { seed: 7, numRuns: 1 })[0];
    const counts = (options: OmoeOptions) =>
      train(run, sgd(), options).states.map(({ statistics }) => statistics[0].columns.shape[1]);
    expect(counts(short)).toEqual([0, 1, 2, 2, 2, 1]);
    expect(counts({ ...short, updateEvery: 2 })).toEqual([0, 1, 1, 1, 1, 1]);
    expect(counts({ ...short, accumulateSteps: 4, updateEvery: 3 })).toEqual([0, 1, 1, 1, 2, 2]);
    expect(counts({ ...short, resetEachCycle: false })).toEqual([0, 1, 2, 2, 2, 3]);
    expect(counts({ ...short, statistic: 'tokens' })).toEqual([0, 2, 4, 4, 4, 2]);
    expect(counts({ ...short, side: 'update' })).toEqual([0, 0, 0, 0, 0, 0]);
  });
  it('an expert without tokens goes through it all without a NaN', () => {
    const run = fc.sample(runs(3, 4), { seed: 7, numRuns: 1 })[0];
    const idle: Run = {
      start: run.start,
      steps: run.steps.map((step) => ({
        gradients: step.gradients.map((g, i) => (i === 1 ? zeros(g.shape) : g)),
        inputs: step.inputs.map((x, i) => (i === 1 ? zeros([0, IN]) : x)),
        outputs: step.outputs.map((y, i) => (i === 1 ? zeros([0, OUT]) : y)),
      })),
    };
    for (const side of ['input', 'output', 'update'] as const) {
      for (const combine of ['mean', 'span', 'hard'] as const) {
        const { states } = train(idle, adamw({ weightDecay: 0 }), { ...short, side, combine });
        expect(states[4].matrices.flatMap(toFlat).every(Number.isFinite)).toBe(true);
        expect(toFlat(states[4].matrices[1])).toEqual(toFlat(run.start[1]));
      }
    }
  });
});

describe('the update law', () => {
  /** ‖rᵀΔ‖ or ‖Δ a‖ for the columns of every other expert, against the bound of `span` times ‖Δ_base‖. */
  const worstExcess = (run: Run, options: OmoeOptions, base: BaseOptimizer<unknown>): number => {
    const { states, results } = train(run, base, options);
    let worst = 0;
    for (const s of [2, 3]) {
      // The base update of this step, had nothing been projected.
      const plain = states[s].matrices.map(
        (m, i) => base.step(states[s].optimizer[i], m, run.steps[s].gradients[i], 0.125).update,
      );
      results[s].updates.forEach((delta, i) => {
        const others = [0, 1, 2].filter((j) => j !== i).map((j) => recorded(run, j, options));
        const a = others.reduce(beside);
        const alpha = ridge(options.alpha, options.alphaMode, inner(a, a), a.shape[0]);
        const part = a.shape[0] === IN && options.side === 'input' ? withoutBiasRow(delta).weight : delta;
        for (let j = 0; j < a.shape[1]; j++) {
          const r = column(a, j);
          const hit = norm(options.side === 'input' ? product(transpose(r), part) : product(part, r));
          // Q is off by a few hundred roundings at most (n = 4, m = 4), and one product follows.
          const allowed = (spanBound(alpha) + gamma(1000) * (norm(a) + Math.sqrt(alpha))) * norm(plain[i]);
          worst = Math.max(worst, hit === 0 ? 0 : hit / allowed);
        }
      });
    }
    return worst;
  };
  const span: OmoeOptions = { ...short, combine: 'span', renorm: false };
  const bases: [string, () => BaseOptimizer<unknown>][] = [
    ['sgd with momentum and decay', () => sgd({ momentum: 0.9, weightDecay: 0.5 }) as BaseOptimizer<unknown>],
    ['adamw', () => adamw({ weightDecay: 0.5 }) as BaseOptimizer<unknown>],
  ];
  for (const [name, base] of bases) {
    it(`project 'update' keeps the bound on both sides: ${name}`, () => {
      const cases = fc.tuple(runs(3, 4), fc.constantFrom('input', 'output'), fc.constantFrom('augment', 'freeze'));
      fc.assert(
        fc.property(cases, ([run, side, bias]) => {
          expect(worstExcess(run, { ...span, side, bias } as OmoeOptions, base())).toBeLessThanOrEqual(1);
        }),
        { numRuns: 25 },
      );
    });
    it(`project 'gradient' breaks it: ${name}`, () => {
      const broken = fc.sample(runs(3, 4), { seed: 7, numRuns: 30 }).filter((run) => {
        const options: OmoeOptions = { ...span, side: 'input', project: 'gradient', alpha: 1e-9 };
        return worstExcess(run, options, base()) > 10;
      });
      expect(broken.length).toBeGreaterThan(0);
    });
  }
  it("project 'gradient' keeps it for plain sgd", () => {
    fc.assert(
      fc.property(runs(3, 4), (run) => {
        const options: OmoeOptions = { ...span, side: 'input', project: 'gradient' };
        expect(worstExcess(run, options, sgd() as BaseOptimizer<unknown>)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 25 },
    );
  });
  it('update side: what expert i learns is orthogonal to where each other one has come', () => {
    fc.assert(
      fc.property(runs(3, 4), (run) => {
        const { states, results } = train(run, adamw(), { ...short, side: 'update' });
        for (const s of [2, 3]) {
          results[s].updates.forEach((delta, i) => {
            for (const j of [0, 1, 2].filter((other) => other !== i)) {
              const move = minus(states[s].matrices[j], states[s].base[j]);
              // As above for the projection of 12 entries against two vectors, times the renorm factor of at most 10.
              claimWithin(
                [inner(delta, move)],
                [0],
                10 * gamma(400) * norm(delta) * norm(move) * 10,
                `${s}, ${i}, ${j}`,
              );
            }
          });
        }
      }),
      { numRuns: 25 },
    );
  });
  it('the projected update never turns against the base update, nor outgrows it', () => {
    const cases = fc.tuple(
      runs(3, 4),
      fc.constantFrom('input', 'output', 'update'),
      fc.constantFrom('mean', 'span', 'hard'),
    );
    fc.assert(
      fc.property(cases, ([run, side, combine]) => {
        const options = { ...short, side, combine, renorm: false } as OmoeOptions;
        const { states, results } = train(run, adamw(), options);
        const base = adamw();
        results[2].updates.forEach((delta, i) => {
          const state = states[2];
          const plain = base.step(state.optimizer[i], state.matrices[i], run.steps[2].gradients[i], 0.125).update;
          const size = norm(plain) ** 2;
          claimAtMost(-inner(delta, plain), 0, gamma(1000) * size, '⟨Δ_projected, Δ⟩');
          claimAtMost(norm(delta), norm(plain), gamma(1000) * norm(plain), '‖Δ_projected‖');
        });
      }),
      { numRuns: 25 },
    );
  });
});

describe('controls', () => {
  const run = fc.sample(runs(3, 4), { seed: 11, numRuns: 1 })[0];
  it('norm-matched is as short as the projected update, and parallel to the base one', () => {
    const matched = train(run, sgd(), { ...short, control: 'norm-matched', renorm: false }).results[2];
    const projected = train(run, sgd(), { ...short, renorm: false }).results[2];
    matched.updates.forEach((delta, i) => {
      const size = norm(projected.updates[i]);
      claimWithin([norm(delta)], [size], gamma(100) * size, 'norm');
      const g = run.steps[2].gradients[i];
      claimWithin([inner(delta, g)], [-norm(delta) * norm(g)], gamma(100) * norm(delta) * norm(g), 'parallel');
    });
  });
  it('rotated by I is the method itself', () => {
    const turned = train(run, sgd(), { ...short, control: 'rotated' }, (size) => identity(size));
    expectSame(turned.states[4].matrices, train(run, sgd(), short).states[4].matrices);
    expect(() => train(run, sgd(), { ...short, control: 'rotated' })).toThrow(/rotation/);
  });
  it('shared uses one projector for all experts, own only the expert’s', () => {
    const shared = train(run, sgd(), { ...short, columns: 'shared' }).states[3].projectors!;
    expectSame([shared[0], shared[0]], [shared[1], shared[2]]);
    const own = train(run, sgd(), { ...short, columns: 'own' }).states[3].projectors!;
    const alone = train(
      { start: [run.start[0]], steps: run.steps.map((s) => ({ ...s, gradients: s.gradients.slice(0, 1) })) },
      sgd(),
      { ...short, columns: 'own' },
    ).states[3].projectors!;
    expectSame([own[0]], [alone[0]]);
  });
});

describe('reports', () => {
  it('say how much room is left, what was kept, and what still leaks', () => {
    // Sines of distant numbers: nothing is zero, parallel, or of low rank.
    const wave = (shape: number[], phase: number) =>
      fromFunction(shape, ([i, j]) => Math.sin((i + 2) * (j + 3) * (phase + 1)));
    const lists = (shape: number[], phase: number) => [1, 2, 3].map((e) => wave(shape, 31 * e + phase));
    const run: Run = {
      start: lists([IN + 1, OUT], 0),
      steps: [1, 2, 3].map((s) => ({
        gradients: lists([IN + 1, OUT], 100 * s),
        inputs: lists([2, IN], 200 * s),
        outputs: lists([2, OUT], 300 * s),
      })),
    };
    const { results } = train(run, sgd(), {
      ...short,
      combine: 'hard',
      energy: 1,
      updateEvery: 2,
      plasticityWarning: 0.4,
    });
    expect(results[1].reports).toBeNull();
    for (const report of results[2].reports!) {
      // Two columns of two other experts leave one direction of three.
      claimWithin([report.trace], [1 / 3], gamma(100), 'trace');
      expect(report.plasticityLow).toBe(true);
      expect(report.normKept).toBeGreaterThan(0);
      expect(report.normKept).toBeLessThan(1);
      claimWithin([report.renormFactor], [Math.min(10, 1 / report.normKept)], gamma(100) * 10, 'factor');
      // hard at energy 1 removes the others' columns altogether: what leaks is rounding, magnified by 1/normKept.
      expect(report.leakage).toBeLessThan(gamma(1000) / report.normKept);
    }
    for (const report of train(run, sgd(), { ...short, side: 'update' }).results[2].reports!) {
      // Two directions of 4 · 3 entries are gone.
      claimWithin([report.trace], [10 / 12], gamma(10), 'trace');
      expect(report.leakage).toBeLessThan(gamma(1000) / report.normKept);
    }
  });
  it('never say less of a sketch than leaks, nor by more than it may have lost', () => {
    const cases = fc.tuple(
      runs(3, 6),
      fc.constantFrom('input', 'output'),
      fc.constantFrom('augment', 'freeze'),
      fc.constantFrom('mean', 'tokens'),
      fc.constantFrom(1, 2),
    );
    let apart = 0;
    fc.assert(
      fc.property(cases, ([run, side, bias, statistic, sketch]) => {
        const options = {
          ...short,
          side,
          bias,
          statistic,
          sketch,
          accumulateSteps: 5,
          orthogonalSteps: 1,
        } as OmoeOptions;
        const { updates, reports } = train(run, sgd(), options).results[5];
        const { statistics } = train(run, sgd(), { ...options, sketch: 0 }).states[5];
        reports!.forEach((report, i) => {
          const all = [0, 1, 2].filter((j) => j !== i).map((j) => statistics[j].columns);
          const part = side === 'input' && bias === 'freeze' ? withoutBiasRow(updates[i]).weight : updates[i];
          const truth = leakage(all.reduce(beside), part, side as 'input' | 'output');
          expect(report.leakage === null).toBe(truth === null);
          if (truth === null || report.leakage === null) return;
          // Up to ten columns shrink nine times, each time by at most 60 sweeps over 3 pairs of columns, 6 roundings each.
          const slack = gamma(9 * 60 * 3 * 6 * 2);
          claimAtMost(truth ** 2, report.leakage ** 2, slack, 'the leakage, squared, by what is reported');
          claimAtMost(report.leakage ** 2, truth ** 2 + 1 / (sketch + 1), slack, 'what is reported, by the leakage');
          if (report.leakage ** 2 - truth ** 2 > slack) apart++;
        });
      }),
      { numRuns: 40 },
    );
    expect(apart).toBeGreaterThan(20);
  });
});

describe('the switches', () => {
  it('have the same names and defaults as in the fast code', () => {
    expect({ ...omoeDefaults }).toEqual({ ...fastOptions.omoeDefaults });
    expect(namedMethods).toEqual(Object.fromEntries(fastMethods.methodTable.map(({ id, options }) => [id, options])));
  });
});
