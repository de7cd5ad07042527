import type { Spec } from '../backend.ts';
import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpecs, requireDType, requireFloat, requireOneDType, sameShape } from '../shape.ts';
import { softmaxGradient } from './normalize.ts';

/** Scaled dot-product attention (Vaswani et al. 2017, eq. 1), all heads at once, and what flows back through it. */

const axes = '[batch, head, position, dim]';

/** @throws ShapeError unless q, k, v (and what else is of their shape) are [batch, head, position, dim] */
function requireHeads(operation: string, like: readonly Spec[], all: readonly Spec[]): void {
  const [q] = like;
  if (q.shape.length !== 4 || !like.every(({ shape }) => sameShape(shape, q.shape)))
    throw new ShapeError({ operation, received: formatSpecs(all), expected: `q, k and v of one shape ${axes}` });
}

/** The weight of each key for each query: [batch, head, query, key]. */
const weightsOf = ({ shape: [batch, heads, positions], dtype }: Spec): Spec => ({
  shape: [batch, heads, positions, positions],
  dtype,
});

/** The most negative number that is none of the infinities. */
const lowest = (dtype: Spec['dtype']): number => (dtype === 'float64' ? -Number.MAX_VALUE : -(2 - 2 ** -23) * 2 ** 127);

/**
 * q, k, v [batch, head, position, dim], mask bool [batch, position], false for padding -> [y, weights], y of the shape of q,
 * weights [batch, head, query, key].
 *   s = q kᵀ/√dim;  weights_ij = e^{s_ij - m_i}/Σ_j e^{s_ij - m_i} with m and Σ over the real keys j, 0 for the others;
 *   y = weights v
 * A sentence without any real key has weights 0, and so y = 0.
 * @throws ShapeError, DTypeError
 */
export const attention: Op = {
  name: 'attention',
  kind: 'composite',
  infer([q, k, v, mask]) {
    requireFloat('attention', q);
    requireOneDType('attention', [q, k, v]);
    requireDType('attention', 'mask', mask, 'bool');
    requireHeads('attention', [q, k, v], [q, k, v, mask]);
    const [batch, , positions] = q.shape;
    if (!sameShape(mask.shape, [batch, positions]))
      throw new ShapeError({
        operation: 'attention',
        received: formatSpecs([q, k, v, mask]),
        expected: `mask bool[${batch}, ${positions}], which says of each [batch, position] whether it is real`,
      });
    return [{ shape: q.shape, dtype: q.dtype }, weightsOf(q)];
  },
  compose([q, k, v, mask]) {
    const real = mask.reshape([mask.shape[0], 1, 1, mask.shape[1]]); // [batch, 1, 1, key]
    // [query, dim] · [dim, key] -> [query, key]
    const scores = q.matmul(k.transpose()).multiply(1 / Math.sqrt(q.shape[3]));
    const overKeys = { keepDims: true };
    // A finite stand-in for −∞ keeps a row of padding free of NaN; whatever comes of padding is replaced by 0.
    const known = real.where(scores, lowest(q.dtype));
    const e = real.where(known.subtract(known.max([3], overKeys).stopGradient()).exp(), 0);
    const weights = real.where(e.divide(e.sum([3], overKeys)), 0);
    return [weights.matmul(v), weights]; // [query, key] · [key, dim] -> [query, dim]
  },
  vjp: ({ inputs: [q, k, v], outputs: [, weights], gradients: [gy, gweights], reached }) => [
    ...q.engine.run(attentionGradient, [weights, q, k, v, gy, ...(reached[1] ? [gweights] : [])], {}),
    null,
  ],
};

/**
 * What flows back through attention: weights [batch, head, query, key], q, k, v and gy [batch, head, position, dim], and the
 * gradient of the weights themselves where something depends on them (a sixth input, of their shape) -> [∂q, ∂k, ∂v].
 *   gw = gy vᵀ + gweights;  ∂s = weights (gw - Σ_j gw weights);  ∂q = ∂s k/√dim,  ∂k = ∂sᵀ q/√dim,  ∂v = weightsᵀ gy
 * It needs no mask: where a weight is 0, so is ∂s.
 * @throws ShapeError, DTypeError
 */
export const attentionGradient: Op = {
  name: 'attentionGradient',
  kind: 'composite',
  infer(inputs) {
    const [weights, q, k, v, gy, gweights] = inputs;
    requireFloat('attentionGradient', weights);
    requireOneDType('attentionGradient', inputs);
    requireHeads('attentionGradient', [q, k, v, gy], inputs);
    const square = weightsOf(q).shape;
    if (![weights, ...(gweights ? [gweights] : [])].every(({ shape }) => sameShape(shape, square)))
      throw new ShapeError({
        operation: 'attentionGradient',
        received: formatSpecs(inputs),
        expected: `weights and their gradient [${square.join(', ')}], as [batch, head, query, key]`,
      });
    return [q, k, v].map(({ shape, dtype }) => ({ shape, dtype }));
  },
  compose([weights, q, k, v, gy, gweights]) {
    const throughValues = gy.matmul(v.transpose()); // [query, dim] · [dim, key] -> [query, key]
    const gw = gweights ? throughValues.add(gweights) : throughValues;
    const [gs] = weights.engine.run(softmaxGradient, [weights, gw], { axis: 3 });
    const scaled = gs.multiply(1 / Math.sqrt(q.shape[3]));
    return [
      scaled.matmul(k), // [query, key] · [key, dim] -> [query, dim]
      scaled.transpose().matmul(q), // [key, query] · [query, dim] -> [key, dim]
      weights.transpose().matmul(gy), // [key, query] · [query, dim] -> [key, dim]
    ];
  },
};
