import { type Any, array, type Real, toFlat } from '../../spec/array.ts';
import { centralDifference, centralDifferenceError } from '../../spec/gradients.ts';
import { gamma, REFERENCE_ULPS, UNIT_ROUNDOFF } from '../../spec/rounding/model.ts';
import type { Engine } from '../../src/engine.ts';
import { composites } from '../../src/ops/index.ts';
import { isFloat } from '../../src/shape.ts';
import type { Tensor } from '../../src/tensor.ts';
import { contiguous } from '../arbitraries/layouts.ts';
import { type FloatType, roundTo } from '../arbitraries/values.ts';
import { describeInputs, specMismatch, worstElement } from '../kit/compare.ts';
import { enclosingEngine, enclosureOf, referenceEngine } from '../kit/enclosure/engine.ts';
import { holds, type Settings } from '../kit/settings.ts';
import type { Call, Gradients, OperationCase } from '../operations/case.ts';
import type { OperationName } from '../operations/index.ts';
import { Counterexample, forEachOperation, type Law, mapInputs } from './law.ts';

/**
 * Law 9: a gradient three ways. What the operation states (its vjp), what its composition gives, and the central difference
 * of its *definition*, which is taken in Float64; second derivatives by nesting.
 *
 * What is differentiated is f = Σ cᵢ yᵢ over all float outputs y of the call, with fixed weights c of both signs.
 *
 * In Float32 the gradient itself is rounded, far above the error of the difference. The same graph is therefore run on
 * intervals (kit/enclosure), which give for each element of the gradient whatever a backend may get that keeps the bounds of the
 * operations. Both the computed gradient and, if the graph is right, the exact one lie there: they are at most its width apart.
 */

const u = UNIT_ROUNDOFF.float64;
/** The step of spec/gradients.ts, for inputs of size up to 1; its steps are at most 4 times longer at |x| ≤ 4. */
const step = Math.cbrt(u);

// Numbers of Float32, so that they are the same in either precision.
const weight = (flat: number): number => Math.fround(Math.sin(flat + 1));
const directionAt = (flat: number, place: number): number => Math.fround(Math.cos(flat + place + 1));

const tensorLike = (x: Tensor, f: (flat: number) => number): Tensor =>
  x.engine.tensor(
    Float64Array.from({ length: x.size }, (_, i) => f(i)),
    x.shape,
    x.dtype,
  );

export const weightedSum = (outputs: readonly Tensor[]): Tensor =>
  outputs
    .filter((y) => isFloat(y.dtype))
    .map((y) => y.multiply(tensorLike(y, weight)).sum())
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
  const wrongSpec = specMismatch(computed, exact, computed.engine.dtype);
  const { ratio, message } = wrongSpec
    ? { ratio: 0, message: wrongSpec }
    : worstElement(await computed.data(), exact, bound);
  if (message) throw new Counterexample(`${what} (${of.attrs}): ${message}\n${await describeInputs(inputs)}`);
  return ratio;
}

/** The call with its inputs as the precision holds them. */
export const roundedTo = (dtype: FloatType, call: Call): Call => ({
  ...call,
  inputs: mapInputs(call.inputs as Record<string, Any>, (x) =>
    isReal(x)
      ? array(
          toFlat(x).map((value) => roundTo(dtype, value)),
          x.shape,
        )
      : x,
  ),
});

type Tensors = Readonly<Record<string, Tensor>>;
/** What a body computes with: the engine under test, and the one on intervals of its precision. */
interface Engines {
  readonly t: Engine;
  readonly vjp: boolean;
}
type Body = (engines: Engines, call: Call, at: readonly string[], inputs: Tensors) => Promise<number>;

const uploaded = (t: Engine, call: Call): Tensors => mapInputs(call.inputs, (x) => contiguous(t, x));

/** The same on intervals: how wide each element of the results is. Null in Float64, where bounds have their room already. */
function widths(
  { t, vjp }: Engines,
  call: Call,
  at: readonly string[],
  compute: (t: Engine, inputs: Tensors) => Tensors,
): Readonly<Record<string, Float64Array>> | null {
  if (t.dtype === 'float64') return null;
  const enclosing = enclosingEngine('float32', t.backend.ulps, { vjp });
  const results = compute(enclosing, uploaded(enclosing, call));
  return Object.fromEntries(
    at.map((name) => {
      const { low, high } = enclosureOf(results[name]);
      return [name, high.map((value, i) => value - low[i])];
    }),
  );
}

const plus = (bound: Real, width: Float64Array | undefined): Real =>
  width
    ? array(
        width.map((value, i) => value + bound.data[i]),
        bound.shape,
      )
    : bound;

/** A law about drawn gradients, in the precision of the subject. */
const gradientLaw = (
  name: string,
  column: string,
  options: { readonly vjp: boolean },
  body: (operation: OperationName) => Body,
  speaksOf: (of: OperationCase, operation: OperationName) => boolean,
): Law[] =>
  forEachOperation(
    name,
    async (operation, { gradients }, subject, settings: Settings) => {
      const t = subject.engine(options);
      const check = body(operation);
      const calls = gradients!.calls.map((call) => roundedTo(subject.dtype, call));
      await holds(`${name}: ${operation}`, settings, calls, async (call) => {
        const used = await check({ t, ...options }, call, names(call, gradients!), uploaded(t, call));
        settings.usage?.note(column, operation, used);
      });
    },
    speaksOf,
  );

const differentiable = (of: OperationCase): boolean => of.gradients !== undefined;
const composite = (operation: OperationName): boolean => operation in composites;

/**
 * The difference is off by what spec/gradients.ts derives from ρ. In Float64 the gradient itself rounds a few dozen times
 * terms that are at most 1/h ≈ 2·10⁵ times those of f at these inputs, far within the same ρ/h; in Float32 its width is added.
 */
const againstDifference =
  (what: string) =>
  (operation: OperationName): Body =>
  async (engines, call, at, inputs) => {
    const f = scalarBySpec(call, at);
    const values = at.map((name) => call.inputs[name] as Real);
    const exact = centralDifference(f, values);
    const count = values.reduce((sum, x) => sum + x.size, 0);
    const error = centralDifferenceError(f, values, { roundings: count + 1, noise: roundingOf(call, at) });
    const compute = (t: Engine, given: Tensors) => gradientsOf(t, call, at, given);
    const computed = compute(engines.t, inputs);
    const width = widths(engines, call, at, compute);
    const used = await Promise.all(
      at.map((name, i) => {
        const bound = plus(error[i], width?.[name]);
        return requireClose(`${what} of ${operation} to ${name}`, call, inputs, computed[name], exact[i], bound);
      }),
    );
    return Math.max(0, ...used);
  };

const gradientEqualsDifference = gradientLaw(
  'law 9, gradient equals the central difference',
  'gradient',
  { vjp: true },
  againstDifference('gradient'),
  differentiable,
);

const composedGradientEqualsDifference = gradientLaw(
  'law 9, gradient of the composition equals the central difference',
  'composed gradient',
  { vjp: false },
  againstDifference('gradient of the composition'),
  (of, operation) => differentiable(of) && composite(operation),
);

/** Roundings of one element of a first derivative in Float64, coarsely: a few dozen operations on sums of a few dozen terms. */
const gradientRoundings = 256;

/** ∇(d·∇f) = H d, with fixed directions d. */
function secondProduct(t: Engine, call: Call, at: readonly string[], inputs: Tensors): Tensors {
  const directions = at.map((name, i) => tensorLike(inputs[name], (flat) => directionAt(flat, i)));
  return t.grad((watched: Record<string, Tensor>) => {
    const gradients = gradientsOf(t, call, at, { ...inputs, ...watched });
    return at
      .map((name, i) => gradients[name].multiply(directions[i]).sum())
      .reduce((sum, part) => sum.add(part), t.zeros([]));
  })(Object.fromEntries(at.map((name) => [name, inputs[name]])));
}

/** ∇f(x + shift·d), one list for each input; in Float64. */
async function gradientAt(t: Engine, call: Call, at: readonly string[], shift: number): Promise<number[][]> {
  const moved = at.map((name, i) => {
    const x = call.inputs[name];
    return array(
      toFlat(x).map((value, flat) => value + shift * directionAt(flat, i)),
      x.shape,
    );
  });
  const gradients = gradientsOf(t, call, at, uploaded(t, { ...call, inputs: withReals(call, at, moved) }));
  return Promise.all(at.map(async (name) => Array.from(await gradients[name].data())));
}

/**
 * Second derivatives by nesting: H d is also the derivative of ∇f along d, (∇f(x + hd) − ∇f(x − hd))/2h, here of a ∇f in
 * Float64: the subject's own, or that of the intervals' middles where the subject has no Float64 (the first derivatives have
 * been held to the definition before). Its error is |D(2h) − D(h)| for the truncation, and 3ρ/h for rounding with
 * ρ = γ_256 (1 + max|∇f|), as in spec/gradients.ts.
 */
const secondDerivative =
  (operation: OperationName): Body =>
  async (engines, call, at, inputs) => {
    const { t, vjp } = engines;
    const product = secondProduct(t, call, at, inputs);
    const width = widths(engines, call, at, (on, given) => secondProduct(on, call, at, given));
    const reference = t.dtype === 'float64' ? t : referenceEngine({ vjp });
    const [plus1, minus1, plus2, minus2] = [
      await gradientAt(reference, call, at, step),
      await gradientAt(reference, call, at, -step),
      await gradientAt(reference, call, at, 2 * step),
      await gradientAt(reference, call, at, -2 * step),
    ];
    const largest = [...plus1, ...minus1, ...plus2, ...minus2].flat().reduce((m, g) => Math.max(m, Math.abs(g)), 0);
    const rounding = (3 * gamma(gradientRoundings, u) * (1 + largest)) / step;
    const used = await Promise.all(
      at.map((name, which) => {
        const { shape } = call.inputs[name];
        const near = plus1[which].map((g, i) => (g - minus1[which][i]) / (2 * step));
        const far = plus2[which].map((g, i) => (g - minus2[which][i]) / (4 * step));
        const error = near.map((value, i) => Math.abs(far[i] - value) + rounding);
        const bound = plus(array(error, shape), width?.[name]);
        const what = `second derivative of ${operation} to ${name}`;
        return requireClose(what, call, inputs, product[name], array(near, shape), bound);
      }),
    );
    return Math.max(0, ...used);
  };

const smooth = (of: OperationCase): boolean => of.gradients?.smooth ?? false;
const secondDerivatives = gradientLaw(
  'law 9, second derivative equals the difference of gradients',
  'second',
  { vjp: true },
  secondDerivative,
  smooth,
);
const composedSecondDerivatives = gradientLaw(
  'law 9, second derivative of the composition equals the difference of gradients',
  'composed second',
  { vjp: false },
  secondDerivative,
  (of, operation) => smooth(of) && of.gradients?.smoothComposition !== false && composite(operation),
);

export const gradientLaws: Law[] = [
  ...gradientEqualsDifference,
  ...composedGradientEqualsDifference,
  ...secondDerivatives,
  ...composedSecondDerivatives,
];
