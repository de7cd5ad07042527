import type { BinaryKind, HostArray, UnaryKind } from '../../src/backend.ts';
import { erf, gelu, geluTanh, logistic, softplus } from './scalar.ts';

/**
 * The elementwise functions, each as the loop over one row: the formula is the end of its line. A loop of its own for every
 * kind, since one loop that calls a function for each element costs several times the function (measured: sqrt 24 ns
 * instead of 4). Values are Float64 until the store rounds them, or wraps them for int32. A missing kind is a type error.
 */

/** y from `at` on = f(x at p, p + s, …), n elements */
export type UnaryRow = (y: HostArray, at: number, n: number, x: HostArray, p: number, s: number) => void;

/** y from `at` on = f(a at p, p + s, …; b at q, q + t, …), n elements */
export type BinaryRow = (
  y: HostArray,
  at: number,
  n: number,
  a: HostArray,
  p: number,
  s: number,
  b: HostArray,
  q: number,
  t: number,
) => void;

export type Activation = 'relu' | 'sigmoid' | 'silu' | 'softplus' | 'gelu' | 'geluTanh';

// A product of two int32 can pass 2⁵³, where Float64 would lose the low bits that wrapping keeps; hence Math.imul.
export const unaryRows: { readonly [K in UnaryKind | Activation | 'squareInt32']: UnaryRow } = {
  negative: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = -x[p];
  },
  abs: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = Math.abs(x[p]);
  },
  sign: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = Math.sign(x[p]);
  },
  reciprocal: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = 1 / x[p];
  },
  square: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = x[p] * x[p];
  },
  exp: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = Math.exp(x[p]);
  },
  log: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = Math.log(x[p]);
  },
  sqrt: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = Math.sqrt(x[p]);
  },
  tanh: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = Math.tanh(x[p]);
  },
  erf: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = erf(x[p]);
  },
  logicalNot: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = 1 - x[p];
  },
  relu: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = Math.max(x[p], 0);
  },
  sigmoid: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = logistic(x[p]);
  },
  silu: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = x[p] * logistic(x[p]);
  },
  softplus: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = softplus(x[p]);
  },
  gelu: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = gelu(x[p]);
  },
  geluTanh: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = geluTanh(x[p]);
  },
  squareInt32: (y, at, n, x, p, s) => {
    for (let i = 0; i < n; i++, p += s) y[at + i] = Math.imul(x[p], x[p]);
  },
};

// Comparisons with NaN are 0, but notEqual is 1; maximum and minimum propagate NaN.
export const binaryRows: { readonly [K in BinaryKind | 'multiplyInt32']: BinaryRow } = {
  add: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] + b[q];
  },
  subtract: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] - b[q];
  },
  multiply: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] * b[q];
  },
  divide: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] / b[q];
  },
  power: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] ** b[q];
  },
  maximum: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = Math.max(a[p], b[q]);
  },
  minimum: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = Math.min(a[p], b[q]);
  },
  equal: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = Number(a[p] === b[q]);
  },
  notEqual: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = Number(a[p] !== b[q]);
  },
  less: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = Number(a[p] < b[q]);
  },
  lessEqual: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = Number(a[p] <= b[q]);
  },
  greater: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = Number(a[p] > b[q]);
  },
  greaterEqual: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = Number(a[p] >= b[q]);
  },
  logicalAnd: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] & b[q];
  },
  logicalOr: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] | b[q];
  },
  multiplyInt32: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = Math.imul(a[p], b[q]);
  },
};

/** y from `at` on = a where the mask holds, else b; n elements */
export function selectRow(
  y: HostArray,
  at: number,
  n: number,
  mask: HostArray,
  c: number,
  r: number,
  a: HostArray,
  p: number,
  s: number,
  b: HostArray,
  q: number,
  t: number,
): void {
  for (let i = 0; i < n; i++, c += r, p += s, q += t) y[at + i] = mask[c] ? a[p] : b[q];
}
