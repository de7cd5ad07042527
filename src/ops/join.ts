import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpecs, normalizeAxis, requireOneDType } from '../shape.ts';

/** Tensors one after the other along an axis; all other sizes and the dtype must agree. */
export const concat: Op<{ readonly axis: number }> = {
  name: 'concat',
  kind: 'composite',
  infer(inputs, { axis }) {
    if (inputs.length === 0)
      throw new ShapeError({ operation: 'concat', received: 'no tensors', expected: 'at least one' });
    const [first] = inputs;
    normalizeAxis('concat', axis, first.shape.length);
    requireOneDType('concat', inputs);
    const agrees = inputs.every(
      (x) => x.shape.length === first.shape.length && x.shape.every((size, a) => a === axis || size === first.shape[a]),
    );
    if (!agrees)
      throw new ShapeError({
        operation: 'concat',
        received: formatSpecs(inputs),
        expected: `equal sizes on every axis but ${axis}`,
      });
    return [
      {
        shape: first.shape.with(
          axis,
          inputs.reduce((sum, x) => sum + x.shape[axis], 0),
        ),
        dtype: first.dtype,
      },
    ];
  },
  compose(inputs, { axis }) {
    const [first] = inputs;
    const dtype = first.dtype === 'bool' ? 'int32' : first.dtype;
    const size = inputs.reduce((sum, x) => sum + x.shape[axis], 0);
    let joined = first.engine.zeros(first.shape.with(axis, size), dtype);
    let start = 0;
    for (const x of inputs) {
      const place = x.engine.arange(x.shape[axis]).add(start);
      joined = joined.scatterAdd(place, x.astype(dtype), axis);
      start += x.shape[axis];
    }
    return [joined.astype(first.dtype)];
  },
  vjp({ inputs, gradients: [g], attrs: { axis } }) {
    let start = 0;
    return inputs.map((x) => {
      const stop = start + x.shape[axis];
      const part = g.slice([start, stop], axis);
      start = stop;
      return part;
    });
  },
};
