import fc from 'fast-check';
import { array, at, fromFunction, type Real, type Shape, toFlat } from '../../spec/array.ts';
import { adamw } from '../../spec/method/adamw.ts';
import * as ops from '../../spec/ops/index.ts';
import { compound, gamma, smallestNormal, type Ulps, whereFinite } from '../../spec/rounding/model.ts';
import { type AdamWAttrs, adamwStep as adamwRecord } from '../../src/ops/adamw.ts';
import { key } from '../../src/random.ts';
import { shapes } from '../arbitraries/shapes.ts';
import { between, type FloatType, halves, reals, realsOf } from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';

/** Operations of a training step: AdamW's update and dropout. */

interface Moments {
  readonly theta: Real;
  readonly gradient: Real;
  readonly first: Real;
  readonly second: Real;
}
type Step = Omit<AdamWAttrs, 'time'> & { readonly steps: number };

/** [Δ, m, v] by spec/method/adamw.ts. */
function definition({ theta, gradient, first, second }: Moments, { steps, learningRate, ...options }: Step): Real[] {
  const { state, update } = adamw(options).step({ first, second, steps }, theta, gradient, learningRate);
  return [update, state.first, state.second];
}

/**
 * The bounds, element by element; every attribute is rounded to the working precision once, λ is the smallest normal number,
 * δ and ρ are the relative errors of a division and of a root.
 *   m: each of β₁m, (1 − β₁)g passes three roundings (attribute, product, sum): M = γ₃(|β₁m| + |(1 − β₁)g|) + 3λ.
 *   v: four, as g² is one more: V = γ₄(|β₂v| + (1 − β₂)g²), and 4λ lost.
 *   σ = √(v/c₂) + ε, c₂ = 1 − β₂ᵗ: under the root V/v, the rounding of c₂ and the division, which a root does not enlarge; the
 *   root itself; ε and the sum: relative r = (1 + V/v)(1 + γ₃)(1 + δ)(1 + ρ) − 1, plus what the root makes of the 4λ, √(4λ/c₂)/σ.
 *   d = (m/c₁)/σ, with c₁ rounded and two divisions: |d̂ − d| ≤ D = ((|m| + M)(1 + γ₁)(1 + δ)²/(1 − r) − |m|)/(c₁σ).
 *   Δ = −η(d + λ_w θ): the decay two roundings and the sum one, η and the product two: η(D + γ₅(|d| + D + |λ_w θ|)) + 2λ.
 */
function bounds(inputs: Moments, of: Step, u: number, ulps: Ulps): Real[] {
  const [division, root] = [2 * ulps.divide * u, 2 * ulps.sqrt * u];
  const { beta1, beta2, epsilon, weightDecay, learningRate } = of;
  const [update, m, v] = definition(inputs, of);
  const lambda = smallestNormal(u);
  const [c1, c2] = [1 - beta1 ** (of.steps + 1), 1 - beta2 ** (of.steps + 1)];
  const meanError = (index: number[]): number =>
    gamma(3, u) * (Math.abs(beta1 * at(inputs.first, index)) + Math.abs((1 - beta1) * at(inputs.gradient, index))) +
    3 * lambda;
  const squareError = (index: number[]): number =>
    gamma(4, u) * (Math.abs(beta2 * at(inputs.second, index)) + (1 - beta2) * at(inputs.gradient, index) ** 2);
  return [
    whereFinite(update, (index) => {
      const square = at(v, index);
      const sigma = Math.sqrt(square / c2) + epsilon;
      const r =
        compound(square === 0 ? 0 : squareError(index) / square, gamma(3, u), division, root) +
        Math.sqrt((4 * lambda) / c2) / sigma;
      if (!(r < 1)) return Infinity;
      const size = Math.abs(at(m, index));
      const divided = 1 + compound(gamma(1, u), division, division);
      const D = (((size + meanError(index)) * divided) / (1 - r) - size) / (c1 * sigma);
      const decay = Math.abs(weightDecay * at(inputs.theta, index));
      return learningRate * (D + gamma(5, u) * (size / (c1 * sigma) + D + decay)) + 2 * lambda;
    }),
    whereFinite(m, meanError),
    whereFinite(v, (index) => squareError(index) + 4 * lambda),
  ];
}

const adamwStep: OperationCase = {
  calls: (dtype) =>
    shapes({ maxRank: 3 }).chain((shape) =>
      fc
        .record({
          theta: reals(shape, dtype),
          gradient: reals(shape, dtype),
          first: reals(shape, dtype),
          second: reals(shape, dtype).map((x) => array(toFlat(x).map(Math.abs), shape)),
          of: fc.record<Step>({
            learningRate: fc.constantFrom(1e-3, 0.1),
            beta1: fc.constantFrom(0, 0.9),
            beta2: fc.constantFrom(0.99, 0.999),
            epsilon: fc.constantFrom(1e-8, 1e-3),
            weightDecay: fc.constantFrom(0, 0.01),
            steps: fc.constantFrom(0, 1, 20),
          }),
        })
        .map(({ of, ...inputs }) => {
          const { steps, ...options } = of;
          return call<{ theta: Real; gradient: Real; first: Real; second: Real }>({
            attrs: JSON.stringify({ ...options, time: steps + 1 }),
            inputs,
            run: (t, { theta, gradient, first, second }) =>
              t.run(adamwRecord, [theta, gradient, first, second], { ...options, time: steps + 1 }),
            exact: (x) => definition(x, of),
            bound: (x, u, ulps) => bounds(x, of, u, ulps),
          });
        }),
    ),
};

/** x/(1 − rate) as a product with the rounded reciprocal: three roundings. */
const dropoutCalls = (values: (shape: Shape) => fc.Arbitrary<Real>): fc.Arbitrary<Call> =>
  fc
    .tuple(shapes({ maxRank: 3 }).chain(values), fc.constantFrom(0, 0.1, 0.5, 0.9), fc.nat(2 ** 31))
    .map(([x, rate, seed]) =>
      call({
        attrs: `rate ${rate}, key(${seed})`,
        inputs: { x },
        run: (t, { x }) => [t.dropout(x, rate, key(seed))],
        exact: ({ x }) => [ops.dropout(x, rate, key(seed))],
        bound: ({ x }, u) => [
          fromFunction(x.shape, (index) => gamma(3, u) * Math.abs(at(x, index) / (1 - rate)) + smallestNormal(u)),
        ],
      }),
    );

const dropout: OperationCase = {
  calls: (dtype: FloatType) => dropoutCalls((shape) => reals(shape, dtype)),
  gradients: {
    calls: dropoutCalls((shape) => realsOf(shape, fc.oneof(halves(), between('float64', -3, 3)))),
    inputs: ['x'],
    smooth: true,
  },
};

export const training = { adamwStep, dropout };
