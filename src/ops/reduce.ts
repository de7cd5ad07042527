import type { DType, PrimitiveAttrs } from '../backend.ts';
import { DTypeError, ShapeError, UsageError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpec, normalizeAxis, requireFloat } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/** Reductions along axes. The reduced axes disappear; `Tensor` puts them back as 1 where `keepDims` is asked for. */

const without = (shape: readonly number[], axes: readonly number[]) => shape.filter((_, axis) => !axes.includes(axis));

/** The reduced tensor seen again in the shape of x: reduced axes as 1, then repeated. */
const spread = (reduced: Tensor, x: Tensor, axes: readonly number[]): Tensor =>
  reduced.reshape(x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))).broadcastTo(x.shape);

export const reduce: Op<PrimitiveAttrs['reduce']> = {
  name: 'reduce',
  method: ({ kind }) => kind,
  kind: 'primitive',
  infer([x], { kind, axes }) {
    if (x.dtype === 'bool')
      throw new DTypeError({
        operation: kind,
        received: formatSpec(x),
        expected: 'numbers',
        advice: "Convert with .astype('int32').",
      });
    return [{ shape: without(x.shape, axes), dtype: x.dtype }];
  },
  vjp({ inputs: [x], outputs: [y], gradients: [g], attrs: { kind, axes } }) {
    if (kind === 'sum') return [spread(g, x, axes)];
    // The extreme elements share the gradient equally.
    const extreme = x.equal(spread(y, x, axes)).astype(x.dtype);
    return [extreme.multiply(spread(g.divide(extreme.sum(axes)), x, axes))];
  },
};

export interface AxesAttrs {
  readonly axes: readonly number[];
}

const sizeAlong = (x: { shape: readonly number[] }, axes: readonly number[]) =>
  axes.reduce((product, axis) => product * x.shape[axis], 1);

const inferFloatReduction =
  (operation: string): Op<AxesAttrs>['infer'] =>
  ([x], { axes }) => {
    requireFloat(operation, x);
    return [{ shape: without(x.shape, axes), dtype: x.dtype }];
  };

// mean = (1/N) Σ x; NaN where N = 0
export const mean: Op<AxesAttrs> = {
  name: 'mean',
  kind: 'composite',
  infer: inferFloatReduction('mean'),
  compose: ([x], { axes }) => [x.sum(axes).divide(sizeAlong(x, axes))],
  vjp: ({ inputs: [x], gradients: [g], attrs: { axes } }) => [spread(g.divide(sizeAlong(x, axes)), x, axes)],
};

// variance = 1/(N - correction) Σ (x - mean)²; for N = correction IEEE's NaN or ∞
export const variance: Op<AxesAttrs & { readonly correction: number }> = {
  name: 'variance',
  kind: 'composite',
  infer(inputs, { axes, correction }) {
    const outputs = inferFloatReduction('variance')(inputs, { axes });
    const size = sizeAlong(inputs[0], axes);
    // More than N would make the divisor, and with it the variance, negative.
    if (!Number.isFinite(correction) || correction < 0 || (size > 0 && correction > size))
      throw new UsageError({
        operation: 'variance',
        received: `correction ${correction} for ${size} elements of ${formatSpec(inputs[0])}`,
        expected: 'a number from 0 to the number of elements',
      });
    return outputs;
  },
  compose: ([x], { axes, correction }) => [
    x
      .subtract(x.mean(axes, { keepDims: true }))
      .square()
      .sum(axes)
      .divide(sizeAlong(x, axes) - correction),
  ],
  // ∂x = 2 (x - mean)/(N - correction) g; the mean's own term is Σ (x - mean) = 0
  vjp: ({ inputs: [x], gradients: [g], attrs: { axes, correction } }) => [
    x
      .subtract(x.mean(axes, { keepDims: true }))
      .multiply(spread(g.multiply(2 / (sizeAlong(x, axes) - correction)), x, axes)),
  ],
};

// logSumExp = m + log Σ exp(x - m) with m = max x, so that nothing overflows; an infinite m is taken as 0
export const logSumExp: Op<AxesAttrs> = {
  name: 'logSumExp',
  kind: 'composite',
  infer: inferFloatReduction('logSumExp'),
  compose([x], { axes }) {
    const max = x.max(axes, { keepDims: true }).stopGradient();
    const shift = max.abs().less(Number.POSITIVE_INFINITY).where(max, 0);
    return [
      x
        .subtract(shift)
        .exp()
        .sum(axes)
        .log()
        .add(shift.reshape(without(x.shape, axes))),
    ];
  },
  vjp: ({ inputs: [x], outputs: [y], gradients: [g], attrs: { axes } }) => [
    x
      .subtract(spread(y, x, axes))
      .exp()
      .multiply(spread(g, x, axes)), // softmax(x) g
  ],
};

/**
 * norm = √Σ x² = s √Σ (x/s)² with s = max |x|, so that no square over- or underflows; 0 of nothing and of zeros, ∞ where an
 * element is infinite.  ∂x = g x/norm, 0 where the norm is 0.
 */
export const norm: Op<AxesAttrs> = {
  name: 'norm',
  kind: 'composite',
  infer: inferFloatReduction('norm'),
  compose([x], { axes }) {
    if (sizeAlong(x, axes) === 0) return [x.sum(axes)];
    const largest = x.abs().max(axes, { keepDims: true });
    const scale = largest.equal(0).logicalOr(largest.equal(Number.POSITIVE_INFINITY)).where(1, largest);
    return [
      x
        .divide(scale)
        .square()
        .sum(axes)
        .sqrt()
        .multiply(scale.reshape(without(x.shape, axes))),
    ];
  },
  vjp({ inputs: [x], outputs: [n], gradients: [g], attrs: { axes } }) {
    const length = n.equal(0).where(1, n);
    return [x.divide(spread(length, x, axes)).multiply(spread(g, x, axes))];
  },
};

// The first index of the largest element; NaN counts as the largest.
export const argmax: Op<{ readonly axis: number }> = {
  name: 'argmax',
  kind: 'composite',
  infer([x], { axis }) {
    if (x.dtype === 'bool') throw new DTypeError({ operation: 'argmax', received: formatSpec(x), expected: 'numbers' });
    if (x.shape[normalizeAxis('argmax', axis, x.shape.length)] === 0)
      throw new ShapeError({
        operation: 'argmax',
        received: `the empty axis ${axis} of ${formatSpec(x)}`,
        expected: 'at least one element',
      });
    return [{ shape: without(x.shape, [axis]), dtype: 'int32' }];
  },
  compose([x], { axis }) {
    const nan = x.notEqual(x);
    const anyNaN = nan.astype('int32').max([axis], { keepDims: true }).greater(0);
    const largest = nan.where(lowest(x.dtype), x).max([axis], { keepDims: true });
    const candidate = anyNaN.broadcastTo(x.shape).where(nan, x.equal(largest));
    return [firstTrue(candidate, axis)];
  },
  vjp: null,
};

/** The value that no other is below. */
export const lowest = (dtype: DType): number => (dtype === 'int32' ? -(2 ** 31) : Number.NEGATIVE_INFINITY);

/** The lowest index along `axis` where the condition holds (the axis' size where it never does). */
export function firstTrue(condition: Tensor, axis: number): Tensor {
  const size = condition.shape[axis];
  const position = condition.engine.arange(size).reshape(condition.shape.map((_, a) => (a === axis ? size : 1)));
  return condition.where(position.broadcastTo(condition.shape), size).min([axis]);
}
