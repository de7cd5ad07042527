import type { Gate, Recorded } from '../../src/moe/index.ts';
import type { BaseOptimizer, OmoeOptions, Parameters } from '../../src/optim/index.ts';
import { type Method, type MethodLaw, theMethod } from '../kit/method.ts';
import { cycleLaws } from '../laws/cycle.ts';
import { dispatchLaws } from '../laws/dispatch.ts';
import { gateLaws } from '../laws/gate.ts';
import { lossLaws } from '../laws/losses.ts';
import { updateLaws } from '../laws/update.ts';

/** Deliberate mistakes of the method, and the laws that have to find each of them. */
export interface Fault {
  readonly name: string;
  readonly method: Method;
  /** Tried in this order; the first to break has caught it. */
  readonly laws: readonly MethodLaw[];
}

const fault = (name: string, change: Partial<Method>, laws: readonly MethodLaw[]): Fault => ({
  name,
  method: { ...theMethod, ...change },
  laws,
});

/** `omoe` with other options than it is asked for. */
const omoeWith = (change: (options: Partial<OmoeOptions>) => Partial<OmoeOptions>): Partial<Method> => ({
  omoe: (base, options = {}, key) => theMethod.omoe(base, change(options), key),
});

/** θ = 0 as far as the base optimizer sees, so that nothing decays. */
const withoutDecay = <S>(base: BaseOptimizer<S>): BaseOptimizer<S> => ({
  ...base,
  step: ({ parameters, ...given }) =>
    base.step({ ...given, parameters: new Map([...parameters].map(([path, p]) => [path, p.zerosLike()])) }),
});

/** Projects the update without its decay, and adds the decay afterwards. */
const decayAfterwards: Partial<Method> = {
  omoe: (base, options = {}, key) => {
    const inner = theMethod.omoe(withoutDecay(base), options, key);
    return {
      ...inner,
      async step(given) {
        const result = await inner.step(given);
        const { parameters, gradients, learningRate } = given;
        const state = given.state.base;
        const [with_, without] = [base, withoutDecay(base)].map((b) =>
          b.step({ parameters, gradients, state, learningRate }),
        );
        const decay = (path: string) => with_.updates.get(path)!.subtract(without.updates.get(path)!);
        const updates: Parameters = new Map(
          [...result.updates].map(([path, update]) => [path, update.add(decay(path))]),
        );
        return { ...result, updates };
      },
    };
  },
};

/** Listens in the first cycle only, and never forgets: projectors of later cycles are those of the first. */
const staleStatistics: Partial<Method> = {
  omoe: (base, options = {}, key) => {
    const inner = theMethod.omoe(base, { ...options, resetEachCycle: false }, key);
    const { accumulateSteps, orthogonalSteps, statistic } = inner.options;
    // `mean`: 0 rows stand behind every column. `tokens`: every row belongs to an expert that is not there.
    const nobody = statistic === 'mean' ? 0 : 2 ** 20;
    const deaf = (recorded: Recorded | undefined): Recorded | undefined =>
      recorded && { ...recorded, owners: recorded.owners.engine.full(recorded.owners.shape, nobody, 'int32') };
    return {
      ...inner,
      step: (given) => {
        if (given.state.step < accumulateSteps + orthogonalSteps) return inner.step(given);
        const records = new Map([...(given.records ?? [])].map(([name, recorded]) => [name, deaf(recorded)!]));
        return inner.step({ ...given, records });
      },
    };
  },
};

/** Experts in reverse order: the last of equal logits comes first. */
const tiesToHighest: Method['topKGate'] = (logits, options) => {
  const gate = theMethod.topKGate(logits.flip(1), options);
  const chosen = gate.chosen.multiply(-1).add(logits.shape[1] - 1);
  return {
    ...gate,
    logits,
    probabilities: gate.probabilities.flip(1),
    chosen: options.mask ? options.mask.expandDims(1).where(chosen, -1) : chosen,
  };
};

/** Rows that nobody owns are taken for the last expert's. */
const paddingRecorded: Method['recordStatistics'] = (flow, plan, recording) => {
  const rows = plan.expertOfRow.shape[0];
  const t = plan.offsets.engine;
  const offsets = t.concat([plan.offsets.slice([0, plan.experts]), t.tensor(Int32Array.of(rows))]);
  return theMethod.recordStatistics(
    flow,
    { ...plan, offsets, expertOfRow: plan.expertOfRow.minimum(plan.experts - 1) },
    recording,
  );
};

/** C = ⌈c·n·k/E⌉ in Float32 as it comes: 0.6 · 45 becomes 28. The margin that src takes off is put on again. */
const roundedUp: Method['planDispatch'] = (gate, experts, capacityFactor = null) =>
  theMethod.planDispatch(gate, experts, capacityFactor === null ? null : capacityFactor / Math.fround(1 - 1e-6));

/** One slot more than C for each expert: c·n·k/E + 1 slots. */
const oneTooMany: Method['planDispatch'] = (gate: Gate, experts, capacityFactor = null) => {
  const slots = gate.chosen.size;
  const factor = capacityFactor === null || slots === 0 ? capacityFactor : capacityFactor + experts / slots;
  return theMethod.planDispatch(gate, experts, factor);
};

export const faults: readonly Fault[] = [
  fault(
    'projection before the adaptive scaling',
    omoeWith((o) => ({ ...o, project: 'gradient' })),
    updateLaws,
  ),
  fault('decay added after the projection', decayAfterwards, updateLaws),
  fault(
    'own columns left in the span',
    omoeWith((o) => (o.columns === 'others' ? { ...o, columns: 'shared' } : o)),
    cycleLaws,
  ),
  fault('stale statistics: those of the first cycle', staleStatistics, updateLaws),
  fault(
    'statistics of earlier cycles kept',
    omoeWith((o) => ({ ...o, resetEachCycle: false })),
    cycleLaws,
  ),
  fault(
    'bias row forgotten',
    omoeWith((o) => (o.bias === 'augment' ? { ...o, bias: 'free' } : o)),
    updateLaws,
  ),
  fault(
    'renorm without limit',
    omoeWith((o) => ({ ...o, renormLimit: 1e30 })),
    cycleLaws,
  ),
  fault(
    'transposed side',
    omoeWith((o) => ({ ...o, side: o.side === 'update' ? 'update' : o.side === 'input' ? 'output' : 'input' })),
    updateLaws,
  ),
  fault('padding counted in the statistics', { recordStatistics: paddingRecorded }, dispatchLaws),
  fault(
    'padding counted in the balance loss',
    { topKBalance: (gate) => theMethod.topKBalance(gate), switchBalance: (gate) => theMethod.switchBalance(gate) },
    lossLaws,
  ),
  fault('ties to the highest expert', { topKGate: tiesToHighest }, gateLaws),
  fault(
    'gates not renormalised',
    { topKGate: (logits, options) => theMethod.topKGate(logits, { ...options, renormalize: false }) },
    gateLaws,
  ),
  fault('capacity rounded up where it is whole', { planDispatch: roundedUp }, dispatchLaws),
  fault('capacity off by one', { planDispatch: oneTooMany }, dispatchLaws),
];
