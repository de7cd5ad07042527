import { type BinaryName, binaryFunctions, unaryFunctions } from '../../../spec/ops/elementwise.ts';
import { gamma, REFERENCE_ULPS, smallestNormal, type Ulps, UNIT_ROUNDOFF } from '../../../spec/rounding/model.ts';
import type { ArithmeticKind, ComparisonKind, UnaryKind } from '../../../src/backend.ts';

/**
 * Arithmetic on intervals [low, high]: what may come out where each input may be anything in its interval, and each operation
 * is one of a precision with unit roundoff u (R. E. Moore, "Interval Analysis", 1966). It is evaluated in Float64 itself, whose
 * roundings are granted too, as in `tolerance` of spec/rounding.
 */

export type Interval = readonly [low: number, high: number];

export interface Precision {
  readonly u: number;
  readonly ulps: Ulps;
}

/** Everything: what is known of 0 · ∞ and the like. */
const anything: Interval = [-Infinity, Infinity];
const known = (low: number, high: number): Interval =>
  Number.isNaN(low) || Number.isNaN(high) ? anything : [low, high];

/** x(1 + δ) + η for every x in the interval, |δ| ≤ relative, |η| ≤ absolute. */
const widened = ([low, high]: Interval, relative: number, absolute: number): Interval =>
  known(low - relative * Math.abs(low) - absolute, high + relative * Math.abs(high) + absolute);

const u64 = UNIT_ROUNDOFF.float64;
/** What an underflow can lose; whole numbers, u = 0, lose nothing. */
const lost = ({ u }: Precision): number => (u === 0 ? 0 : smallestNormal(u) + smallestNormal(u64));
const byUlps = ({ u, ulps }: Precision, name: keyof Ulps): number =>
  2 * ulps[name] * u + 2 * REFERENCE_ULPS[name] * u64;

/** One rounding. */
const rounded = (x: Interval, of: Precision): Interval => widened(x, of.u + u64, lost(of));

/** A function that never falls, at both ends. */
const rising =
  (f: (x: number) => number) =>
  ([low, high]: Interval): Interval =>
    known(f(low), f(high));

const elementary = (name: 'exp' | 'log' | 'sqrt' | 'tanh' | 'erf') => {
  const ends = rising(unaryFunctions[name]);
  return (x: Interval, of: Precision): Interval => widened(ends(x), byUlps(of, name), lost(of));
};

const holdsZero = ([low, high]: Interval): boolean => low <= 0 && high >= 0;
const magnitudes = ([low, high]: Interval): Interval => {
  const most = Math.max(Math.abs(low), Math.abs(high));
  return holdsZero([low, high]) ? [0, most] : [Math.min(Math.abs(low), Math.abs(high)), most];
};

export const unary: { readonly [K in UnaryKind]: (x: Interval, of: Precision) => Interval } = {
  negative: ([low, high]) => [-high, -low],
  abs: (x) => magnitudes(x),
  sign: ([low, high]) => [Math.sign(low), Math.sign(high)],
  reciprocal: (x, of) => (holdsZero(x) ? anything : widened([1 / x[1], 1 / x[0]], byUlps(of, 'divide'), lost(of))),
  square(x, of) {
    const [low, high] = magnitudes(x);
    return rounded([low * low, high * high], of);
  },
  exp: elementary('exp'),
  log: elementary('log'),
  sqrt: elementary('sqrt'),
  tanh: elementary('tanh'),
  erf: elementary('erf'),
  logicalNot: ([low, high]) => [1 - high, 1 - low],
};

/** The least and the largest of f at the four corners: for functions that rise or fall in each operand alone. */
function corners(name: BinaryName, [a, b]: Interval, [c, d]: Interval): Interval {
  const f = binaryFunctions[name];
  const values = [f(a, c), f(a, d), f(b, c), f(b, d)];
  return known(Math.min(...values), Math.max(...values));
}

export const arithmetic: { readonly [K in ArithmeticKind]: (x: Interval, y: Interval, of: Precision) => Interval } = {
  add: (x, y, of) => rounded(known(x[0] + y[0], x[1] + y[1]), of),
  subtract: (x, y, of) => rounded(known(x[0] - y[1], x[1] - y[0]), of),
  multiply: (x, y, of) => rounded(corners('multiply', x, y), of),
  divide: (x, y, of) => (holdsZero(y) ? anything : widened(corners('divide', x, y), byUlps(of, 'divide'), lost(of))),
  // rising or falling in each operand for positive bases; of others nothing is said unless both are known exactly
  power: (x, y, of) =>
    x[0] > 0 || (x[0] === x[1] && y[0] === y[1])
      ? widened(corners('power', x, y), byUlps(of, 'power'), lost(of))
      : anything,
  maximum: (x, y) => [Math.max(x[0], y[0]), Math.max(x[1], y[1])],
  minimum: (x, y) => [Math.min(x[0], y[0]), Math.min(x[1], y[1])],
};

const truth = (always: boolean, possible: boolean): Interval => [always ? 1 : 0, possible ? 1 : 0];
const less = (x: Interval, y: Interval): Interval => truth(x[1] < y[0], x[0] < y[1]);
const lessEqual = (x: Interval, y: Interval): Interval => truth(x[1] <= y[0], x[0] <= y[1]);
const equal = (x: Interval, y: Interval): Interval =>
  truth(x[0] === x[1] && y[0] === y[1] && x[0] === y[0], x[0] <= y[1] && y[0] <= x[1]);
const not = ([low, high]: Interval): Interval => [1 - high, 1 - low];

/** Truth values: [1, 1] always, [0, 0] never, [0, 1] it depends. */
export const comparison: { readonly [K in ComparisonKind]: (x: Interval, y: Interval) => Interval } = {
  less,
  lessEqual,
  greater: (x, y) => less(y, x),
  greaterEqual: (x, y) => lessEqual(y, x),
  equal,
  notEqual: (x, y) => not(equal(x, y)),
};

export const hull = (x: Interval, y: Interval): Interval => [Math.min(x[0], y[0]), Math.max(x[1], y[1])];

/** A sum in any order: γ_{n−1} Σ|xᵢ| + nλ, as `sumBound` derives it. */
export function total(terms: readonly Interval[], of: Precision): Interval {
  const n = terms.length;
  let [low, high, size] = [0, 0, 0];
  for (const x of terms) {
    low += x[0];
    high += x[1];
    size += Math.max(Math.abs(x[0]), Math.abs(x[1]));
  }
  const off = n < 2 ? 0 : (gamma(n - 1, of.u) + gamma(n - 1, u64)) * size + n * lost(of);
  return known(low - off, high + off);
}

/** The numbers of the precision nearest to x: one, where it holds x itself. */
export const nearest = (x: Interval, of: Precision): Interval =>
  of.u === UNIT_ROUNDOFF.float32 && !(x[0] === x[1] && Math.fround(x[0]) === x[0]) ? rounded(x, of) : x;
