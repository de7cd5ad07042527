import type { HostArray, PrimitiveAttrs, Spec } from '../../src/backend.ts';
import { allocate, sizeOf } from '../../src/shape.ts';
import type { HostKernel, HostView } from './kernel.ts';
import { activations, binaryFloat, binaryInt32, unaryFloat, unaryInt32 } from './scalar.ts';
import { forEachLongRow } from './walk.ts';

/** Elementwise kernels. Each value is computed in Float64 and rounded once, by the store into the result. */

function map(x: HostView, f: (value: number) => number, output: Spec): HostArray {
  const [data, result] = [x.buffer, allocate(output.dtype, sizeOf(x.shape))];
  forEachLongRow(x.shape, [x], (at, [start], length, [step]) => {
    for (let i = 0, p = start; i < length; i++, p += step) result[at + i] = f(data[p]);
  });
  return result;
}

export const unary: HostKernel<PrimitiveAttrs['unary']> = ([x], { kind }, [output]) => [
  map(x, (x.dtype === 'int32' && unaryInt32[kind]) || unaryFloat[kind], output),
];

export const activation =
  (kind: keyof typeof activations): HostKernel<object> =>
  ([x], _, [output]) => [map(x, activations[kind], output)];

/** One row of a binary operation: a at p, p + s, …, b at q, q + t, …, into `result` from `at` on. */
type BinaryRow = (
  result: HostArray,
  at: number,
  length: number,
  a: HostArray,
  p: number,
  s: number,
  b: HostArray,
  q: number,
  t: number,
) => void;

const rowOf =
  (f: (a: number, b: number) => number): BinaryRow =>
  (result, at, length, a, p, s, b, q, t) => {
    for (let i = 0; i < length; i++, p += s, q += t) result[at + i] = f(a[p], b[q]);
  };

// The most frequent operations have a loop of their own: a call of f for every element would cost more than the sum itself.
const ownRow: { readonly [kind: string]: BinaryRow | undefined } = {
  add(result, at, length, a, p, s, b, q, t) {
    for (let i = 0; i < length; i++, p += s, q += t) result[at + i] = a[p] + b[q];
  },
  subtract(result, at, length, a, p, s, b, q, t) {
    for (let i = 0; i < length; i++, p += s, q += t) result[at + i] = a[p] - b[q];
  },
  multiply(result, at, length, a, p, s, b, q, t) {
    for (let i = 0; i < length; i++, p += s, q += t) result[at + i] = a[p] * b[q];
  },
  divide(result, at, length, a, p, s, b, q, t) {
    for (let i = 0; i < length; i++, p += s, q += t) result[at + i] = a[p] / b[q];
  },
};

export const binary: HostKernel<PrimitiveAttrs['binary']> = ([a, b], { kind }, [output]) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  const exact = a.dtype === 'int32' ? binaryInt32[kind] : undefined;
  const row = exact ? rowOf(exact) : (ownRow[kind] ?? rowOf(binaryFloat[kind]));
  forEachLongRow(output.shape, [a, b], (at, [p, q], length, [s, t]) =>
    row(result, at, length, a.buffer, p, s, b.buffer, q, t),
  );
  return [result];
};

export const select: HostKernel<PrimitiveAttrs['select']> = ([condition, a, b], _, [output]) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  const [mask, left, right] = [condition.buffer, a.buffer, b.buffer];
  forEachLongRow(output.shape, [condition, a, b], (at, [c0, a0, b0], length, [c1, a1, b1]) => {
    for (let i = 0, c = c0, p = a0, q = b0; i < length; i++, c += c1, p += a1, q += b1)
      result[at + i] = mask[c] ? left[p] : right[q];
  });
  return [result];
};
