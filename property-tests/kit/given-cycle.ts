import fc from 'fast-check';
import { fromFunction, type Real } from '../../spec/array.ts';
import type { ExpertStep } from '../../spec/method/omoe.ts';
import type { Matrix } from '../../src/linalg/index.ts';
import type { BaseOptimizer, LinearReport, OmoeOptions, OmoeState, Parameters } from '../../src/optim/index.ts';
import { applyUpdates } from '../../src/optim/index.ts';
import { readTogether } from '../../src/pending.ts';
import type { Key } from '../../src/random.ts';
import { eighths, upload } from '../arbitraries/experts.ts';
import type { MethodSubject } from './method.ts';
import { matricesOf } from './training.ts';

/**
 * Cycles of one expert linear whose gradients and signals are given, and not computed from its weights: so the optimizer alone
 * is compared, and rounding does not feed back through a network.
 */

export interface GivenStep {
  /** [expert, in + 1, out], the last row the bias'; no entry is 0. */
  readonly gradients: Real;
  /** The expert of each token, −1 for padding. */
  readonly owners: readonly number[];
  /** [token, in] and [token, out] */
  readonly inputs: Real;
  readonly outputs: Real;
}
export interface GivenCycle {
  readonly experts: number;
  /** M_i at the start, [expert, in + 1, out] */
  readonly start: Real;
  readonly steps: readonly GivenStep[];
}

/** Eighths, none of them 0: AdamW divides by the size of what it has seen. */
const awayFromZero = (shape: readonly number[]): fc.Arbitrary<Real> =>
  eighths(shape).map((a) => fromFunction(a.shape, (index) => a.get(...index) || 0.125));

export const givenCycles = (steps: number, least = 1): fc.Arbitrary<GivenCycle> =>
  fc
    .tuple(
      fc.integer({ min: least, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 6 }),
    )
    .chain(([experts, input, output, tokens]) => {
      const step = fc.record({
        gradients: awayFromZero([experts, input + 1, output]),
        owners: fc.array(fc.integer({ min: -1, max: experts - 1 }), { minLength: tokens, maxLength: tokens }),
        inputs: eighths([tokens, input]),
        outputs: eighths([tokens, output]),
      });
      return fc.record({
        experts: fc.constant(experts),
        start: eighths([experts, input + 1, output]),
        steps: fc.array(step, { minLength: steps, maxLength: steps }),
      });
    });

const layer = 'moe.fc1';

const parametersFrom = (t: MethodSubject['t'], matrices: Real): Parameters => {
  const [experts, height, width] = matrices.shape;
  const weight = fromFunction([experts, height - 1, width], (index) => matrices.get(...index));
  const bias = fromFunction([experts, width], ([e, j]) => matrices.get(e, height - 1, j));
  return new Map([
    [`${layer}.weight`, upload(t, weight)],
    [`${layer}.bias`, upload(t, bias)],
  ]);
};

export interface RunStep {
  readonly matrices: readonly Matrix[];
  readonly updates: readonly Matrix[];
  readonly reports: readonly LinearReport[];
}

/** The cycle on the implementation under test: each step's weights before it, its updates and its reports. */
export async function runCycle(
  subject: MethodSubject,
  cycle: GivenCycle,
  base: BaseOptimizer<unknown>,
  options: OmoeOptions,
  learningRate: number,
  key: Key,
): Promise<RunStep[]> {
  const { t, method } = subject;
  const optimizer = method.omoe(base, options, key);
  let parameters = parametersFrom(t, cycle.start);
  let state: OmoeState<unknown> = optimizer.initial(parameters);
  const steps: RunStep[] = [];
  for (const step of cycle.steps) {
    const asked = optimizer.recording(state);
    const records = new Map();
    if (asked) {
      const chosen = t.tensor(Int32Array.from(step.owners), [step.owners.length, 1]);
      const gates = t.ones(chosen.shape);
      const plan = method.planDispatch({ chosen, gates, logits: gates, probabilities: gates }, cycle.experts);
      const one = {
        input: method.dispatchTokens(upload(t, step.inputs), plan),
        output: method.dispatchTokens(upload(t, step.outputs), plan),
      };
      records.set(layer, method.recordStatistics({ fc1: one, fc2: one }, plan, asked).fc1);
    }
    const gradients = parametersFrom(t, step.gradients);
    const result = await optimizer.step({ parameters, gradients, state, learningRate, records });
    steps.push({
      matrices: await matricesOf(parameters, layer),
      updates: await matricesOf(result.updates, layer),
      reports: (await readTogether(result.reports))[0],
    });
    parameters = applyUpdates(parameters, result.updates);
    state = result.state;
  }
  return steps;
}

/** What the definition is told of one step: lists over experts. */
export function expertStep(cycle: GivenCycle, step: number, learningRate: number): ExpertStep {
  const { gradients, owners, inputs, outputs } = cycle.steps[step];
  const rowsOf = (signals: Real, expert: number): Real => {
    const rows = [...owners.keys()].filter((token) => owners[token] === expert);
    return fromFunction([rows.length, signals.shape[1]], ([i, j]) => signals.get(rows[i], j));
  };
  const each = <T>(f: (expert: number) => T): T[] => Array.from({ length: cycle.experts }, (_, e) => f(e));
  return {
    step,
    learningRate,
    gradients: each((e) => expertMatrix(gradients, e)),
    inputs: each((e) => rowsOf(inputs, e)),
    outputs: each((e) => rowsOf(outputs, e)),
  };
}

export const expertMatrix = (stacked: Real, e: number): Real =>
  fromFunction(stacked.shape.slice(1), ([i, j]) => stacked.get(e, i, j));

/** The same cycle with the experts in another order: new expert i was `order[i]`. */
export function permuteCycle(cycle: GivenCycle, order: readonly number[]): GivenCycle {
  const turned = (stacked: Real): Real => fromFunction(stacked.shape, ([e, i, j]) => stacked.get(order[e], i, j));
  return {
    experts: cycle.experts,
    start: turned(cycle.start),
    steps: cycle.steps.map((step) => ({
      ...step,
      gradients: turned(step.gradients),
      owners: step.owners.map((owner) => (owner < 0 ? owner : order.indexOf(owner))),
    })),
  };
}
