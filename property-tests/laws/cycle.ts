import fc from 'fast-check';
import { fromFunction, type Real, toFlat } from '../../spec/array.ts';
import { adamw as adamwByDefinition } from '../../spec/method/adamw.ts';
import { norm } from '../../spec/method/linear-algebra.ts';
import { cyclePosition, type ExpertLinear, omoeStep, startExpertLinear } from '../../spec/method/omoe.ts';
import type { ProjectionReport } from '../../spec/method/omoe-report.ts';
import { withoutBiasRow } from '../../spec/method/project-update.ts';
import { type BaseOptimizer, sgd as sgdByDefinition } from '../../spec/method/sgd.ts';
import { gamma } from '../../spec/rounding/model.ts';
import {
  type BaseOptimizer as FastBase,
  type LinearReport,
  methodTable,
  type OmoeOptions,
  omoeDefaults,
} from '../../src/optim/index.ts';
import { randomRotation } from '../../src/optim/projector/index.ts';
import { foldIn, type Key, key as keyOf } from '../../src/random.ts';
import { drawnOptions } from '../arbitraries/columns.ts';
import { projectorError } from '../kit/cycle-error.ts';
import { expertMatrix, expertStep, type GivenCycle, givenCycles, runCycle } from '../kit/given-cycle.ts';
import { type Claims, claim, claimEqual, law, type Method, type MethodLaw, precisionOf } from '../kit/method.ts';
import type { Precision } from '../kit/method-bounds.ts';
import { applyRounding } from './update.ts';

/** Law 10 for the optimizer: two and three whole cycles against spec/method/omoe.ts. u is the unit roundoff of the engine. */

const decay = 0.25;
const learningRate = 0.125;

/** ε of AdamW: large, so that an error of the gradient is not blown up where a projected gradient is nearly 0. */
const epsilon = 2 ** -4;

interface Base {
  readonly name: 'sgd' | 'momentum' | 'nesterov' | 'adamw';
  readonly definition: BaseOptimizer<unknown>;
  fast(method: Method): FastBase<unknown>;
}
const sgdBase = (name: Base['name'], momentum: number, nesterov: boolean): Base => ({
  name,
  definition: sgdByDefinition({ momentum, nesterov, weightDecay: decay }) as BaseOptimizer<unknown>,
  fast: ({ sgd }) => sgd({ momentum, nesterov, weightDecay: decay }) as FastBase<unknown>,
});
const bases: readonly Base[] = [
  sgdBase('sgd', 0, false),
  sgdBase('momentum', 0.5, false),
  sgdBase('nesterov', 0.5, true),
  {
    name: 'adamw',
    definition: adamwByDefinition({ epsilon, weightDecay: decay }) as BaseOptimizer<unknown>,
    fast: ({ adamw }) => adamw({ epsilon, weightDecay: decay }) as FastBase<unknown>,
  },
];

/** Every switch but `layers` and a sketch that is full (law 12); of the forms the one that the projectors take and that of the source. */
const switches = () =>
  fc
    .record({
      form: fc.constantFrom<OmoeOptions['form']>('qr', 'qr', 'recursion'),
      side: fc.constantFrom<OmoeOptions['side']>('input', 'output', 'update'),
      project: fc.constantFrom<OmoeOptions['project']>('update', 'gradient'),
      bias: fc.constantFrom<OmoeOptions['bias']>('augment', 'freeze', 'free'),
      columns: fc.constantFrom<OmoeOptions['columns']>('others', 'own', 'shared'),
      control: fc.constantFrom<OmoeOptions['control']>('none', 'none', 'rotated', 'norm-matched'),
      layers: fc.constant<OmoeOptions['layers']>('both'),
      forgetting: fc.constantFrom(1, 0.75),
      accumulateSteps: fc.constantFrom(1, 2),
      orthogonalSteps: fc.constantFrom(1, 2),
      alpha: fc.constantFrom(1e-3, 1e-1),
    })
    // The recursion cannot forget.
    .map((drawn) => (drawn.forgetting < 1 ? { ...drawn, form: 'qr' as const } : drawn))
    .chain(drawnOptions);

/** The methods as they are named, with short phases: `omoe-paper` more often, as no other takes its projectors by recursion. */
const named = () => {
  const optionsOf = (id: string): OmoeOptions => ({
    ...{ ...omoeDefaults, accumulateSteps: 2, orthogonalSteps: 1 },
    ...methodTable.find((method) => method.id === id)?.options,
  });
  const others = methodTable.filter(({ options }) => options !== null).map(({ id }) => optionsOf(id));
  return fc.oneof(fc.constant(optionsOf('omoe-paper')), fc.constantFrom(...others));
};

const methods = () => fc.oneof({ weight: 2, arbitrary: switches() }, { weight: 1, arbitrary: named() });

/** What is known of the distance of the two computations, for one expert. */
interface Distance {
  /** ‖M̂ − M‖_F */
  matrix: number;
  /** ‖v̂ − v‖_F of the momentum */
  velocity: number;
  /** The largest ‖ĝ − g‖_F and ‖g‖_F of the gradients that entered the base optimizer. */
  gradient: number;
  largest: number;
}

/**
 * The base optimizer's update, when its gradient g is off by dg and its matrix by d.matrix.
 * SGD: g + λM is off by dg + λ·d.matrix, v by μ times what it was and that; the update by η(1 + μ) times it.
 * AdamW: m̂ and √v̂ are weighted means and norms of gradients, off by at most the largest dg; with r = |m̂|/(√v̂ + ε) < 2 (β as
 * they are, up to 12 steps: r² ≤ Σ w²/w' ≤ 0.14·12, w and w' the weights in m̂ and v̂) the quotient is off by (1 + r)dg/ε ≤ 3dg/ε.
 * Each adds its own roundings, of numbers no larger than the sums of the absolute values; AdamW's three divisions and its root
 * are off by what the backend grants them.
 */
function baseError(
  base: Base,
  d: Distance,
  dg: number,
  g: number,
  size: number,
  steps: number,
  { u, ulps }: Precision,
): number {
  d.gradient = Math.max(d.gradient, dg);
  d.largest = Math.max(d.largest, g);
  const rounding = gamma(6 * steps + 8 + 6 * ulps.divide + 2 * ulps.sqrt, u);
  if (base.name === 'adamw')
    return learningRate * ((3 * (d.gradient + rounding * d.largest)) / epsilon + decay * (d.matrix + rounding * size));
  const momentum = base.name === 'sgd' ? 0 : 0.5;
  // ‖v‖ ≤ Σ μᵏ(‖g‖ + λ‖M‖) ≤ 2(largest ‖g‖ + λ‖M‖)
  const magnitude = 2 * (d.largest + decay * size);
  d.velocity = momentum * d.velocity + dg + decay * d.matrix + rounding * magnitude;
  return learningRate * (1 + momentum) * (d.velocity + dg + decay * d.matrix) + rounding * learningRate * 2 * magnitude;
}

/**
 * Projection and renorm of D, off by dD, with Q off by q: Q̂D̂ is off by dP = q‖D‖ + dD and the rounding of its application.
 * Renorm by c = ‖D‖/‖QD‖: c·dP, and the change of c times ‖QD‖, which is dD + c·dP at most; at the limit less.
 * Norm-matched: kept·D, kept ≤ 1 off by (dP + dD)/‖D‖.
 */
function protectError(
  q: number,
  D: number,
  dD: number,
  factor: number,
  options: OmoeOptions,
  { n, u }: { n: number; u: number },
): number {
  const dP = (q + applyRounding(n, u)) * D + dD;
  if (options.control === 'norm-matched') return dP + 2 * dD + gamma(8 * n * n, u) * D;
  return options.renorm ? 2 * factor * dP + dD + gamma(8 * n * n, u) * D : dP;
}

interface Checked {
  readonly cycle: GivenCycle;
  readonly options: OmoeOptions;
  readonly base: Base;
}

/** The rotation that `buildProjectors` draws, so that both sides turn Q alike. */
const rotationFor = (key: Key, cycle: number) => (size: number, expert: number) => {
  const m = randomRotation(size, foldIn(foldIn(foldIn(key, 'moe.fc1'), cycle), expert));
  return fromFunction([size, size], ([i, j]) => m.data[i * size + j]);
};

const wholeCycle = law(
  'cycle: two and more cycles equal their definition',
  fc.record({ cycle: givenCycles(7), options: methods(), base: fc.constantFrom(...bases) }),
  async (subject, { cycle, options, base }: Checked, claims) => {
    // On the update side src draws random directions instead of turning the given ones: alike in law, not in numbers.
    if (options.side === 'update' && options.control === 'rotated') return;
    const key = keyOf(5);
    const precision = precisionOf(subject);
    const { u } = precision;
    const fast = await runCycle(subject, cycle, base.fast(subject.method), options, learningRate, key);
    const starts = Array.from({ length: cycle.experts }, (_, e) => expertMatrix(cycle.start, e));
    let exact: ExpertLinear<unknown> = startExpertLinear(starts, base.definition, options);
    const distances = starts.map((): Distance => ({ matrix: 0, velocity: 0, gradient: 0, largest: 0 }));
    const length = options.accumulateSteps + options.orthogonalSteps;

    for (let s = 0; s < cycle.steps.length; s++) {
      const given = { ...expertStep(cycle, s, learningRate), rotation: rotationFor(key, Math.floor(s / length)) };
      const result = omoeStep(exact, base.definition, options, given);
      const orthogonal = cyclePosition(s, options).phase === 'orthogonal' && result.reports !== null;
      for (let i = 0; i < cycle.experts; i++) {
        const before = { ...exact, errors: distances.map((d) => d.matrix) };
        const report = result.reports?.[i];
        // A single expert without others is left alone: nothing is projected.
        const projected = orthogonal && !(cycle.experts === 1 && options.columns === 'others');
        const q = projected ? projectorError(before, i, options, u) : 0;
        // Whether an update vanished, ‖QΔ‖ ≤ 1e-6 ‖Δ‖, is rounding's to say where it is about that.
        const keptOff = 5e-7 + q + applyRounding(Math.max(...exact.matrices[i].shape), u);
        const near = report && Math.abs(report.normKept - 1e-6) < keptOff;
        if (projected && !claims.decidable('updates', q <= 1e-2 && !near)) return;
        const error = stepError({ exact, base, options, distances, given, q, report, i, s, projected, precision });
        const what = `${base.name}, step ${s}, expert ${i}`;
        const update = fast[s].updates[i];
        claims.claimWithin(
          update.data,
          toFlat(result.updates[i]),
          error,
          `${what}: update`,
          projected ? 'updates' : 'base updates',
        );
        // Leakage is of W alone where the bias takes no part.
        const apart = options.side === 'input' && options.bias !== 'augment';
        const part = apart ? withoutBiasRow(result.updates[i]).weight : result.updates[i];
        if (projected)
          compareReports(fast[s], result.reports!, i, options, { q, error, size: norm(part), u }, what, claims);
        distances[i].matrix += error + 2 * u * norm(result.linear.matrices[i]);
      }
      exact = result.linear;
    }
  },
  0.25,
);

interface StepFacts {
  readonly exact: ExpertLinear<unknown>;
  readonly base: Base;
  readonly options: OmoeOptions;
  readonly distances: readonly Distance[];
  readonly given: { readonly gradients: readonly Real[] };
  readonly q: number;
  readonly report: { readonly renormFactor: number; readonly normKept: number } | undefined;
  readonly i: number;
  readonly s: number;
  readonly projected: boolean;
  readonly precision: Precision;
}

/** ‖Δ̂ − Δ‖_F of what is applied to expert i. */
function stepError(facts: StepFacts): number {
  const { exact, base, options, distances, given, q, report, i, s, projected, precision } = facts;
  const { u } = precision;
  const g = norm(given.gradients[i]);
  const M = norm(exact.matrices[i]);
  const n = Math.max(...exact.matrices[i].shape, options.side === 'update' ? toFlat(exact.matrices[i]).length : 0);
  const factor = report?.renormFactor ?? 1;
  if (!projected) return baseError(base, distances[i], 0, g, M, s + 1, precision);
  if (options.project === 'gradient') {
    const dg = protectError(q, g, 0, factor, options, { n, u });
    return baseError(base, distances[i], dg, factor * g, M, s + 1, precision);
  }
  const wanted = base.definition.step(exact.optimizer[i], exact.matrices[i], given.gradients[i], learningRate).update;
  const dD = baseError(base, distances[i], 0, g, M, s + 1, precision);
  return protectError(q, norm(wanted), dD, factor, options, { n, u });
}

/**
 * Traces differ by q at most, leakage by what the update is off relative to its length: e/‖Δ‖ = ε moves Δ/‖Δ‖ by
 * 2ε/(1 − ε). With c‖QD‖ ≤ ‖D‖, 2ε is at least a + b, a = dP/‖QD‖ and b = dD/‖D‖: the quotient ‖QD‖/‖D‖ is off relatively by
 * (1 + a)/(1 − b) − 1 ≤ 2ε/(1 − 2ε), and so is its reciprocal, the renorm factor. All are under 3ε where ε ≤ 1/8.
 */
function compareReports(
  { reports: [report] }: { readonly reports: readonly LinearReport[] },
  exact: readonly ProjectionReport[],
  i: number,
  { project, control }: OmoeOptions,
  { q, error, size, u }: { readonly q: number; readonly error: number; readonly size: number; readonly u: number },
  what: string,
  { claimWithin, decidable }: Claims,
): void {
  claimWithin([report.trace[i]], [exact[i].trace], q + gamma(100, u), `${what}: trace`, 'trace');
  const { leakage, normKept, renormFactor, vanished } = exact[i];
  claimEqual([Number(report.vanished[i])], [Number(vanished)], `${what}: vanished`);
  if (!decidable('reports', 8 * error <= size)) return;
  const relative = (3 * error) / size + gamma(100, u);
  // Null says that there is nothing to measure; it must not stand for a measure that is there.
  if (normKept > 1e-6)
    claim(leakage === null || report.leakage[i] !== null, () => `${what}: leakage is null, but should be ${leakage}`);
  if (leakage !== null && report.leakage[i] !== null)
    claimWithin([report.leakage[i]], [leakage], relative, `${what}: leakage`, 'leakage');
  if (project !== 'update' || control === 'norm-matched') return;
  claimWithin([report.normKept[i]], [normKept], relative * normKept, `${what}: norm kept`, 'norm kept');
  claimWithin(
    [report.renormFactor[i]],
    [renormFactor],
    relative * renormFactor,
    `${what}: renorm factor`,
    'renorm factor',
  );
}

export const cycleLaws: readonly MethodLaw[] = [wholeCycle];
