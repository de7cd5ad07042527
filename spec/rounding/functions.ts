/**
 * Bounds of the elementwise functions. ε_f = 2·ulps(f)·u is the relative error of an elementary function, of a division (δ for
 * short) and of a root; λ is the smallest normal number, granted once for each operation that may underflow.
 *
 * Where a function has several evaluations in use, the bound is one that all of them keep; the comment names them.
 */
import { at, broadcastTo, type Real } from '../array.ts';
import { type BinaryName, binary, binaryFunctions, type UnaryName, unary, unaryFunctions } from '../ops/elementwise.ts';
import { compound, gamma, smallestNormal, type Ulps, whereFinite } from './model.ts';

type PointBound = (x: number, u: number, ulps: Ulps) => number;

const sigmoidAt = (x: number): number => unaryFunctions.sigmoid(x);

/** Error of one elementary function: ε_f |f(x)| */
const elementary =
  (name: 'exp' | 'log' | 'tanh' | 'erf'): PointBound =>
  (x, u, ulps) =>
    2 * ulps[name] * u * Math.abs(unaryFunctions[name](x));
const rounded =
  (f: (x: number) => number): PointBound =>
  (x, u) =>
    u * Math.abs(f(x));
/** Error of one division or root. */
const byUlps =
  (name: 'divide' | 'sqrt', f: (x: number) => number): PointBound =>
  (x, u, ulps) =>
    2 * ulps[name] * u * Math.abs(f(x));
const exact: PointBound = () => 0;

/**
 * x/2 · (1 + t), t computed with error T. The sum: T + u(|1 + t| + T) =: P. Each product by x: one rounding; the halving is
 * exact. Two roundings granted, for either order: |x|/2 · (P + γ₂(|1 + t| + P)).
 */
function halfTimesOnePlus(x: number, t: number, error: number, u: number): number {
  const P = error + u * (Math.abs(1 + t) + error);
  return (Math.abs(x) / 2) * (P + gamma(2, u) * (Math.abs(1 + t) + P));
}

/** A function's value and how far it may be off. */
interface Off {
  readonly value: number;
  readonly error: number;
}

/**
 * erf(z), z = x/√2. The constant is rounded, and the product, or the division by δ: z(1 + θ), |θ| ≤ g with
 * g = (1 + γ₁)(1 + δ) − 1, which moves erf by at most |z|g · 2/√π e^{−z²(1−g)²}, the slope being largest at the end nearest
 * to 0. Then erf's own ε_erf.
 */
export function erfOfGelu(x: number, u: number, ulps: Ulps): Off {
  const z = Math.abs(x) / Math.SQRT2;
  const g = compound(gamma(1, u), 2 * ulps.divide * u);
  const moved = z * g * (2 / Math.sqrt(Math.PI)) * Math.exp(-((z * (1 - g)) ** 2));
  const value = unaryFunctions.erf(x / Math.SQRT2);
  return { value, error: moved + 2 * ulps.erf * u * (Math.abs(value) + moved) };
}

/** x/2 · (1 + erf(x/√2)) */
const geluBound: PointBound = (x, u, ulps) => {
  const { value, error } = erfOfGelu(x, u, ulps);
  return halfTimesOnePlus(x, value, error, u);
};

/**
 * tanh(z), z = √(2/π)(x + 0.044715 x³). All terms of z have one sign, and each passes at most seven roundings
 * (two in x³, its constant, the product, the sum, √(2/π), the product): z(1 + θ), |θ| ≤ γ₇, which moves tanh by at most
 * |z|γ₇ / cosh²(|z|(1 − γ₇)). Then tanh's own ε_tanh.
 */
export function tanhOfGelu(x: number, u: number, ulps: Ulps): Off & { readonly z: number } {
  const z = Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
  const g = gamma(7, u);
  const flatness = Math.cosh(Math.abs(z) * (1 - g)) ** 2;
  const moved = flatness === Infinity ? 0 : (Math.abs(z) * g) / flatness;
  const value = Math.tanh(z);
  return { z, value, error: moved + 2 * ulps.tanh * u * (Math.abs(value) + moved) };
}

/** x/2 · (1 + tanh(z)) */
const geluTanhBound: PointBound = (x, u, ulps) => {
  const { value, error } = tanhOfGelu(x, u, ulps);
  return halfTimesOnePlus(x, value, error, u);
};

/**
 * Either (1 + tanh(x/2))/2: off by (T + u(1 + t + T))/2 with T = ε_tanh|t|;
 * or 1/(1 + e^{−x}), for x < 0 also eˣ/(1 + eˣ): σ times at most two exponentials' errors, the sum's rounding, the division's
 * δ, and one rounding more where it is a product with the reciprocal: (1 + γ₂)(1 + δ).
 */
export const sigmoidBound: PointBound = (x, u, ulps) => {
  const t = Math.tanh(x / 2);
  const T = 2 * ulps.tanh * u * Math.abs(t);
  const byTanh = (T + u * (1 + t + T)) / 2;
  const e = 2 * ulps.exp * u;
  const byExp = sigmoidAt(x) * compound(gamma(2, u), 2 * ulps.divide * u, (2 * e) / (1 - e));
  return Math.max(byTanh, byExp);
};

/** x times the computed σ, one rounding: |x|(S + u(σ + S)), S the bound of σ; σ may have lost λ. */
export const siluBound: PointBound = (x, u, ulps) => {
  const S = sigmoidBound(x, u, ulps) + smallestNormal(u);
  return Math.abs(x) * (S + u * (sigmoidAt(x) + S));
};

/**
 * max(x, 0) + ln(1 + e), e = e^{−|x|}. 1 + e is off by r = (ε_exp e + u(1 + e + ε_exp e))/(1 + e) of its value, so q = ln(1 + e) by
 * −ln(1 − r); ln adds ε_log; the sum one rounding.
 */
const softplusBound: PointBound = (x, u, ulps) => {
  const e = Math.exp(-Math.abs(x));
  const error = 2 * ulps.exp * u * e;
  const L = -Math.log1p(-(error + u * (1 + e + error)) / (1 + e));
  const B = L + 2 * ulps.log * u * (Math.log1p(e) + L);
  return B + u * (unaryFunctions.softplus(x) + B);
};

const pointBounds: { readonly [K in UnaryName]: PointBound } = {
  negative: exact,
  abs: exact,
  sign: exact,
  relu: exact,
  exp: elementary('exp'),
  log: elementary('log'),
  tanh: elementary('tanh'),
  erf: elementary('erf'),
  sqrt: byUlps('sqrt', unaryFunctions.sqrt),
  reciprocal: byUlps('divide', unaryFunctions.reciprocal),
  square: rounded(unaryFunctions.square),
  gelu: geluBound,
  geluTanh: geluTanhBound,
  silu: siluBound,
  sigmoid: sigmoidBound,
  softplus: softplusBound,
};

/** |f̂(x) − f(x)| for each element, plus λ. */
export function unaryBound(name: UnaryName, x: Real, u: number, ulps: Ulps): Real {
  return whereFinite(unary(name, x), (index) => pointBounds[name](at(x, index), u, ulps) + smallestNormal(u));
}

/** One rounding, u|f|, of sum, difference and product; δ|f| of the quotient; ε_power |f| of the power; nothing of maximum and minimum; plus λ. */
export function binaryBound(name: BinaryName, a: Real, b: Real, u: number, ulps: Ulps): Real {
  const value = binary(name, a, b);
  const [x, y] = [broadcastTo(a, value.shape), broadcastTo(b, value.shape)];
  const relative =
    name === 'power' || name === 'divide' ? 2 * ulps[name] * u : name === 'maximum' || name === 'minimum' ? 0 : u;
  return whereFinite(
    value,
    (index) => relative * Math.abs(binaryFunctions[name](at(x, index), at(y, index))) + smallestNormal(u),
  );
}

/** The largest slope of the activations: 1 of relu, 1.1290 of gelu and geluTanh, 1.0998 of silu, and what `activatedBound` grants. */
const steepest = 1.13;

/**
 * act(z) at a computed ẑ, |ẑ − z| ≤ Z. The activation moves by at most its largest slope times Z; then its own error P, taken
 * at z. Between z and ẑ P changes by less than a thousandth of Z, as its slope is some ulps·u; the constant grants it:
 * 1.13 Z + P(z).
 */
export function activatedBound(
  activation: 'relu' | 'gelu' | 'geluTanh' | 'silu',
  z: Real,
  error: Real,
  u: number,
  ulps: Ulps,
): Real {
  const own = unaryBound(activation, z, u, ulps);
  return whereFinite(unary(activation, z), (index) => steepest * at(error, index) + at(own, index));
}
