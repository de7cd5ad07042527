import type { GpuFunction } from './program.ts';

/**
 * exp, log, tanh, erf and powers, written out. What GLSL and WGSL offer under these names is as wrong as each driver likes
 * (exp: 3 + 2|x| units in the last place; tanh(100) is NaN on some). Here they are made of + − ×, comparisons and exact powers
 * of two, so that a device that rounds those correctly gives the same bits as any other.
 *
 * Polynomials interpolate at the Chebyshev nodes of their interval (nearly the best there is of that degree); each line says
 * of what, where, and how far off, which scalar.test.ts checks. A unit in the last place of 1 is 1.2e-7.
 */

const numbers = (name: string, parameters: readonly string[], body: string): GpuFunction => ({
  name,
  parameters: Object.fromEntries(parameters.map((parameter) => [parameter, 'number' as const])),
  returns: 'number',
  body,
});

/** c₀ + t(c₁ + t(c₂ + …)) as text. */
const horner = (coefficients: readonly number[], t: string): string =>
  coefficients.reduceRight((inner, c) => (inner === '' ? `${c}` : `(${c} + ${t} * ${inner})`), '');

export const polynomials = {
  /** (ln(1 + f) − f + f²/2) / f³ for √½ ≤ 1 + f ≤ √2, off by 3e-8 */
  log: [
    0.333333312, -0.24999997, 0.200007157, -0.166678023, 0.142490576, -0.124256873, 0.116854199, -0.114797338,
    0.0697161147,
  ],
  /** (tanh(√z)/√z − 1)/z for 0 ≤ z ≤ 0.4, off by 3e-9 */
  tanh: [-0.333333331, 0.133333001, -0.0539584616, 0.0217625029, -0.00832318706, 0.00226950169],
  /** erf(√z)/√z − 1 for 0 ≤ z ≤ 1, off by 4e-10 */
  erf: [
    0.128379167, -0.376126385, 0.112837825, -0.0268654307, 0.00522103181, -0.00084840804, 0.00011265959,
    -0.00000966704448,
  ],
  /** 1 − erf(3/2 + t) for |t| ≤ 1/2, off by 3e-10 as the two after it */
  erfc1: [
    0.0338948535, -0.118930287, 0.178395433, -0.138752207, 0.044598916, 0.01487085, -0.0193274698, 0.00470112331,
    0.00237468964, -0.00154033985, 0.0000435800232,
  ],
  /** 1 − erf(5/2 + t) for |t| ≤ 1/2 */
  erfc2: [
    0.000406951884, -0.00217828425, 0.00544573733, -0.00835008654, 0.00862151452, -0.0061174431, 0.00280823903,
    -0.000541381603, -0.000306365975, 0.000245937992,
  ],
  /** 1 − erf(7/2 + t) for |t| ≤ 1/2 */
  erfc3: [
    7.43098372e-7, -0.00000539729584, 0.0000188973932, -0.0000424091219, 0.0000677499038, -0.0000804817752,
    0.0000772794798, -0.0000668899171, 0.0000367701498,
  ],
} as const satisfies Record<string, readonly number[]>;

// Powers of two that Float32 holds exactly, in decimals.
const halvings = [64, 32, 16, 8, 4, 2, 1];
const decimal = (exponent: number): string => String(2 ** exponent);

/**
 * y · 2ᵏ for a whole k, |k| < 192: exact unless the result is subnormal or infinite. One factor a statement, as compilers
 * multiply constants that stand side by side, and 2¹²⁸ is infinite.
 */
const scaled = numbers(
  'scaledByPower',
  ['y', 'k'],
  [
    'let value = y;',
    'let rest = Math.abs(k);',
    ...[64, ...halvings].map((step) => {
      const multiply = (exponent: number) => `{ value = value * ${decimal(exponent)}; }`;
      return `if (rest >= ${step}) { rest = rest - ${step}; if (k < 0) ${multiply(-step)} else ${multiply(step)} }`;
    }),
    'return value;',
  ].join('\n'),
);

/** +∞, by overflow and not as a constant, which translators of shaders cut to the largest number. */
const infinity = numbers(
  'overflowed',
  ['x'],
  `
  let large = 2e38;
  if (x > 1) { large = 3e38; }
  const larger = large * large;
  const largest = larger * larger;
  return largest * largest * largest * largest;`,
);

// eˣ = 2ᵏ eʳ, k = ⌊x/ln 2 + ½⌋, r = x − k ln 2 with ln 2 = 0.693359375 − 0.000212194440, so that k times the first part is
// exact (9 bits) and so is the subtraction. Below −104 it is 0 in Float32, above 89 infinite. eʳ by its series to r⁷: |r| ≤ 0.35, the next term is 5e-9.
const taylor = [1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040];
export const exponential: readonly GpuFunction[] = [
  scaled,
  infinity,
  numbers(
    'exponential',
    ['x'],
    `
    if (x !== x) { return x; }
    if (x < -104) { return 0; }
    if (x > 89) { return overflowed(x); }
    const k = Math.floor(x * ${Math.LOG2E} + 0.5);
    const r = (x - k * 0.693359375) + k * 0.000212194440;
    return scaledByPower(1 + (r + r * r * ${horner(taylor, 'r')}), k);`,
  ),
];

// NaN is the root of a negative number: compilers take ∞ − ∞ for 0.
// x = 2ᵉ m, √½ ≤ m < √2, f = m − 1: ln x = e ln 2 + f − f²/2 + f³ P(f), the small terms first.
export const logarithm: readonly GpuFunction[] = [
  infinity,
  numbers(
    'logarithm',
    ['x'],
    `
    if (x !== x) { return x; }
    if (x < 0) { return Math.sqrt(x); }
    if (x === 0) { return -overflowed(x); }
    if (x > 3.4028234663852886e38) { return x; }
    let m = x;
    let e = 0;
    if (m < 1) {
      ${[64, ...halvings].map((step) => `if (m < ${decimal(1 - step)}) { m = m * ${decimal(step)}; e = e - ${step}; }`).join('\n')}
    } else {
      ${halvings.map((step) => `if (m >= ${decimal(step)}) { m = m * ${decimal(-step)}; e = e + ${step}; }`).join('\n')}
    }
    if (m > 1.4142135) { m = m * 0.5; e = e + 1; }
    const f = m - 1;
    const small = f * f * f * ${horner(polynomials.log, 'f')} - e * 0.000212194440 - 0.5 * f * f;
    return (f + small) + e * 0.693359375;`,
  ),
];

/** 1/d of whatever accuracy the device has, and one step of Newton's method, which leaves 1½ units where d is moderate. */
const reciprocal = numbers(
  'reciprocalOf',
  ['d'],
  `
  const y = 1 / d;
  if (Math.abs(d) < 1e-30) { return y; }
  if (Math.abs(d) > 1e30) { return y; }
  return y + y * (1 - d * y);`,
);

// |x| < 0.63: x + x³ P(x²); else 1 − 2/(e^{2|x|} + 1), which is 1 in Float32 from |x| = 9.02 on.
export const hyperbolicTangent: readonly GpuFunction[] = [
  ...exponential,
  reciprocal,
  numbers(
    'hyperbolicTangent',
    ['x'],
    `
    if (x !== x) { return x; }
    if (x > 9.5) { return 1; }
    if (x < -9.5) { return -1; }
    const size = Math.abs(x);
    if (size < 0.63) {
      const z = x * x;
      return x + x * z * ${horner(polynomials.tanh, 'z')};
    }
    const value = 1 - 2 * reciprocalOf(exponential(2 * size) + 1);
    if (x < 0) { return -value; }
    return value;`,
  ),
];

// |x| < 1: x + x P(x²); else 1 − erfc|x| on [1, 2), [2, 3), [3, 4); 1 in Float32 from |x| = 3.92 on.
export const erf: readonly GpuFunction[] = [
  numbers(
    'errorFunction',
    ['x'],
    `
    if (x !== x) { return x; }
    const size = Math.abs(x);
    if (size < 1) {
      const z = x * x;
      return x + x * ${horner(polynomials.erf, 'z')};
    }
    let value = 1;
    if (size < 2) {
      const near1 = size - 1.5;
      value = 1 - ${horner(polynomials.erfc1, 'near1')};
    } else {
      if (size < 3) {
        const near2 = size - 2.5;
        value = 1 - ${horner(polynomials.erfc2, 'near2')};
      } else {
        if (size < 4) {
          const near3 = size - 3.5;
          value = 1 - ${horner(polynomials.erfc3, 'near3')};
        }
      }
    }
    if (x < 0) { return -value; }
    return value;`,
  ),
];

/**
 * aᵇ. A whole b up to 32 by repeated squaring, within 4u|b|; else e^{b ln|a|}, where the errors of ln a and of the product,
 * together 3u, are multiplied by |b ln a|, which can be 89: hence the large bound that index.ts declares.
 */
export const power: readonly GpuFunction[] = [
  ...exponential,
  ...logarithm,
  reciprocal,
  numbers(
    'wholePower',
    ['a', 'b'],
    `
    let square = a;
    let rest = Math.abs(b);
    if (b < 0 && Math.abs(a) < 1) { square = reciprocalOf(a); }
    let value = 1;
    for (let i = 0; i < 6; i++) {
      if (rest > 0) {
        const half = Math.floor(rest / 2);
        if (rest - 2 * half > 0) { value = value * square; }
        if (half > 0) { square = square * square; }
        rest = half;
      }
    }
    if (b < 0 && Math.abs(a) >= 1) { value = 1 / value; }
    return value;`,
  ),
  numbers(
    'power',
    ['a', 'b'],
    `
    if (b === 0) { return 1; }
    if (a !== a) { return a; }
    if (b !== b) { return b; }
    const whole = Math.floor(b);
    if (whole === b && Math.abs(b) <= 32) { return wholePower(a, b); }
    const size = exponential(b * logarithm(Math.abs(a)));
    if (a < 0) {
      if (whole !== b) {
        if (a > -3.4028234663852886e38) { return Math.sqrt(a); }
        return size;
      }
      if (b - 2 * Math.floor(b * 0.5) === 1) { return -size; }
    }
    return size;`,
  ),
];
