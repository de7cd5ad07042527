import fc from 'fast-check';
import { fromFunction, type Real, sizeOf, toFlat } from '../../spec/array.ts';
import { adamw as adamwByDefinition } from '../../spec/method/adamw.ts';
import { clipByGlobalNorm as clipByDefinition, globalNorm } from '../../spec/method/clip.ts';
import { learningRate as rateByDefinition } from '../../spec/method/schedule.ts';
import { type BaseOptimizer, sgd as sgdByDefinition } from '../../spec/method/sgd.ts';
import { compound, gamma } from '../../spec/rounding/model.ts';
import type { BaseOptimizer as FastBase } from '../../src/optim/index.ts';
import { eighths, upload } from '../arbitraries/experts.ts';
import { type Claims, law, type MethodLaw, type MethodSubject, precisionOf } from '../kit/method.ts';
import { type Precision, reference } from '../kit/method-bounds.ts';

/** The base optimizers, clipping and the schedule against their definitions (law 10). */

/** Eighths between −2 and 2, none of them 0: AdamW divides by √v̂, which is then never below 1/8. */
const gradientsOf = (shape: readonly number[]): fc.Arbitrary<Real> =>
  eighths(shape).map((a) => fromFunction(a.shape, (index) => a.get(...index) || 0.125));
const largest = 2;

const histories = fc
  .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 6 }))
  .chain(([rows, cols, steps]) =>
    fc.record({
      parameter: eighths([rows, cols]),
      gradients: fc.array(gradientsOf([rows, cols]), { minLength: steps, maxLength: steps }),
      decay: fc.constantFrom(0, 0.25),
      learningRate: fc.constantFrom(0.125, 1e-3),
    }),
  );

type History = typeof histories extends fc.Arbitrary<infer T> ? T : never;

/** The update of every step, at one parameter: so that only the optimizer's own state carries rounding along. */
async function compare(
  { t }: MethodSubject,
  { claimWithin }: Claims,
  { parameter, gradients, learningRate }: History,
  fast: FastBase<unknown>,
  exact: BaseOptimizer<unknown>,
  bound: (step: number) => number,
): Promise<void> {
  const parameters = new Map([['w', upload(t, parameter)]]);
  let [state, definition] = [fast.initial(parameters), exact.initial(parameter.shape)];
  for (const [s, gradient] of gradients.entries()) {
    const given = { parameters, gradients: new Map([['w', upload(t, gradient)]]), learningRate };
    const result = fast.step({ ...given, state });
    const wanted = exact.step(definition, parameter, gradient, learningRate);
    claimWithin(await result.updates.get('w')!.data(), toFlat(wanted.update), bound(s + 1), `update of step ${s}`);
    [state, definition] = [result.state, wanted.state];
  }
}

/**
 * v sums up at most 2(|g| + λ|θ|), each term with four roundings a step; Nesterov and −η add six, for numbers up to (1 + μ)
 * as large; on both sides, hence u and 2⁻⁵³.
 */
const sgdLaw = law(
  'optimizers: SGD, momentum and Nesterov equal their definition',
  fc.tuple(histories, fc.constantFrom([0, false] as const, [0.5, false] as const, [0.5, true] as const)),
  async (subject, [history, [momentum, nesterov]], claims) => {
    const { u } = precisionOf(subject);
    const { decay, learningRate } = history;
    const options = { momentum, nesterov, weightDecay: decay };
    const magnitude = learningRate * (1 + momentum) * 2 * (largest + decay * largest);
    await compare(
      subject,
      claims,
      history,
      subject.method.sgd(options) as FastBase<unknown>,
      sgdByDefinition(options) as BaseOptimizer<unknown>,
      (t) => (gamma(4 * t + 6, u) + gamma(4 * t + 6, 2 ** -53)) * magnitude,
    );
  },
);

/**
 * m̂ is a weighted mean of gradients, off by γ_{4t+8}·2 (their largest); v̂ one of squares, all positive, so off by γ_{4t+8} of
 * itself, its root too; √v̂ + ε ≥ 1/8, and |m̂|/(√v̂ + ε) < 2 (see laws/cycle.ts). Three divisions are off by δ and the root by
 * ρ, which γ_{4t+12} does not hold: r = (1 + γ_{4t+12})(1 + δ)³(1 + ρ) − 1. The quotient is off by r(2·8 + 2), decay adds
 * γ_8 λ|θ|, and η multiplies.
 */
const adamwLaw = law(
  'optimizers: AdamW equals its definition',
  fc.tuple(histories, fc.constantFrom(1e-8, 2 ** -4)),
  async (subject, [history, epsilon], claims) => {
    const { decay, learningRate } = history;
    const options = { epsilon, weightDecay: decay };
    const off = (t: number, { u, ulps }: Precision) => {
      const [division, root] = [2 * ulps.divide * u, 2 * ulps.sqrt * u];
      const quotient = compound(gamma(4 * t + 12, u), division, division, division, root);
      return quotient * (8 * largest + 2) + gamma(8, u) * decay * largest;
    };
    await compare(
      subject,
      claims,
      history,
      subject.method.adamw(options) as FastBase<unknown>,
      adamwByDefinition(options) as BaseOptimizer<unknown>,
      (t) => learningRate * (off(t, precisionOf(subject)) + off(t, reference)),
    );
  },
);

/**
 * ‖g‖: N positive squares, γ_{N+1} in all, halved by the root, which adds ρ; g · limit/‖g‖: the division δ and two products.
 * Where ‖g‖ is nearly the limit the factor is 1 or nearly so, whichever side decides: (1 + γ_{N+4})(1 + δ)(1 + ρ) covers it.
 */
const clipLaw = law(
  'optimizers: clipping equals its definition',
  fc
    .array(fc.tuple(fc.nat(3), fc.nat(3)).chain(eighths), { minLength: 1, maxLength: 4 })
    .chain((gradients) => fc.record({ gradients: fc.constant(gradients), limit: fc.constantFrom(0.1, 1, 3, 100) })),
  async (subject, { gradients, limit }, { claimWithin }) => {
    const given = new Map(gradients.map((g, i) => [`g${i}`, upload(subject.t, g)]));
    const clipped = subject.method.clipByGlobalNorm(given, limit);
    const N = gradients.reduce((sum, g) => sum + sizeOf(g.shape), 0);
    const off = ({ u, ulps }: Precision) => compound(gamma(N + 4, u), 2 * ulps.divide * u, 2 * ulps.sqrt * u);
    const relative = off(precisionOf(subject)) + off(reference);
    const length = globalNorm(gradients);
    claimWithin([await clipped.norm.item()], [length], relative * length, '‖g‖');
    const wanted = clipByDefinition(gradients, limit);
    for (const [i, exact] of wanted.entries()) {
      const values = toFlat(exact);
      const bounds = values.map((x) => relative * Math.abs(x));
      claimWithin(await clipped.gradients.get(`g${i}`)!.data(), values, bounds, `gradient ${i}`);
    }
  },
);

/** The same formula in Float64 on both sides, ten roundings at most each, and values up to the larger of peak and floor. */
const scheduleLaw = law(
  'optimizers: the schedule equals its definition, and stays between floor and peak',
  fc.record({
    step: fc.nat(120),
    warmup: fc.nat(20),
    rest: fc.nat(80),
    peak: fc.constantFrom(1, 5e-4),
    floor: fc.constantFrom(0, 1e-5),
    decay: fc.constantFrom<'cosine' | 'linear' | 'constant'>('cosine', 'linear', 'constant'),
  }),
  (subject, { step, rest, ...drawn }, { claimWithin }) => {
    const schedule = { ...drawn, total: drawn.warmup + rest };
    const rate = subject.method.learningRate(step, schedule);
    const slack = 2 * gamma(10, 2 ** -53) * schedule.peak;
    claimWithin([rate], [rateByDefinition(step, schedule)], slack, 'learning rate');
    const least = step < schedule.warmup ? 0 : schedule.floor;
    claimWithin([Math.min(Math.max(rate, least), schedule.peak)], [rate], slack, 'within its range');
  },
);

export const optimizerLaws: readonly MethodLaw[] = [sgdLaw, adamwLaw, clipLaw, scheduleLaw];
