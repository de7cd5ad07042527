import type fc from 'fast-check';
import type { Ulps } from '../../spec/rounding/model.ts';
import type { Engine } from '../../src/engine.ts';
import * as moe from '../../src/moe/index.ts';
import * as optim from '../../src/optim/index.ts';
import { type Claims, ClaimUsage, claimsInto } from './claims.ts';
import { holds, LawBroken, type Settings } from './settings.ts';
import { ClaimFailed } from './within.ts';

export type { Claims } from './claims.ts';
export { ClaimFailed, claim, claimAtMost, claimEqual, claimWithin } from './within.ts';

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

type Body<T> = (subject: MethodSubject, drawn: T, claims: Claims) => Promise<void> | void;

/**
 * A law: `body` throws where it does not hold. `mostUndecided`: of each quantity that it asks for by `decidable`, the share
 * that rounding may leave open; with more of it the law claims too little, and does not hold.
 */
export const law = <T>(name: string, values: fc.Arbitrary<T>, body: Body<T>, mostUndecided = 0.5): MethodLaw => ({
  name,
  async hold(subject, settings) {
    const seen = settings.claims ?? new ClaimUsage();
    const claims = claimsInto(seen);
    await holds(name, settings, values, async (drawn) => {
      try {
        await body(subject, drawn, claims);
      } catch (found) {
        const Kind = found instanceof ClaimFailed ? ClaimFailed : Error;
        const message = found instanceof Error ? found.message : String(found);
        throw new Kind(`${message}\nfor ${described(drawn)}`, { cause: found });
      }
    });
    for (const [quantity, { all, undecided }] of Object.entries(seen.asked()))
      if (all >= leastJudged && undecided > mostUndecided * all) {
        const message = `${name}: ${undecided} of ${all} times nothing could be said of '${quantity}'`;
        throw new LawBroken(name, message, { cause: new Error(message) });
      }
  },
});

/** Of fewer than these, the share that is undecided is chance. */
const leastJudged = 100;

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
    // A false claim has no bound that could be used up: nothing is noted.
    const claims = claimsInto(new ClaimUsage());
    try {
      await holds(name, { ...settings, runs, shrink: false }, values, async (drawn) => claim(subject, drawn, claims));
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
