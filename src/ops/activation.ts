import type { Op } from '../op.ts';
import { requireFloat } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/** Activations of the feed-forward networks: formula and derivative on adjacent lines. */

function activation(name: string, forward: (x: Tensor) => Tensor, derivative: (x: Tensor, y: Tensor) => Tensor): Op {
  return {
    name,
    kind: 'composite',
    infer([x]) {
      requireFloat(name, x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    compose: ([x]) => [forward(x)],
    vjp: ({ inputs: [x], outputs: [y], gradients: [g] }) => [g.multiply(derivative(x, y))],
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
