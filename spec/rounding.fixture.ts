import fc from 'fast-check';
import { expect } from 'vitest';
import { array, lane, type Real, toFlat } from './array.ts';
import { type UnaryName, unaryFunctions } from './ops/elementwise.ts';
import * as rounding from './rounding.ts';

/** For the tests of the bounds: Float32 arithmetic, one rounding at a time, what it is done on, and how it is held to a bound. */

export const f = Math.fround;
export const U = rounding.UNIT_ROUNDOFF.float32;
export const add = (a: number, b: number) => f(a + b);
export const sub = (a: number, b: number) => f(a - b);
export const mul = (a: number, b: number) => f(a * b);
export const div = (a: number, b: number) => f(a / b);
// A function of the host in Float64, rounded to Float32: half a unit, and a little for the first rounding.
export const ULPS: rounding.Ulps = { exp: 0.51, log: 0.51, tanh: 0.51, erf: 0.51, power: 0.51, divide: 0.5, sqrt: 0.5 };
export const host = (name: UnaryName) => (x: number) => f(unaryFunctions[name](x));
export const [exp, log, tanh, erf, sqrt] = (['exp', 'log', 'tanh', 'erf', 'sqrt'] as const).map(host);

/** Orders of summation: from the front, from the back, in halves. */
export const orders: readonly ((terms: readonly number[]) => number)[] = [
  (terms) => terms.reduce(add, 0),
  (terms) => terms.reduceRight(add, 0),
  function halves(terms): number {
    const middle = terms.length >> 1;
    if (terms.length <= 1) return terms.length === 0 ? 0 : terms[0];
    return add(halves(terms.slice(0, middle)), halves(terms.slice(middle)));
  },
];

/** The largest error seen, as a share of its bound, by name. */
export const seen = new Map<string, number>();

/** Holds a computed result to its bound; a failure prints the worst element. */
export function hold(name: string, computed: ArrayLike<number>, exact: Real, bound: Real): void {
  const [values, bounds] = [toFlat(exact), toFlat(bound)];
  expect(computed.length).toBe(values.length);
  let worst = { ratio: 0, text: '' };
  values.forEach((value, i) => {
    if (Object.is(value, computed[i]) || value === computed[i]) return;
    const ratio = Math.abs(computed[i] - value) / bounds[i];
    if (!(ratio <= worst.ratio))
      worst = { ratio, text: `${name}[${i}] = ${computed[i]}, should be ${value} within ${bounds[i]}` };
  });
  seen.set(name, Math.max(seen.get(name) ?? 0, worst.ratio));
  if (!(worst.ratio <= 1)) throw new Error(worst.text);
}

/** Prints max(error/bound) of all that was held, after a file's tests. */
export function reportShares(): void {
  const table = [...seen].map(([name, ratio]) => `${name} ${ratio.toPrecision(2)}`).join(', ');
  console.info(`max(error / bound): ${table}`);
  // A bound a hundred times wider than any error seen on these small inputs would say nothing.
  for (const [name, ratio] of seen) expect(ratio, name).toBeGreaterThan(0.01);
}

/** Numbers in [−1, 1] with all 24 bits in use, and the simple ones. */
export const unit = fc.oneof(
  { weight: 5, arbitrary: fc.noBias(fc.integer({ min: -(2 ** 24), max: 2 ** 24 })).map((m) => m / 2 ** 24) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, -1, 0.5) },
);
export const moderate = unit.map((x) => f(12 * x));
/** The same at every scale from 1e-6 to 1e6, mostly at 1. */
export const number = fc
  .tuple(unit, fc.oneof(fc.constant(0), fc.integer({ min: -6, max: 6 })))
  .map(([x, e]) => f(x * 10 ** e));
export const matrix = (element: fc.Arbitrary<number>, rows: number, cols: number): fc.Arbitrary<Real> =>
  fc.array(element, { minLength: rows * cols, maxLength: rows * cols }).map((values) => array(values, [rows, cols]));
export const table = (element: fc.Arbitrary<number>): fc.Arbitrary<Real> =>
  fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9 }))
    .chain(([rows, cols]) => matrix(element, rows, cols));
export const rowsOf = (x: Real): number[][] => Array.from({ length: x.shape[0] }, (_, r) => lane(x, 1, [r, 0]));
export const order = fc.constantFrom(...orders);
export const check = <T>(property: fc.IProperty<T>): void => fc.assert(property, { numRuns: 150 });

/** A·B in Float32, in any order of summation. */
export const product32 = (a: number[][], b: number[][], total: (terms: readonly number[]) => number): number[][] =>
  a.map((row) => b[0].map((_, j) => total(row.map((value, k) => mul(value, b[k][j])))));

/** x/2 · (1 + t) */
export const onePlusHalf = (x: number, t: number): number => mul(mul(x, 0.5), add(1, t));
