import type { HostArray, PrimitiveAttrs } from '../../src/backend.ts';
import { allocate, contiguousStrides, forEachRow, gatherView, isContiguous, sizeOf } from '../../src/shape.ts';
import { requireIndex } from './indices.ts';
import type { CompositeAttrs, HostKernel, HostView } from './kernel.ts';
import { forEachLongRow } from './walk.ts';

/** Kernels that move elements and change none: copy, cast, fill, concat, gather, and its transpose scatterAdd. */

/** Stores a view at another strided place; the store rounds (or wraps) to the dtype of `target`. */
function copyInto(target: HostArray, place: { strides: readonly number[]; offset: number }, source: HostView): void {
  const data = source.buffer;
  forEachLongRow(source.shape, [source, place], (_, [from, to], length, [fromStep, toStep]) => {
    copyRow(length, target, to, toStep, data, from, fromStep);
  });
}

type MoveRow = (n: number, target: HostArray, q: number, t: number, source: HostArray, p: number, s: number) => void;
const copyRow: MoveRow = (n, target, q, t, source, p, s) => {
  for (let i = 0; i < n; i++, p += s, q += t) target[q] = source[p];
};
const addRow: MoveRow = (n, target, q, t, source, p, s) => {
  for (let i = 0; i < n; i++, p += s, q += t) target[q] += source[p];
};

const rowMajor = (shape: readonly number[]) => ({ strides: contiguousStrides(shape), offset: 0 });

export const copy: HostKernel<PrimitiveAttrs['copy']> = ([x]) => {
  if (isContiguous(x)) return [gatherView(x)];
  const result = allocate(x.dtype, sizeOf(x.shape));
  copyInto(result, rowMajor(x.shape), x);
  return [result];
};

// Stores convert: to float32 by rounding, to int32 toward zero (NaN and ±∞ to 0, and modulo 2³² beyond its range).
export const cast: HostKernel<PrimitiveAttrs['cast']> = ([x], _, [output]) => {
  const result = allocate(output.dtype, sizeOf(x.shape));
  if (output.dtype !== 'bool') copyInto(result, rowMajor(x.shape), x);
  else
    forEachLongRow(x.shape, [x], (at, [start], length, [step]) => {
      for (let i = 0, p = start; i < length; i++, p += step) result[at + i] = x.buffer[p] !== 0 ? 1 : 0;
    });
  return [result];
};

export const fill: HostKernel<PrimitiveAttrs['fill']> = (_, { value }, [output]) => [
  allocate(output.dtype, sizeOf(output.shape)).fill(output.dtype === 'bool' ? Number(value !== 0) : value),
];

export const concat: HostKernel<CompositeAttrs['concat']> = (inputs, { axis }, [output]) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  const strides = contiguousStrides(output.shape);
  let start = 0;
  for (const x of inputs) {
    copyInto(result, { strides, offset: start * strides[axis] }, x);
    start += x.shape[axis];
  }
  return [result];
};

/** Both move slices along `axis`: the walk goes over the other axes, and for each of their rows over the indices. */
const withoutAxis = (view: { strides: readonly number[]; offset: number }, axis: number) => ({
  strides: view.strides.filter((_, a) => a !== axis),
  offset: view.offset,
});

/** y[…, m, …] = x[…, indices[m], …], for the operation of that name. */
export const gatherAs =
  (operation: string): HostKernel<PrimitiveAttrs['gather']> =>
  ([x, indices], { axis }, [output]) => {
    const index = requireIndex(operation, indices, x.shape[axis]);
    const result = allocate(output.dtype, sizeOf(output.shape));
    const place = rowMajor(output.shape);
    const [data, along, resultAlong] = [x.buffer, x.strides[axis], place.strides[axis]];
    const others = output.shape.filter((_, a) => a !== axis);
    forEachRow(
      others,
      [withoutAxis(x, axis), withoutAxis(place, axis)],
      (_, [from, to], length, [step, resultStep]) => {
        for (let m = 0; m < index.length; m++)
          copyRow(length, result, to + m * resultAlong, resultStep, data, from + index[m] * along, step);
      },
    );
    return [result];
  };
export const gather = gatherAs('gather');

// y = x, then y[…, indices[m], …] += updates[…, m, …] for m = 0, 1, …; floats are summed in Float64 and rounded at the end.
export const scatterAdd: HostKernel<PrimitiveAttrs['scatterAdd']> = ([x, indices, updates], { axis }, [output]) => {
  const index = requireIndex('scatterAdd', indices, x.shape[axis]);
  const sum = allocate(x.dtype === 'float32' ? 'float64' : x.dtype, sizeOf(x.shape));
  const place = rowMajor(x.shape);
  copyInto(sum, place, x);
  const [data, along, sumAlong] = [updates.buffer, updates.strides[axis], place.strides[axis]];
  const others = output.shape.filter((_, a) => a !== axis);
  forEachRow(
    others,
    [withoutAxis(updates, axis), withoutAxis(place, axis)],
    (_, [from, to], length, [step, sumStep]) => {
      for (let m = 0; m < index.length; m++)
        addRow(length, sum, to + index[m] * sumAlong, sumStep, data, from + m * along, step);
    },
  );
  return [x.dtype === 'float32' ? new Float32Array(sum) : sum];
};
