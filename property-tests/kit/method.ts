import type fc from 'fast-check';
import type { Ulps } from '../../spec/rounding/model.ts';
import type { Engine } from '../../src/engine.ts';
import * as moe from '../../src/moe/index.ts';
import * as optim from '../../src/optim/index.ts';
import { holds, LawBroken, type Settings } from './settings.ts';

/** The laws of the method (numbered in property-tests/README.md): what they are told, and what a law is. */

/** The functions under test. A law takes them from here and not from src, so that faulty ones can be handed in. */
export interface Method {
  readonly topKGate: typeof moe.topKGate;
  readonly planDispatch: typeof moe.planDispatch;
  readonly dispatchTokens: typeof moe.dispatchTokens;
  readonly combineRows: typeof moe.combineRows;
  readonly moe: typeof moe.moe;
  readonly recordStatistics: typeof moe.recordStatistics;
  readonly routingMeasures: typeof moe.routingMeasures;
  readonly switchBalance: typeof moe.switchBalance;
  readonly topKBalance: typeof moe.topKBalance;
  readonly routerZ: typeof moe.routerZ;
  readonly buildProjectors: typeof optim.buildProjectors;
  readonly ridgeProjector: typeof optim.ridgeProjector;
  readonly recursionStep: typeof optim.recursionStep;
  readonly sgd: typeof optim.sgd;
  readonly adamw: typeof optim.adamw;
  readonly clipByGlobalNorm: typeof optim.clipByGlobalNorm;
  readonly learningRate: typeof optim.learningRate;
  readonly omoe: typeof optim.omoe;
}

export const theMethod: Method = { ...moe, ...optim };

export interface MethodSubject {
  readonly t: Engine;
  readonly method: Method;
}

/** The unit roundoff of the subject's floats, and its elementary functions' units in the last place. */
export const precisionOf = ({ t }: MethodSubject): { readonly u: number; readonly ulps: Ulps } => ({
  u: t.dtype === 'float32' ? 2 ** -24 : 2 ** -53,
  ulps: t.backend.ulps,
});

export interface MethodLaw {
  readonly name: string;
  /** @throws LawBroken */
  hold(subject: MethodSubject, settings: Settings): Promise<void>;
}

type Body<T> = (subject: MethodSubject, drawn: T) => Promise<void> | void;

/** A law: `body` throws where it does not hold. `share` is the part of the runs that an expensive law takes. */
export const law = <T>(name: string, values: fc.Arbitrary<T>, body: Body<T>, share = 1): MethodLaw => ({
  name,
  hold: (subject, settings) =>
    holds(name, { ...settings, runs: Math.max(1, Math.round(settings.runs * share)) }, values, async (drawn) => {
      try {
        await body(subject, drawn);
      } catch (found) {
        const Kind = found instanceof ClaimFailed ? ClaimFailed : Error;
        const message = found instanceof Error ? found.message : String(found);
        throw new Kind(`${message}\nfor ${described(drawn)}`, { cause: found });
      }
    }),
});

/** So many draws contradict a false claim for sure, however few are asked for: about one in four does by itself. */
const leastDraws = 60;

/**
 * A claim that is false, and has to be found out: the law holds if some draw contradicts the claim. It looks at up to
 * `patience` times as many draws as other laws, and stops at the first that does.
 */
export const refuted = <T>(name: string, values: fc.Arbitrary<T>, claim: Body<T>, patience = 2): MethodLaw => ({
  name,
  async hold(subject, settings) {
    const runs = Math.max(leastDraws, Math.round(settings.runs * patience));
    try {
      await holds(name, { ...settings, runs, shrink: false }, values, async (drawn) => claim(subject, drawn));
    } catch (found) {
      if (found instanceof LawBroken && found.cause instanceof ClaimFailed) return;
      throw found;
    }
    throw new LawBroken(name, `${name}: no counterexample among ${runs} draws of seed ${settings.seed}`);
  },
});

/** A drawn value in one line: arrays of numbers with their shape. */
function described(drawn: unknown): string {
  const list = (data: unknown) => Array.from(data as ArrayLike<number>).join(', ');
  const text = JSON.stringify(drawn, (_, value) => {
    if (ArrayBuffer.isView(value)) return list(value);
    const isArray = typeof value === 'object' && value !== null && 'data' in value && 'shape' in value;
    return isArray ? `[${value.shape}] ${list(value.data)}` : value;
  });
  return text.length <= 6000 ? text : `${text.slice(0, 6000)} …`;
}

/** A comparison that came out wrong, in distinction from a crash, which refutes nothing. */
export class ClaimFailed extends Error {
  override readonly name = 'ClaimFailed';
}

/** States what a law claims. @throws ClaimFailed */
export function claim(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new ClaimFailed(message());
}

/** Numbers equal, one by one, with the worst index in the message. */
export function claimEqual(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  claim(actual.length === expected.length, () => `${what}: ${actual.length} numbers against ${expected.length}`);
  for (let i = 0; i < actual.length; i++)
    claim(
      Object.is(actual[i], expected[i]) || actual[i] === expected[i],
      () => `${what}: [${i}] is ${actual[i]}, but should be exactly ${expected[i]}`,
    );
}

/** |actual − expected| ≤ bound, one by one; a bound of `NaN` never holds. The message names the worst place. */
export function claimWithin(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: number | ArrayLike<number>,
  what: string,
): void {
  claim(actual.length === expected.length, () => `${what}: ${actual.length} numbers against ${expected.length}`);
  const allowed = (i: number) => (typeof bound === 'number' ? bound : bound[i]);
  let [worst, at] = [0, -1];
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    const ratio = error === 0 ? 0 : error / allowed(i);
    if (!(ratio <= Math.max(1, worst))) [worst, at] = [Number.isNaN(ratio) ? Infinity : ratio, i];
  }
  claim(
    at < 0,
    () =>
      `${what}: [${at}] is ${actual[at]}, but should be ${expected[at]} within ${allowed(at)} (off by ${worst.toPrecision(3)} bounds)`,
  );
}

/** value ≤ limit + slack. */
export function claimAtMost(value: number, limit: number, slack: number, what: string): void {
  claim(value <= limit + slack, () => `${what}: ${value}, but should be at most ${limit} (+ ${slack} for rounding)`);
}
