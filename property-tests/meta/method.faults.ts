import { matrix } from '../../src/linalg/index.ts';
import type { Gate, Recorded } from '../../src/moe/index.ts';
import {
  type BaseOptimizer,
  denseProjector,
  type LinearReport,
  type OmoeOptions,
  type Parameters,
  type ProjectorOptions,
  toDense,
} from '../../src/optim/index.ts';
import type { Tensor } from '../../src/tensor.ts';
import { type Method, theMethod } from '../kit/method.ts';

/** Deliberate mistakes of the method, and the laws that have to find each of them. */
export interface Fault {
  readonly name: string;
  readonly method: Method;
  /** By name; a part of it is enough where it stands for one law alone. Each has to find the mistake. */
  readonly caughtBy: readonly string[];
}

const fault = (name: string, change: Partial<Method>, ...caughtBy: string[]): Fault => ({
  name,
  method: { ...theMethod, ...change },
  caughtBy,
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

/** C = ⌈c·n·k/E⌉ with the next number above c: 0.6 · 45 becomes 28. The rounding that src takes off is put on again. */
const roundedUp: Method['planDispatch'] = (gate, experts, capacityFactor = null) =>
  theMethod.planDispatch(gate, experts, capacityFactor === null ? null : capacityFactor * (1 + 2 ** -52));

/** One slot more than C for each expert: c·n·k/E + 1 slots. */
const oneTooMany: Method['planDispatch'] = (gate: Gate, experts, capacityFactor = null) => {
  const slots = gate.chosen.size;
  const factor = capacityFactor === null || slots === 0 ? capacityFactor : capacityFactor + experts / slots;
  return theMethod.planDispatch(gate, experts, factor);
};

/** Gates of other logits; chosen are the experts of the true ones. */
const gatesOf =
  (change: (gate: Gate, logits: Tensor, k: number) => Tensor): Method['topKGate'] =>
  (logits, options) => {
    const gate = theMethod.topKGate(logits, options);
    const gates = change(gate, logits, options.k);
    return { ...gate, gates: options.mask ? options.mask.expandDims(1).where(gates, 0) : gates };
  };

/** σ(z) of the kept logits, divided by their sum. */
const sigmoidGates = gatesOf((_, logits, k) => {
  const kept = logits.topK(k).values.sigmoid();
  return kept.divide(kept.sum([1], { keepDims: true }));
});

const colderGates = gatesOf((_, logits, k) => logits.topK(k).values.multiply(2).softmax(1));

/** Each row is carried for the token after its own. */
const nextToken: Method['dispatchTokens'] = (x, plan) => {
  const [tokens] = x.shape;
  const turned = tokens < 2 ? x : x.engine.concat([x.slice([1, tokens], 0), x.slice([0, 1], 0)], 0);
  return theMethod.dispatchTokens(turned, plan);
};

/** E Σ f P without the factor E. */
const withoutFactor: Partial<Method> = {
  switchBalance: (gate, mask) => theMethod.switchBalance(gate, mask).divide(gate.logits.shape[1]),
  topKBalance: (gate, mask) => theMethod.topKBalance(gate, mask).divide(gate.logits.shape[1]),
};

const otherActivation: Partial<Method> = {
  moe: (x, parameters, options) =>
    theMethod.moe(x, parameters, { ...options, activation: options.activation === 'relu' ? 'gelu' : 'relu' }),
};

/** The first expert's bias is forgotten. */
const firstBiasForgotten: Partial<Method> = {
  moe(x, parameters, options) {
    const { weight, bias } = parameters.fc2;
    const others = bias.slice([1, bias.shape[0]], 0);
    const first = bias.slice([0, 1], 0).zerosLike();
    const cut = bias.engine.concat([first, others], 0);
    return theMethod.moe(x, { ...parameters, fc2: { weight, bias: cut } }, options);
  },
};

/** Experts take one token each and no more, the first that come. */
const firstComeOnly: Partial<Method> = {
  moe: (x, parameters, options) => theMethod.moe(x, parameters, { ...options, capacityFactor: 0.01 }),
};

const closedFormOff: Method['ridgeProjector'] = (a, alpha, form, sketchError) =>
  theMethod.ridgeProjector(a, form === 'closed' ? alpha * 1.01 : alpha, form, sketchError);

/** P taken a hundredth too large. */
const overProjector: Method['ridgeProjector'] = (...given) => {
  const p = theMethod.ridgeProjector(...given);
  const dense = toDense(p);
  const grown = { ...dense, data: dense.data.map((x) => x * 1.01) };
  return { ...p, factor: null, dense: grown, identity: false };
};

/** The trace of what is taken out, for that of what is left. */
const traceOfFactor: Method['ridgeProjector'] = (...given) => {
  const p = theMethod.ridgeProjector(...given);
  return { ...p, trace: p.rows - p.trace };
};

const builtWith =
  (change: (options: ProjectorOptions) => ProjectorOptions): Method['buildProjectors'] =>
  (columns, options, key) =>
    theMethod.buildProjectors(columns, change(options), key);

/** δ = Σ‖A_j‖²_F, which would excuse whatever a sketch does. */
const lossOverstated: Method['buildProjectors'] = (columns, options, key) =>
  theMethod.buildProjectors(columns, options, key).map((q, i) => ({
    ...q,
    sketchError: columns.reduce((sum, a, j) => (j === i ? sum : sum + a.squaredNorm), 0),
  }));

/** Q = 0 wherever something was recorded: it leaves nothing of anybody's columns, and nothing can be learnt. */
const takesEverything = (combine: ProjectorOptions['combine']): Method['buildProjectors'] => {
  return (columns, options, key) =>
    theMethod.buildProjectors(columns, options, key).map((q) => {
      if (options.combine !== combine || q.identity) return q;
      const { alpha, rank, sketchError } = q;
      return denseProjector(matrix(q.rows, q.rows), { alpha, rank, sketchError });
    });
};

/** What a step of `omoe` does, edited; `plain` is what the base optimizer alone would have done. */
const stepEdited = (edit: (updates: Parameters, plain: Parameters) => Parameters): Partial<Method> => ({
  omoe: (base, options = {}, key) => {
    const inner = theMethod.omoe(base, options, key);
    return {
      ...inner,
      async step(given) {
        const result = await inner.step(given);
        const { parameters, gradients, learningRate } = given;
        const plain = base.step({ parameters, gradients, learningRate, state: given.state.base });
        return { ...result, updates: edit(result.updates, plain.updates) };
      },
    };
  },
});

/** The first expert takes the base optimizer's update. */
const firstUnprotected = stepEdited(
  (updates, plain) =>
    new Map(
      [...updates].map(([path, update]) => {
        if (!path.includes('moe.fc')) return [path, update];
        const rest = update.slice([1, update.shape[0]], 0);
        return [path, update.engine.concat([plain.get(path)!.slice([0, 1], 0), rest], 0)];
      }),
    ),
);

/** Each linear's report of a step of `omoe`, edited. */
const reportsEdited = (edit: (report: LinearReport) => LinearReport): Partial<Method> => ({
  omoe: (base, options = {}, key) => {
    const inner = theMethod.omoe(base, options, key);
    return {
      ...inner,
      async step(given) {
        const result = await inner.step(given);
        const { tensors, of } = result.reports;
        return { ...result, reports: { tensors, of: (read) => of(read).map(edit) } };
      },
    };
  },
});

/** The leakage of what the sketches hold, as though nothing had been given up, from the second orthogonal step on. */
const leakageOfWhatIsLeft: Partial<Method> = {
  omoe: (base, options = {}, key) => {
    const inner = theMethod.omoe(base, options, key);
    return {
      ...inner,
      step({ state, ...given }) {
        const linears = [...state.linears].map(([name, linear]) => {
          if (!linear.projectors) return [name, linear] as const;
          const { others } = linear.projectors;
          const lossless = { ...others, sketchErrors: others.sketchErrors.map(() => 0) };
          return [name, { ...linear, projectors: { ...linear.projectors, others: lossless } }] as const;
        });
        return inner.step({ ...given, state: { ...state, linears: new Map(linears) } });
      },
    };
  },
};

const tooLong = stepEdited((updates) => new Map([...updates].map(([path, update]) => [path, update.multiply(1.125)])));

export const faults: readonly Fault[] = [
  fault(
    'projection before the adaptive scaling',
    omoeWith((o) => ({ ...o, project: 'gradient' })),
    'update: input side leaves the others’ inputs alone',
    'update: output side leaves the others’ outputs alone',
  ),
  fault(
    'a gradient that was asked to be projected is not: the update is',
    omoeWith((o) => ({ ...o, project: 'update' })),
    'gradient: weight decay breaks the update law',
    'gradient: momentum breaks the update law',
    'gradient: Nesterov momentum breaks the update law',
    'gradient: AdamW breaks the update law',
  ),
  fault('decay added after the projection', decayAfterwards, 'update: input side leaves the others’ inputs alone'),
  fault(
    'own columns left in the span',
    omoeWith((o) => (o.columns === 'others' ? { ...o, columns: 'shared' } : o)),
    'cycle: two and more cycles equal their definition',
    'permutation: with one expert omoe is the base optimizer, bit for bit',
  ),
  fault(
    'stale statistics: those of the first cycle',
    staleStatistics,
    'update: input side leaves the others’ inputs alone',
  ),
  fault(
    'statistics of earlier cycles kept',
    omoeWith((o) => ({ ...o, resetEachCycle: false })),
    'cycle: two and more cycles equal their definition',
  ),
  fault(
    'bias row forgotten',
    omoeWith((o) => (o.bias === 'augment' ? { ...o, bias: 'free' } : o)),
    'update: input side leaves the others’ inputs alone',
  ),
  fault(
    'a free bias is projected all the same',
    omoeWith((o) => (o.bias === 'free' ? { ...o, bias: 'augment' } : o)),
    'update: a free bias breaks the input side',
  ),
  fault(
    'renorm without limit',
    omoeWith((o) => ({ ...o, renormLimit: 1e30 })),
    'cycle: two and more cycles equal their definition',
  ),
  fault(
    'transposed side',
    omoeWith((o) => ({ ...o, side: o.side === 'update' ? 'update' : o.side === 'input' ? 'output' : 'input' })),
    'update: input side leaves the others’ inputs alone',
    'update: output side leaves the others’ outputs alone',
    'gradient: plain SGD keeps the update law',
  ),
  fault(
    'update side taken for the input side',
    omoeWith((o) => (o.side === 'update' ? { ...o, side: 'input' } : o)),
    'update: update side is orthogonal to what each other expert has learnt',
  ),
  fault(
    'updates an eighth too long',
    tooLong,
    'update: the projected update is not longer than the base update, nor turned against it',
  ),
  fault(
    'the leakage of a sketch for that of its columns',
    leakageOfWhatIsLeft,
    'leakage: reported of a sketch it is never below the truth',
  ),
  fault(
    'a leakage of 1 whatever was projected',
    reportsEdited((report) => ({ ...report, leakage: report.leakage.map((x) => x && 1) })),
    'leakage: reported of a sketch it is never below the truth',
  ),
  fault(
    'the first expert is not protected',
    firstUnprotected,
    'permutation: permuting the experts permutes the updates of omoe',
  ),
  fault(
    'one orthogonal step where none was asked for',
    omoeWith((o) => ({ ...o, orthogonalSteps: Math.max(1, o.orthogonalSteps ?? 1) })),
    'permutation: without orthogonal steps omoe is the base optimizer, bit for bit',
  ),
  fault(
    'padding counted in the statistics',
    { recordStatistics: paddingRecorded },
    'layer: padding changes no output, statistic or measure',
  ),
  fault(
    'padding counted in the balance loss',
    { topKBalance: (gate) => theMethod.topKBalance(gate), switchBalance: (gate) => theMethod.switchBalance(gate) },
    'losses: padding changes none of them',
    'losses: equal their definitions',
  ),
  fault(
    'balance losses without the factor E',
    withoutFactor,
    'losses: 1 at equal loads and equal mean probabilities',
    'losses: switch balance lies between 1/E and E',
    'losses: equal their definitions',
  ),
  fault(
    'ties to the highest expert',
    { topKGate: tiesToHighest },
    'gate: the k largest are chosen, ties to the lowest',
    'gate: k equal logits get 1/k each',
    'gate: equals its definition',
  ),
  fault(
    'gates not renormalised',
    { topKGate: (logits, options) => theMethod.topKGate(logits, { ...options, renormalize: false }) },
    'gate: renormalised gates sum to 1',
    'gate: equals its definition',
  ),
  fault(
    'gates by the sigmoid',
    { topKGate: sigmoidGates },
    'gate: a constant added to all logits changes nothing',
    'gate: equals its definition',
  ),
  fault('gates twice as decided', { topKGate: colderGates }, 'gate: k = E is the dense mixture'),
  fault(
    'capacity rounded up where it is whole',
    { planDispatch: roundedUp },
    'dispatch: a capacity that is whole but for rounding does not become one more',
  ),
  fault(
    'capacity off by one',
    { planDispatch: oneTooMany },
    'dispatch: capacity C drops exactly',
    'dispatch: rows are sorted by expert',
  ),
  fault(
    'rows carried for the next token',
    { dispatchTokens: nextToken },
    'dispatch: dispatch, then combine with gates 1/k, is the identity',
  ),
  fault(
    'relu and gelu exchanged',
    otherActivation,
    'layer: equals its definition (relu)',
    'layer: equals its definition (gelu)',
  ),
  fault(
    'the bias of the first expert forgotten',
    firstBiasForgotten,
    'permutation: permuting the experts permutes choices, and leaves outputs and losses',
    'layer: equals its definition (relu)',
  ),
  fault('experts serve the first token alone', firstComeOnly, 'permutation: permuting the tokens permutes the outputs'),
  fault(
    'the closed form with another ridge',
    { ridgeProjector: closedFormOff },
    'projectors: recursion, closed form and QR form are one',
  ),
  fault(
    'the recursion with another ridge',
    omoeWith((o) => (o.form === 'recursion' && o.alpha ? { ...o, alpha: 2 * o.alpha } : o)),
    'cycle: two and more cycles equal their definition',
  ),
  fault(
    'projectors a hundredth too large',
    { ridgeProjector: overProjector },
    'projectors: P is symmetric with spectrum in [0, 1]',
  ),
  fault(
    'the trace of what is taken out',
    { ridgeProjector: traceOfFactor },
    'projectors: at fixed α the trace never rises as columns are added',
  ),
  fault(
    'a ridge a million times too large',
    { buildProjectors: builtWith((o) => ({ ...o, alpha: o.alpha * 1e6 })) },
    'projectors: span leaves at most',
    'projectors: mean leaves at most',
  ),
  ...(['span', 'mean', 'hard'] as const).map((combine) =>
    fault(
      `${combine} takes everything`,
      { buildProjectors: takesEverything(combine) },
      'projectors: what is perpendicular to the columns of the others is left as it is',
    ),
  ),
  fault(
    'hard takes more directions than the energy asks for',
    { buildProjectors: builtWith((o) => ({ ...o, energy: o.energy < 1 ? (1 + o.energy) / 2 : 1 })) },
    'projectors: hard leaves at most',
  ),
  fault(
    'hard taken for span',
    { buildProjectors: builtWith((o) => (o.combine === 'hard' ? { ...o, combine: 'span' } : o)) },
    'projectors: hard leaves at most',
  ),
  fault(
    'mean taken for span',
    { buildProjectors: builtWith((o) => (o.combine === 'mean' ? { ...o, combine: 'span' } : o)) },
    'projectors: from three experts on, the span bound fails for mean',
  ),
  fault(
    'a sketch that says it lost all that there was',
    { buildProjectors: lossOverstated },
    'law 12: a sketch loses at most',
  ),
  fault(
    'a sketch that says it lost nothing',
    { buildProjectors: (...given) => theMethod.buildProjectors(...given).map((q) => ({ ...q, sketchError: 0 })) },
    'law 12: below the cap sketched projectors are the exact ones',
    'law 12: span on a sketch leaves at most',
  ),
  fault(
    'Nesterov momentum taken for plain momentum',
    { sgd: (options = {}) => theMethod.sgd({ ...options, nesterov: false }) },
    'optimizers: SGD, momentum and Nesterov equal their definition',
  ),
  fault(
    'AdamW without decay',
    { adamw: (options = {}) => theMethod.adamw({ ...options, weightDecay: 0 }) },
    'optimizers: AdamW equals its definition',
  ),
  fault(
    'clipped to twice the limit',
    { clipByGlobalNorm: (gradients, limit) => theMethod.clipByGlobalNorm(gradients, 2 * limit) },
    'optimizers: clipping equals its definition',
  ),
  fault(
    'the warm-up one step late',
    { learningRate: (step, schedule) => theMethod.learningRate(Math.max(0, step - 1), schedule) },
    'optimizers: the schedule equals its definition',
  ),
];
