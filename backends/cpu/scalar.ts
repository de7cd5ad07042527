import type { BinaryKind, UnaryKind } from '../../src/backend.ts';

/** The scalar functions behind the elementwise kernels, in Float64. One line a function; a missing one is a type error. */

// erf x = 2/√π ∫₀ˣ e^{-t²} dt, by three exact expansions (Abramowitz & Stegun, chapter 7):
//   |x| < 1/2         Maclaurin series, so that small values keep their relative accuracy
//   1/2 ≤ |x| < 6     Taylor series around the nearest multiple of 1/8
//   |x| ≥ 6           ±1, since 1 - erf 6 = 2e-17 is less than half a unit in the last place of 1
const twoOverRootPi = 2 / Math.sqrt(Math.PI);
const cellsPerUnit = 8;
const erfIsOneFrom = 6;
const terms = 12; // of each series; the first one left out is below 1e-17 of the value

// 2/√π Σ (-1)ⁿ x^{2n+1} / (n! (2n+1))
const maclaurin = Float64Array.from({ length: terms }, (_, n) => {
  let factorial = 1;
  for (let i = 2; i <= n; i++) factorial *= i;
  return ((n % 2 === 0 ? 1 : -1) * twoOverRootPi) / (factorial * (2 * n + 1));
});

/** erf c = 2/√π c e^{-c²} Σ (2c²)ⁿ / (1·3·5···(2n+1)): all terms positive, summed from the innermost bracket. */
function erfSeries(c: number): number {
  let sum = 1;
  for (let n = 200; n >= 1; n--) sum = 1 + (sum * 2 * c * c) / (2 * n + 1);
  return twoOverRootPi * c * Math.exp(-c * c) * sum;
}

/** erfc c = e^{-c²}/√π · 1/(c + (1/2)/(c + 1/(c + (3/2)/(c + …)))), evaluated from the inside. */
function erfcFraction(c: number): number {
  let fraction = c;
  for (let n = 200; n >= 1; n--) fraction = c + n / 2 / fraction;
  return (twoOverRootPi / 2) * (Math.exp(-c * c) / fraction);
}

/**
 * Row k holds the Taylor coefficients of erf around c = k/8. With f = erf' : f' = -2x f, hence for f(c + h) = Σ dₙ hⁿ
 * (n + 1) dₙ₊₁ = -2 (c dₙ + dₙ₋₁), and erf(c + h) = erf c + Σ dₙ hⁿ⁺¹/(n + 1).
 */
const taylor = ((): Float64Array => {
  const cells = erfIsOneFrom * cellsPerUnit + 1;
  const table = new Float64Array(cells * terms);
  for (let cell = 0; cell < cells; cell++) {
    const c = cell / cellsPerUnit;
    table[cell * terms] = c < 2 ? erfSeries(c) : 1 - erfcFraction(c);
    let [previous, d] = [0, twoOverRootPi * Math.exp(-c * c)];
    for (let n = 0; n + 1 < terms; n++) {
      table[cell * terms + n + 1] = d / (n + 1);
      [previous, d] = [d, (-2 * (c * d + previous)) / (n + 1)];
    }
  }
  return table;
})();

/** The error function; odd, ±1 at ±∞, NaN at NaN. Relative error below 4 units in the last place (tested to 1e-15). */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 0.5) {
    const square = x * x;
    let sum = 0;
    for (let n = terms - 1; n >= 0; n--) sum = sum * square + maclaurin[n];
    return sum * x;
  }
  if (size >= erfIsOneFrom) return Math.sign(x);
  if (Number.isNaN(x)) return x;
  const cell = Math.round(size * cellsPerUnit);
  const h = size - cell / cellsPerUnit;
  let sum = 0;
  for (let n = terms - 1, at = cell * terms; n >= 0; n--) sum = sum * h + taylor[at + n];
  return x < 0 ? -sum : sum;
}

/** Floats; `int32` where `unaryInt32` has no line of its own (the store wraps); `logicalNot` on 0 and 1. */
export const unaryFloat: { readonly [K in UnaryKind]: (x: number) => number } = {
  negative: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  reciprocal: (x) => 1 / x,
  square: (x) => x * x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  tanh: Math.tanh,
  erf,
  logicalNot: (x) => 1 - x,
};

// A product of two int32 can pass 2⁵³, where Float64 would lose the low bits that wrapping keeps.
export const unaryInt32: { readonly [K in UnaryKind]?: (x: number) => number } = { square: (x) => Math.imul(x, x) };
export const binaryInt32: { readonly [K in BinaryKind]?: (a: number, b: number) => number } = { multiply: Math.imul };

/** Comparisons give 1 or 0; with NaN all are 0 but `notEqual`. `maximum` and `minimum` propagate NaN. */
export const binaryFloat: { readonly [K in BinaryKind]: (a: number, b: number) => number } = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  power: (a, b) => a ** b,
  maximum: (a, b) => Math.max(a, b),
  minimum: (a, b) => Math.min(a, b),
  equal: (a, b) => (a === b ? 1 : 0),
  notEqual: (a, b) => (a !== b ? 1 : 0),
  less: (a, b) => (a < b ? 1 : 0),
  lessEqual: (a, b) => (a <= b ? 1 : 0),
  greater: (a, b) => (a > b ? 1 : 0),
  greaterEqual: (a, b) => (a >= b ? 1 : 0),
  logicalAnd: (a, b) => a & b,
  logicalOr: (a, b) => a | b,
};

// σ(x) = 1/(1 + e^{-x}); e^{-x} may overflow to ∞, which gives the right 0
const logistic = (x: number) => 1 / (1 + Math.exp(-x));

/** The formulas of src/ops/activation.ts, rounded once at the end instead of after every step. */
export const activations = {
  relu: (x: number) => Math.max(x, 0),
  sigmoid: logistic,
  silu: (x: number) => x * logistic(x),
  softplus: (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  gelu: (x: number) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  geluTanh: (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
};
