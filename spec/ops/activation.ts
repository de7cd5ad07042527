/**
 * What flows back through an activation: its slope.
 */
import { at, fromFunction, precondition, type Real, sameShape } from '../array.ts';
import { unaryFunctions } from './elementwise.ts';
import { normalCdf } from './error-function.ts';

export type DifferentiableActivation = 'relu' | 'sigmoid' | 'silu' | 'softplus' | 'gelu' | 'geluTanh';

const { sigmoid } = unaryFunctions;
/** φ(x) = e^{−x²/2}/√(2π), the density of the standard normal distribution */
const normalDensity = (x: number): number => Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI);

/** act'(x) */
export const activationSlopes: { readonly [K in DifferentiableActivation]: (x: number) => number } = {
  /** 1 right of the kink, 0 at it and left of it */
  relu: (x) => (x > 0 ? 1 : 0),
  /** σ (1 − σ) */
  sigmoid: (x) => sigmoid(x) * (1 - sigmoid(x)),
  /** (x σ)' = σ + x σ (1 − σ) = σ (1 + x (1 − σ)) */
  silu: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  /** ln(1 + eˣ)' = σ */
  softplus: sigmoid,
  /** (x Φ)' = Φ + x φ */
  gelu: (x) => normalCdf(x) + x * normalDensity(x),
  /** (x/2 (1 + tanh z))' = (1 + tanh z)/2 + x/2 (1 − tanh² z) z', z = √(2/π)(x + c x³), c = 0.044715, z' = √(2/π)(1 + 3c x²) */
  geluTanh(x) {
    const t = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
    const flatness = 1 - t * t;
    const inner = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
    // Far out tanh is flat, and 0 · ∞ is to be 0.
    return (1 + t) / 2 + (flatness === 0 ? 0 : (x / 2) * flatness * inner);
  },
};

/** g ⊙ act'(z): g and z of one shape -> the same shape. */
export function activationGradient(activation: DifferentiableActivation, g: Real, z: Real): Real {
  precondition(
    sameShape(g.shape, z.shape),
    `activationGradient takes g and z of one shape, not [${g.shape}], [${z.shape}]`,
  );
  return fromFunction(z.shape, (index) => at(g, index) * activationSlopes[activation](at(z, index)));
}
