import fc from 'fast-check';
import { array, at, type Real, type Shape, toFlat } from '../../spec/array.ts';
import { adamw } from '../../spec/method/adamw.ts';
import { sgd } from '../../spec/method/sgd.ts';
import { compound, gamma, smallestNormal, type Ulps, whereFinite } from '../../spec/rounding/model.ts';
import { type AdamWAttrs, adamwStep as adamwRecord } from '../../src/ops/adamw.ts';
import { type SgdAttrs, sgdStep as sgdRecord } from '../../src/ops/sgd.ts';
import { shapes } from '../arbitraries/shapes.ts';
import { type FloatType, reals } from '../arbitraries/values.ts';
import { call, type OperationCase } from './case.ts';

/** Steps of an optimizer: of one to three parameters at once. */

type Operands = readonly Real[];

/** The operands of every parameter, as inputs `θ0`, `g0`, `m0`, … in this order. */
const named = (kinds: readonly string[], parameters: readonly Operands[]): Record<string, Real> =>
  Object.fromEntries(parameters.flatMap((operands, i) => operands.map((x, kind) => [`${kinds[kind]}${i}`, x])));
const byParameter = (each: number, inputs: Readonly<Record<string, Real>>): Operands[] => {
  const list = Object.values(inputs);
  return Array.from({ length: list.length / each }, (_, i) => list.slice(each * i, each * (i + 1)));
};
const parametersOf = (draw: (shape: Shape) => fc.Arbitrary<Operands>): fc.Arbitrary<Operands[]> =>
  fc.array(shapes({ maxRank: 3 }).chain(draw), { minLength: 1, maxLength: 3 });

// AdamW

type Step = Omit<AdamWAttrs, 'time' | 'weightDecays'> & { readonly steps: number };

/** [Δ, m, v] by spec/method/adamw.ts. */
function adamwDefinition([theta, g, first, second]: Operands, weightDecay: number, step: Step): Real[] {
  const { steps, learningRate, ...options } = step;
  const optimizer = adamw({ ...options, weightDecay });
  const { state, update } = optimizer.step({ first, second, steps }, theta, g, learningRate);
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
function adamwBounds(operands: Operands, weightDecay: number, step: Step, u: number, ulps: Ulps): Real[] {
  const [theta, g, meanBefore, squareBefore] = operands;
  const [division, root] = [2 * ulps.divide * u, 2 * ulps.sqrt * u];
  const { beta1, beta2, epsilon, learningRate } = step;
  const [update, m, v] = adamwDefinition(operands, weightDecay, step);
  const lambda = smallestNormal(u);
  const [c1, c2] = [1 - beta1 ** (step.steps + 1), 1 - beta2 ** (step.steps + 1)];
  const meanError = (index: number[]): number =>
    gamma(3, u) * (Math.abs(beta1 * at(meanBefore, index)) + Math.abs((1 - beta1) * at(g, index))) + 3 * lambda;
  const squareError = (index: number[]): number =>
    gamma(4, u) * (Math.abs(beta2 * at(squareBefore, index)) + (1 - beta2) * at(g, index) ** 2);
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
      const decay = Math.abs(weightDecay * at(theta, index));
      return learningRate * (D + gamma(5, u) * (size / (c1 * sigma) + D + decay)) + 2 * lambda;
    }),
    whereFinite(m, meanError),
    whereFinite(v, (index) => squareError(index) + 4 * lambda),
  ];
}

const adamwOperands =
  (dtype: FloatType) =>
  (shape: Shape): fc.Arbitrary<Operands> => {
    const any = reals(shape, dtype);
    const positive = any.map((x) => array(toFlat(x).map(Math.abs), shape));
    return fc.tuple(any, any, any, positive);
  };

const adamwStep: OperationCase = {
  calls: (dtype) =>
    fc
      .record({
        parameters: parametersOf(adamwOperands(dtype)),
        decays: fc.array(fc.constantFrom(0, 0.01), { minLength: 3, maxLength: 3 }),
        step: fc.record<Step>({
          learningRate: fc.constantFrom(1e-3, 0.1),
          beta1: fc.constantFrom(0, 0.9),
          beta2: fc.constantFrom(0.99, 0.999),
          epsilon: fc.constantFrom(1e-8, 1e-3),
          steps: fc.constantFrom(0, 1, 20),
        }),
      })
      .map(({ parameters, decays, step }) => {
        const { steps, ...options } = step;
        const attrs = { ...options, weightDecays: decays.slice(0, parameters.length), time: steps + 1 };
        return call<Record<string, Real>>({
          attrs: JSON.stringify(attrs),
          inputs: named(['θ', 'g', 'm', 'v'], parameters),
          run: (t, inputs) => t.run(adamwRecord, Object.values(inputs), attrs),
          exact: (inputs) => byParameter(4, inputs).flatMap((x, i) => adamwDefinition(x, decays[i], step)),
          bound: (inputs, u, ulps) =>
            byParameter(4, inputs).flatMap((x, i) => adamwBounds(x, decays[i], step, u, ulps)),
        });
      }),
};

// Gradient descent

/** [Δ], with momentum [Δ, v], by spec/method/sgd.ts. */
function sgdDefinition([theta, g, velocity]: Operands, { learningRate, ...options }: SgdAttrs): Real[] {
  const { state, update } = sgd(options).step({ velocity: velocity ?? g }, theta, g, learningRate);
  return velocity ? [update, state.velocity] : [update];
}

/**
 * Every attribute is rounded once. What comes to the velocity v passes at most four roundings: of λθ the attribute, the product and
 * two sums, of μv and g fewer. The direction is that, or g + λθ + μv with Nesterov: three more, of μ, the product and the sum. Δ
 * adds two, of η and the product. Seven operations at most may each lose a smallest normal number, which η ≤ 1 and μ < 1 do not
 * enlarge.
 */
function sgdBounds([theta, g, velocity]: Operands, attrs: SgdAttrs, u: number): Real[] {
  const { learningRate, momentum, nesterov, weightDecay } = attrs;
  const lost = 8 * smallestNormal(u);
  // Without decay or momentum θ or v is not looked at, whatever it holds.
  const decayed = (index: number[]): number =>
    Math.abs(at(g, index)) + (weightDecay === 0 ? 0 : Math.abs(weightDecay * at(theta, index)));
  const moved = (index: number[]): number =>
    (momentum === 0 ? 0 : Math.abs(momentum * at(velocity, index))) + decayed(index);
  const direction = (index: number[]): number => (nesterov ? decayed(index) + momentum * moved(index) : moved(index));
  const [update, next] = sgdDefinition([theta, g, velocity], attrs);
  const updateBound = whereFinite(
    update,
    (index) => gamma(nesterov ? 9 : 6, u) * learningRate * direction(index) + lost,
  );
  return next ? [updateBound, whereFinite(next, (index) => gamma(4, u) * moved(index) + lost)] : [updateBound];
}

const sgdStep: OperationCase = {
  calls: (dtype) =>
    fc
      .record({
        learningRate: fc.constantFrom(1e-3, 0.1, 1),
        momentum: fc.constantFrom(0, 0.5, 0.9),
        nesterov: fc.boolean(),
        weightDecay: fc.constantFrom(0, 0.01),
      })
      .map((attrs) => ({ ...attrs, nesterov: attrs.nesterov && attrs.momentum > 0 }))
      .chain((attrs) => {
        const each = attrs.momentum === 0 ? 2 : 3;
        const operands = (shape: Shape) => fc.array(reals(shape, dtype), { minLength: each, maxLength: each });
        return parametersOf(operands).map((parameters) =>
          call<Record<string, Real>>({
            attrs: JSON.stringify(attrs),
            inputs: named(['θ', 'g', 'v'], parameters),
            run: (t, inputs) => t.run(sgdRecord, Object.values(inputs), attrs),
            exact: (inputs) => byParameter(each, inputs).flatMap((x) => sgdDefinition(x, attrs)),
            bound: (inputs, u) => byParameter(each, inputs).flatMap((x) => sgdBounds(x, attrs, u)),
          }),
        );
      }),
};

export const optimizerSteps = { adamwStep, sgdStep };
