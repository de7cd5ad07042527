/**
 * Operations on each element alone. Arrays of different shapes are broadcast to one shape first.
 * NaN in, NaN out, in all arithmetic; comparisons with NaN are false, except `notEqual`.
 */
import type { NdArray } from 'ndarray';
import {
  type Any,
  at,
  type Bool,
  boolArray,
  broadcastShapes,
  broadcastTo,
  fromFunction,
  fromFunctionLike,
  indices,
  type Real,
  type Storage,
} from '../array.ts';
import { erf, normalCdf } from './error-function.ts';

/** σ(x) = 1 / (1 + e^{−x}) */
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** Functions of one number. */
export const unaryFunctions = {
  negative: (x: number) => -x,
  abs: (x: number) => Math.abs(x),
  /** −1, 0 or 1 */
  sign: (x: number) => Math.sign(x),
  exp: (x: number) => Math.exp(x),
  /** the natural logarithm; −∞ at 0, NaN below */
  log: (x: number) => Math.log(x),
  sqrt: (x: number) => Math.sqrt(x),
  /** (eˣ − e^{−x}) / (eˣ + e^{−x}) */
  tanh: (x: number) => Math.tanh(x),
  /** 2/√π ∫₀ˣ e^{−t²} dt */
  erf,
  reciprocal: (x: number) => 1 / x,
  square: (x: number) => x * x,
  relu: (x: number) => Math.max(x, 0),
  /** x Φ(x), the exact form (Hendrycks & Gimpel 2016, arXiv 1606.08415) */
  gelu: (x: number) => x * normalCdf(x),
  /** Their approximation: x/2 · (1 + tanh(√(2/π)(x + 0.044715 x³))) */
  geluTanh: (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  /** x σ(x) */
  silu: (x: number) => x * logistic(x),
  sigmoid: logistic,
  /** ln(1 + eˣ) = max(x, 0) + ln(1 + e^{−|x|}) */
  softplus: (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
} as const;

/** Functions of two numbers. */
export const binaryFunctions = {
  add: (x: number, y: number) => x + y,
  subtract: (x: number, y: number) => x - y,
  multiply: (x: number, y: number) => x * y,
  divide: (x: number, y: number) => x / y,
  /** xʸ; NaN for a negative x and a fractional y */
  power: (x: number, y: number) => x ** y,
  maximum: (x: number, y: number) => Math.max(x, y),
  minimum: (x: number, y: number) => Math.min(x, y),
} as const;

/** Statements about two numbers. */
export const comparisons = {
  equal: (x: number, y: number) => x === y,
  notEqual: (x: number, y: number) => x !== y,
  less: (x: number, y: number) => x < y,
  lessEqual: (x: number, y: number) => x <= y,
  greater: (x: number, y: number) => x > y,
  greaterEqual: (x: number, y: number) => x >= y,
} as const;

export type UnaryName = keyof typeof unaryFunctions;
export type BinaryName = keyof typeof binaryFunctions;
export type ComparisonName = keyof typeof comparisons;

/** resultᵢ = f(aᵢ) */
export const unary = (name: UnaryName, a: Real): Real =>
  fromFunction(a.shape, (index) => unaryFunctions[name](at(a, index)));

/** resultᵢ = f(aᵢ, bᵢ) */
export function binary(name: BinaryName, a: Real, b: Real): Real {
  const shape = broadcastShapes(a.shape, b.shape);
  const [x, y] = [broadcastTo(a, shape), broadcastTo(b, shape)];
  return fromFunction(shape, (index) => binaryFunctions[name](at(x, index), at(y, index)));
}

function decide(a: Any, b: Any, holds: (x: number, y: number) => boolean): Bool {
  const shape = broadcastShapes(a.shape, b.shape);
  const [x, y] = [broadcastTo(a, shape), broadcastTo(b, shape)];
  return boolArray(
    Array.from(indices(shape), (index) => holds(at(x, index), at(y, index))),
    shape,
  );
}

/** resultᵢ = whether the statement holds for aᵢ and bᵢ */
export const compare = (name: ComparisonName, a: Any, b: Any): Bool => decide(a, b, comparisons[name]);

/** aᵢ ∧ bᵢ */
export const logicalAnd = (a: Bool, b: Bool): Bool => decide(a, b, (x, y) => x !== 0 && y !== 0);
/** aᵢ ∨ bᵢ */
export const logicalOr = (a: Bool, b: Bool): Bool => decide(a, b, (x, y) => x !== 0 || y !== 0);
/** ¬aᵢ */
export const logicalNot = (a: Bool): Bool => fromFunctionLike(a, a.shape, (index) => (at(a, index) === 0 ? 1 : 0));

/** resultᵢ = aᵢ where the condition holds, bᵢ elsewhere; all three are broadcast to one shape. */
export function where<D extends Storage>(condition: Bool, a: NdArray<D>, b: NdArray<D>): NdArray<D> {
  const shape = broadcastShapes(condition.shape, a.shape, b.shape);
  const [c, x, y] = [broadcastTo(condition, shape), broadcastTo(a, shape), broadcastTo(b, shape)];
  return fromFunctionLike(a, shape, (index) => (at(c, index) !== 0 ? at(x, index) : at(y, index)));
}

// Every name of the tables as a function of arrays.
const ofOne =
  (name: UnaryName) =>
  (a: Real): Real =>
    unary(name, a);
const ofTwo =
  (name: BinaryName) =>
  (a: Real, b: Real): Real =>
    binary(name, a, b);
const statement =
  (name: ComparisonName) =>
  (a: Any, b: Any): Bool =>
    compare(name, a, b);

export const negative = ofOne('negative');
export const abs = ofOne('abs');
export const sign = ofOne('sign');
export const exp = ofOne('exp');
export const log = ofOne('log');
export const sqrt = ofOne('sqrt');
export const tanh = ofOne('tanh');
export const reciprocal = ofOne('reciprocal');
export const square = ofOne('square');
export const relu = ofOne('relu');
export const gelu = ofOne('gelu');
export const geluTanh = ofOne('geluTanh');
export const silu = ofOne('silu');
export const sigmoid = ofOne('sigmoid');
export const softplus = ofOne('softplus');
const erfOfArray = ofOne('erf');

export { erfOfArray as erf };

export const add = ofTwo('add');
export const subtract = ofTwo('subtract');
export const multiply = ofTwo('multiply');
export const divide = ofTwo('divide');
export const power = ofTwo('power');
export const maximum = ofTwo('maximum');
export const minimum = ofTwo('minimum');

export const equal = statement('equal');
export const notEqual = statement('notEqual');
export const less = statement('less');
export const lessEqual = statement('lessEqual');
export const greater = statement('greater');
export const greaterEqual = statement('greaterEqual');
