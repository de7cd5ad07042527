import { type Any, array, type Real, toFlat } from '../../spec/array.ts';
import { centralDifference, centralDifferenceError } from '../../spec/gradients.ts';
import { gamma, REFERENCE_ULPS, UNIT_ROUNDOFF } from '../../spec/rounding/model.ts';
import type { Engine } from '../../src/engine.ts';
import { composites } from '../../src/ops/index.ts';
import { isFloat } from '../../src/shape.ts';
import type { Tensor } from '../../src/tensor.ts';
import { contiguous } from '../arbitraries/layouts.ts';
import { describeInputs, specMismatch, worstElement } from '../kit/compare.ts';
import { holds, type Settings } from '../kit/settings.ts';
import type { Call, Gradients, OperationCase } from '../operations/case.ts';
import type { OperationName } from '../operations/index.ts';
import { Counterexample, forEachOperation, type Law, mapInputs } from './law.ts';

/**
 * Law 9: a gradient three ways, in Float64. What the operation states (its vjp), what its composition gives, and
 * the central difference of its *definition*; second derivatives by nesting.
 *
 * What is differentiated is f = Σ cᵢ yᵢ over all float outputs y of the call, with fixed weights c of both signs.
 */

const u = UNIT_ROUNDOFF.float64;
/** The step of spec/gradients.ts, for inputs of size up to 1; its steps are at most 4 times longer at |x| ≤ 4. */
const step = Math.cbrt(u);

const weight = (flat: number): number => Math.sin(flat + 1);
const weightsLike = (y: Tensor): Tensor =>
  y.engine.tensor(
    Float64Array.from({ length: y.size }, (_, i) => weight(i)),
    y.shape,
    'float64',
  );

export const weightedSum = (outputs: readonly Tensor[]): Tensor =>
  outputs
    .filter((y) => isFloat(y.dtype))
    .map((y) => y.multiply(weightsLike(y)).sum())
    .reduce((sum, part) => sum.add(part));

const isReal = (y: Any): y is Real => y.data instanceof Float64Array;
const sumOver = (y: Real, f: (value: number, flat: number) => number): number =>
  toFlat(y).reduce((sum, value, flat) => sum + f(value, flat), 0);

/** The inputs of a call by name, those to differentiate among them replaced. */
const names = (call: Call, gradients: Gradients): string[] =>
  gradients.inputs.filter((name) => call.inputs[name] !== undefined);
const withReals = (call: Call, at: readonly string[], values: readonly Real[]) => ({
  ...call.inputs,
  ...Object.fromEntries(at.map((name, i) => [name, values[i]])),
});

/** By the definition. */
const scalarBySpec =
  (call: Call, at: readonly string[]) =>
  (...values: Real[]) =>
    call
      .exact(withReals(call, at, values))
      .reduce((sum, y) => sum + (isReal(y) ? sumOver(y, (v, i) => weight(i) * v) : 0), 0);

/**
 * The rounding ρ of one computed f: each yᵢ is off by its forward bound, and n products and sums follow, γ_{n+1} Σ|cᵢyᵢ|.
 * The central difference computes f at up to 2h from x, with h up to 4 steps: the bound is taken at x and at x ± 8 steps in all
 * elements, and doubled for what lies between. Where x = 0 makes f vanish, this keeps the terms that appear beside it.
 */
function roundingOf(call: Call, at: readonly string[]): number {
  const shifts = [0, 8 * step, -8 * step].map((shift) => {
    const moved = at.map((name) => {
      const x = call.inputs[name];
      return array(
        toFlat(x).map((value) => value + shift),
        x.shape,
      );
    });
    const inputs = withReals(call, at, moved);
    const bounds = call.bound?.(inputs, u, REFERENCE_ULPS) ?? [];
    return call.exact(inputs).reduce((sum, y, o) => {
      if (!isReal(y)) return sum;
      const bound = bounds[o];
      const forward = bound ? sumOver(bound, (b, i) => Math.abs(weight(i)) * b) : 0;
      return sum + forward + gamma(y.size + 1, u) * sumOver(y, (v, i) => Math.abs(weight(i) * v));
    }, 0);
  });
  return 2 * Math.max(...shifts);
}

/** Gradients on the engine, of the inputs named. */
export function gradientsOf(t: Engine, call: Call, at: readonly string[], inputs: Readonly<Record<string, Tensor>>) {
  const parameters = Object.fromEntries(at.map((name) => [name, inputs[name]]));
  return t.grad((watched: Record<string, Tensor>) => weightedSum(call.run(t, { ...inputs, ...watched })))(parameters);
}

async function requireClose(
  what: string,
  of: Call,
  inputs: Readonly<Record<string, Tensor>>,
  computed: Tensor,
  exact: Real,
  bound: Real,
): Promise<number> {
  const wrongSpec = specMismatch(computed, exact, 'float64');
  const { ratio, message } = wrongSpec
    ? { ratio: 0, message: wrongSpec }
    : worstElement(await computed.data(), exact, bound);
  if (message) throw new Counterexample(`${what} (${of.attrs}): ${message}\n${await describeInputs(inputs)}`);
  return ratio;
}

type Body = (t: Engine, call: Call, at: readonly string[], inputs: Readonly<Record<string, Tensor>>) => Promise<number>;

/** A law about drawn gradients: in Float64, on engines that hold it. */
const gradientLaw = (
  name: string,
  column: string,
  options: { readonly vjp: boolean },
  body: (operation: OperationName) => Body,
  speaksOf: (of: OperationCase) => boolean,
): Law[] =>
  forEachOperation(
    name,
    async (operation, { gradients }, subject, settings: Settings) => {
      const t = await subject.engine({ dtype: 'float64', ...options });
      const check = body(operation);
      await holds(`${name}: ${operation}`, settings, gradients!.calls, async (call) => {
        const at = names(call, gradients!);
        const inputs = mapInputs(call.inputs, (x) => contiguous(t, x));
        const used = await check(t, call, at, inputs);
        settings.usage?.note(column, operation, used);
      });
    },
    speaksOf,
  );

const composite = ({ operation }: Law): boolean => operation !== undefined && operation in composites;
const differentiable = (of: OperationCase): boolean => of.gradients !== undefined;

/**
 * The difference is off by what spec/gradients.ts derives from ρ. The gradient itself rounds a few dozen times terms that are
 * at most 1/h ≈ 2·10⁵ times those of f at these inputs, far within the same ρ/h.
 */
const againstDifference =
  (what: string) =>
  (operation: OperationName): Body =>
  async (t, call, at, inputs) => {
    const f = scalarBySpec(call, at);
    const values = at.map((name) => call.inputs[name] as Real);
    const exact = centralDifference(f, values);
    const count = values.reduce((sum, x) => sum + x.size, 0);
    const error = centralDifferenceError(f, values, { roundings: count + 1, noise: roundingOf(call, at) });
    const computed = gradientsOf(t, call, at, inputs);
    const used = await Promise.all(
      at.map((name, i) =>
        requireClose(`${what} of ${operation} to ${name}`, call, inputs, computed[name], exact[i], error[i]),
      ),
    );
    return Math.max(0, ...used);
  };

export const gradientEqualsDifference = gradientLaw(
  'law 9, gradient equals the central difference',
  'gradient',
  { vjp: true },
  againstDifference('gradient'),
  differentiable,
);

export const composedGradientEqualsDifference = gradientLaw(
  'law 9, gradient of the composition equals the central difference',
  'composed gradient',
  { vjp: false },
  againstDifference('gradient of the composition'),
  differentiable,
).filter(composite);

/** Roundings of one element of a first derivative, coarsely: a few dozen operations on sums of a few dozen terms. */
const gradientRoundings = 256;

/**
 * Second derivatives by nesting: with fixed directions d, ∇(d·∇f) = H d, and H d is also the derivative of ∇f along d:
 * (∇f(x + hd) − ∇f(x − hd))/2h. Its error is |D(2h) − D(h)| for the truncation, and 3ρ/h for rounding with
 * ρ = γ_256 (1 + max|∇f|), as in spec/gradients.ts; the first derivatives have been held to the definition before.
 */
const secondDerivative =
  (operation: OperationName): Body =>
  async (t, call, at, inputs) => {
    const direction = (x: Tensor, place: number): Tensor =>
      t.tensor(
        Float64Array.from({ length: x.size }, (_, i) => Math.cos(i + place + 1)),
        x.shape,
        'float64',
      );
    const directions = at.map((name, i) => direction(inputs[name], i));
    const product = t.grad((watched: Record<string, Tensor>) => {
      const gradients = gradientsOf(t, call, at, { ...inputs, ...watched });
      return at
        .map((name, i) => gradients[name].multiply(directions[i]).sum())
        .reduce((sum, part) => sum.add(part), t.zeros([], 'float64'));
    })(Object.fromEntries(at.map((name) => [name, inputs[name]])));

    const gradientAt = async (shift: number): Promise<number[][]> => {
      const moved = at.map((name, i) => inputs[name].add(directions[i].multiply(shift)));
      const gradients = gradientsOf(t, call, at, {
        ...inputs,
        ...Object.fromEntries(at.map((name, i) => [name, moved[i]])),
      });
      return Promise.all(at.map(async (name) => Array.from(await gradients[name].data())));
    };
    const [plus, minus, plus2, minus2] = [
      await gradientAt(step),
      await gradientAt(-step),
      await gradientAt(2 * step),
      await gradientAt(-2 * step),
    ];
    const largest = [...plus, ...minus, ...plus2, ...minus2].flat().reduce((m, g) => Math.max(m, Math.abs(g)), 0);
    const rounding = (3 * gamma(gradientRoundings, u) * (1 + largest)) / step;
    const used = await Promise.all(
      at.map((name, which) => {
        const { shape } = call.inputs[name];
        const near = plus[which].map((g, i) => (g - minus[which][i]) / (2 * step));
        const far = plus2[which].map((g, i) => (g - minus2[which][i]) / (4 * step));
        const bound = near.map((value, i) => Math.abs(far[i] - value) + rounding);
        const what = `second derivative of ${operation} to ${name}`;
        return requireClose(what, call, inputs, product[name], array(near, shape), array(bound, shape));
      }),
    );
    return Math.max(0, ...used);
  };

const smooth = (of: OperationCase): boolean => of.gradients?.smooth ?? false;
export const secondDerivatives = gradientLaw(
  'law 9, second derivative equals the difference of gradients',
  'second',
  { vjp: true },
  secondDerivative,
  smooth,
);
export const composedSecondDerivatives = gradientLaw(
  'law 9, second derivative of the composition equals the difference of gradients',
  'composed second',
  { vjp: false },
  secondDerivative,
  (of) => smooth(of) && of.gradients?.smoothComposition !== false,
).filter(composite);
