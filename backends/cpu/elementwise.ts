import type { HostArray, PrimitiveAttrs, Spec } from '../../src/backend.ts';
import { allocate, sizeOf } from '../../src/shape.ts';
import type { HostKernel, HostView } from './kernel.ts';
import { type Activation, binaryRows, selectRow, type UnaryRow, unaryRows } from './rows.ts';
import { forEachLongRow } from './walk.ts';

/** Elementwise kernels: the walk over rows. What happens within a row is in rows.ts. */

function map(x: HostView, row: UnaryRow, output: Spec): HostArray {
  const result = allocate(output.dtype, sizeOf(output.shape));
  forEachLongRow(x.shape, [x], (at, [start], length, [step]) => row(result, at, length, x.buffer, start, step));
  return result;
}

export const unary: HostKernel<PrimitiveAttrs['unary']> = ([x], { kind }, [output]) => [
  map(x, unaryRows[x.dtype === 'int32' && kind === 'square' ? 'squareInt32' : kind], output),
];

export const activation =
  (kind: Activation): HostKernel<object> =>
  ([x], _, [output]) => [map(x, unaryRows[kind], output)];

export const binary: HostKernel<PrimitiveAttrs['binary']> = ([a, b], { kind }, [output]) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  const row = binaryRows[a.dtype === 'int32' && kind === 'multiply' ? 'multiplyInt32' : kind];
  forEachLongRow(output.shape, [a, b], (at, [p, q], length, [s, t]) =>
    row(result, at, length, a.buffer, p, s, b.buffer, q, t),
  );
  return [result];
};

export const select: HostKernel<PrimitiveAttrs['select']> = ([condition, a, b], _, [output]) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  const [mask, left, right] = [condition.buffer, a.buffer, b.buffer];
  forEachLongRow(output.shape, [condition, a, b], (at, [c0, p0, q0], length, [r, s, t]) => {
    selectRow(result, at, length, mask, c0, r, left, p0, s, right, q0, t);
  });
  return [result];
};
