import type { PrimitiveAttrs, Spec } from '../backend.ts';
import { ShapeError, UsageError } from '../errors.ts';
import type { Op } from '../op.ts';
import {
  checkShape,
  formatSpecs,
  normalizeAxis,
  requireDType,
  requireOneDType,
  requireRank,
  sameShape,
} from '../shape.ts';

/** Primitives that move data: copy, fill, gather and its transpose, scatterAdd. */

export const copy: Op<PrimitiveAttrs['copy']> = {
  name: 'copy',
  kind: 'primitive',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  vjp: ({ gradients: [g] }) => [g],
};

export interface FillAttrs extends Spec {
  readonly value: number;
  /** The method that was called, for errors: zeros, ones or full. */
  readonly operation?: string;
}

export const fill: Op<FillAttrs> = {
  name: 'fill',
  method: ({ operation = 'full' }) => operation,
  kind: 'primitive',
  infer(_, { shape, value, dtype, operation = 'full' }) {
    checkShape(operation, shape);
    if (typeof value !== 'number')
      throw new UsageError({ operation, received: `the value ${String(value)}`, expected: 'a number' });
    if (dtype === 'int32' && (value | 0) !== value)
      throw new UsageError({ operation, received: `${value} for int32`, expected: 'an integer that int32 holds' });
    return [{ shape, dtype }];
  },
  vjp: null,
};

// y[…, m, …] = x[…, indices[m], …]; its transpose adds each gradient slice back where it came from.
export const gather: Op<PrimitiveAttrs['gather']> = {
  name: 'gather',
  kind: 'primitive',
  infer([x, indices], { axis }) {
    normalizeAxis('gather', axis, x.shape.length);
    requireDType('gather', 'indices', indices, 'int32');
    requireRank('gather', 'indices', indices, 1);
    return [{ shape: x.shape.with(axis, indices.shape[0]), dtype: x.dtype }];
  },
  vjp: ({ inputs: [x, indices], gradients: [g], attrs }) => [x.zerosLike().scatterAdd(indices, g, attrs.axis), null],
};

export const scatterAdd: Op<PrimitiveAttrs['scatterAdd']> = {
  name: 'scatterAdd',
  kind: 'primitive',
  infer([x, indices, updates], { axis }) {
    normalizeAxis('scatterAdd', axis, x.shape.length);
    requireDType('scatterAdd', 'indices', indices, 'int32');
    requireRank('scatterAdd', 'indices', indices, 1);
    const expected = x.shape.with(axis, indices.shape[0]);
    requireOneDType('scatterAdd', [x, updates]);
    if (!sameShape(updates.shape, expected))
      throw new ShapeError({
        operation: 'scatterAdd',
        received: formatSpecs([x, indices, updates]),
        expected: `updates ${x.dtype}[${expected.join(', ')}] for axis ${axis}`,
      });
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  vjp: ({ inputs: [, indices], gradients: [g], attrs }) => [g, null, g.gather(indices, attrs.axis)],
};
