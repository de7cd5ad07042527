import { ShapeError, UsageError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpecs, requireFloat, requireOneDType, sameShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/** Activations of the feed-forward networks: formula and derivative on adjacent lines. */

export type ActivationName = 'relu' | 'sigmoid' | 'silu' | 'softplus' | 'gelu' | 'geluTanh';
/** act'(x), from x and y = act(x). */
export type Derivative = (x: Tensor, y: Tensor) => Tensor;
/** The record of an activation, and its derivative. */
export interface ActivationOp extends Op {
  readonly name: ActivationName;
  readonly derivative: Derivative;
}

function activation(name: ActivationName, forward: (x: Tensor) => Tensor, derivative: Derivative): ActivationOp {
  return {
    name,
    kind: 'composite',
    infer([x]) {
      requireFloat(name, x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    compose: ([x]) => [forward(x)],
    derivative,
    vjp: ({ inputs: [x], outputs: [y], gradients: [g] }) =>
      x.engine.run(activationGradient, [g, x, y], { activation: name }),
  };
}

// relu(x) = max(x, 0), with derivative 0 at the kink
export const relu = activation(
  'relu',
  (x) => x.maximum(0),
  (x) => x.greater(0).astype(x.dtype),
);

// σ(x) = 1/(1 + e^{-x}) = (1 + tanh(x/2))/2, which cannot overflow
const logistic = (x: Tensor) => x.multiply(0.5).tanh().add(1).multiply(0.5);
export const sigmoid = activation('sigmoid', logistic, (_, y) => y.multiply(y.negative().add(1)));

// silu(x) = x σ(x);  silu' = σ + x σ (1 - σ)
export const silu = activation(
  'silu',
  (x) => x.multiply(x.sigmoid()),
  (x, y) => x.sigmoid().multiply(x.subtract(y).add(1)),
);

// softplus(x) = ln(1 + e^x) = max(x, 0) + ln(1 + e^{-|x|})
export const softplus = activation(
  'softplus',
  (x) => x.maximum(0).add(x.abs().negative().exp().add(1).log()),
  (x) => x.sigmoid(),
);

// Φ(x) = (1 + erf(x/√2))/2 and φ(x) = e^{-x²/2}/√(2π), the standard normal distribution and density
const normalDistribution = (x: Tensor) => x.multiply(Math.SQRT1_2).erf().add(1).multiply(0.5);
const normalDensity = (x: Tensor) =>
  x
    .square()
    .multiply(-0.5)
    .exp()
    .multiply(1 / Math.sqrt(2 * Math.PI));

// gelu(x) = x Φ(x);  gelu' = Φ(x) + x φ(x)
export const gelu = activation(
  'gelu',
  (x) => x.multiply(normalDistribution(x)),
  (x) => normalDistribution(x).add(x.multiply(normalDensity(x))),
);

// The tanh form of GELU (Hendrycks & Gimpel 2016): x/2 (1 + tanh u),  u = √(2/π) (x + 0.044715 x³)
const cubic = 0.044715;
const inner = (x: Tensor) => x.add(x.square().multiply(x).multiply(cubic)).multiply(Math.sqrt(2 / Math.PI));
export const geluTanh = activation(
  'geluTanh',
  (x) => x.multiply(0.5).multiply(inner(x).tanh().add(1)),
  (x) => {
    const t = inner(x).tanh();
    // u' = √(2/π) (1 + 3·0.044715 x²)
    const du = x
      .square()
      .multiply(3 * cubic)
      .add(1)
      .multiply(Math.sqrt(2 / Math.PI));
    const slope = t.square().negative().add(1); // tanh' u; where it has rounded to 0, so has its product with u'
    const curved = slope.equal(0).where(0, x.multiply(0.5).multiply(slope).multiply(du));
    return t.add(1).multiply(0.5).add(curved);
  },
);

const activations: { readonly [K in ActivationName]: ActivationOp } = { relu, sigmoid, silu, softplus, gelu, geluTanh };

export interface ActivationGradientAttrs {
  readonly activation: ActivationName;
}

/**
 * What flows back through an activation: [g, z, y] of one shape -> g act'(z), where y = act(z). A kernel may use y, or
 * compute it again.
 * @throws DTypeError, ShapeError; UsageError for an unknown activation
 */
export const activationGradient: Op<ActivationGradientAttrs> = {
  name: 'activationGradient',
  kind: 'composite',
  infer(inputs, { activation: name }) {
    if (!Object.hasOwn(activations, name))
      throw new UsageError({
        operation: 'activationGradient',
        received: `activation ${name}`,
        expected: `one of ${Object.keys(activations).join(', ')}`,
      });
    const [g, z] = inputs;
    requireFloat('activationGradient', g);
    requireOneDType('activationGradient', inputs);
    if (!inputs.every((x) => sameShape(x.shape, z.shape)))
      throw new ShapeError({
        operation: 'activationGradient',
        received: formatSpecs(inputs),
        expected: 'gradient, argument and value of one shape',
      });
    return [{ shape: z.shape, dtype: z.dtype }];
  },
  compose: ([g, z, y], { activation: name }) => [g.multiply(activations[name].derivative(z, y))],
};
