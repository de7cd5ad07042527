import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import {
  broadcastShapes,
  broadcastStrides,
  checkShape,
  contiguousStrides,
  formatShape,
  formatSpec,
  isContiguous,
  reshapeStrides,
  sameShape,
  sizeOf,
} from '../shape.ts';

/** Operations that only change how a buffer is read: no element moves, except for a reshape that no strides can express. */

export const reshape: Op<{ readonly shape: readonly number[] }> = {
  name: 'reshape',
  kind: 'view',
  infer([x], { shape }) {
    checkShape('reshape', shape);
    if (sizeOf(shape) !== sizeOf(x.shape))
      throw new ShapeError({
        operation: 'reshape',
        received: `${formatSpec(x)} to ${formatShape(shape)}`,
        expected: `a shape of ${sizeOf(x.shape)} elements`,
      });
    return [{ shape, dtype: x.dtype }];
  },
  view(x, { shape }) {
    const strides = isContiguous(x) ? contiguousStrides(shape) : reshapeStrides(x, shape);
    return strides && { ...x, shape, strides };
  },
  vjp: ({ inputs: [x], gradients: [g] }) => [g.reshape(x.shape)],
};

export const permuteDims: Op<{ readonly axes: readonly number[] }> = {
  name: 'permuteDims',
  kind: 'view',
  infer([x], { axes }) {
    if (axes.length !== x.shape.length || ![...axes].sort((a, b) => a - b).every((axis, i) => axis === i))
      throw new ShapeError({
        operation: 'permuteDims',
        received: `axes ${formatShape(axes)} for ${formatSpec(x)}`,
        expected: `each of 0 … ${x.shape.length - 1} once`,
      });
    return [{ shape: axes.map((axis) => x.shape[axis]), dtype: x.dtype }];
  },
  view: (x, { axes }) => ({ ...x, shape: axes.map((a) => x.shape[a]), strides: axes.map((a) => x.strides[a]) }),
  vjp: ({ gradients: [g], attrs: { axes } }) => [g.permuteDims(axes.map((_, axis) => axes.indexOf(axis)))],
};

export const broadcastTo: Op<{ readonly shape: readonly number[] }> = {
  name: 'broadcastTo',
  kind: 'view',
  infer([x], { shape }) {
    checkShape('broadcastTo', shape);
    if (!sameShape(broadcastShapes('broadcastTo', x.shape, shape), shape))
      throw new ShapeError({
        operation: 'broadcastTo',
        received: `${formatSpec(x)} to ${formatShape(shape)}`,
        expected: 'a target that only enlarges axes of size 1 or adds leading axes',
      });
    return [{ shape, dtype: x.dtype }];
  },
  view: (x, { shape }) => ({ ...x, shape, strides: broadcastStrides(x, shape) }),
  // The gradient of a repeated element is the sum over its repetitions.
  vjp({ inputs: [x], gradients: [g] }) {
    const lead = g.shape.length - x.shape.length;
    const repeated = g.shape.flatMap((size, axis) => (axis < lead || x.shape[axis - lead] !== size ? [axis] : []));
    return [(repeated.length > 0 ? g.sum(repeated) : g).reshape(x.shape)];
  },
};

/** One entry an axis: elements start, start + step, … of which there are `size`. */
export interface SliceAttrs {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}

export const slice: Op<SliceAttrs> = {
  name: 'slice',
  kind: 'view',
  infer([x], { starts, sizes, steps }) {
    x.shape.forEach((length, axis) => {
      const [first, size, step] = [starts[axis], sizes[axis], steps[axis]];
      const last = first + (size - 1) * step;
      if (size > 0 && (first < 0 || last < 0 || first >= length || last >= length))
        throw new ShapeError({
          operation: 'slice',
          received: `start ${first}, size ${size}, step ${step} on axis ${axis} of ${formatSpec(x)}`,
          expected: `positions from 0 to ${length - 1}`,
        });
    });
    return [{ shape: sizes, dtype: x.dtype }];
  },
  view: (x, { starts, sizes, steps }) => ({
    ...x,
    shape: sizes,
    strides: x.strides.map((stride, axis) => stride * steps[axis]),
    offset:
      x.offset + (sizeOf(sizes) === 0 ? 0 : starts.reduce((sum, start, axis) => sum + start * x.strides[axis], 0)),
  }),
  // Elements that were left out get 0: one scatter along each axis that was cut.
  vjp({ inputs: [x], gradients: [g], attrs: { starts, sizes, steps } }) {
    let whole = g;
    x.shape.forEach((length, axis) => {
      if (sizes[axis] === length && steps[axis] === 1) return;
      const positions = Int32Array.from({ length: sizes[axis] }, (_, i) => starts[axis] + i * steps[axis]);
      const target = x.engine.zeros(whole.shape.with(axis, length), g.dtype);
      whole = target.scatterAdd(x.engine.tensor(positions, [positions.length]), whole, axis);
    });
    return [whole];
  },
};
