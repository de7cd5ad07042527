import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpecs, requireFloat, requireOneDType } from '../shape.ts';

/** The two contractions of orthogonal training: a Gram matrix, and the projection of an update off a span. */

// gram(A) = AᵀA:  […, row, col] -> […, col, col]
export const gram: Op = {
  name: 'gram',
  kind: 'composite',
  infer([a]) {
    requireFloat('gram', a);
    if (a.shape.length < 2)
      throw new ShapeError({ operation: 'gram', received: formatSpecs([a]), expected: '[…, row, col]' });
    const cols = a.shape.at(-1)!;
    return [{ shape: [...a.shape.slice(0, -2), cols, cols], dtype: a.dtype }];
  },
  compose: ([a]) => [a.transpose().matmul(a)], // [col, row] · [row, col] -> [col, col]
  vjp: ({ inputs: [a], gradients: [g] }) => [a.matmul(g.add(g.transpose()))], // ∂A = A (G + Gᵀ)
};

/**
 * Q G = G - V(VᵀG) with Q = I - VVᵀ: G […, row, col], V […, row, rank] -> […, row, col].
 * Costs 4·row·rank·col instead of the 2·row²·col of a dense Q: cheaper for rank < row/2.
 */
export const orthogonalProject: Op = {
  name: 'orthogonalProject',
  kind: 'composite',
  infer([g, v]) {
    requireFloat('orthogonalProject', g);
    requireOneDType('orthogonalProject', [g, v]);
    const fits =
      g.shape.length >= 2 &&
      v.shape.length === g.shape.length &&
      v.shape.slice(0, -1).every((size, axis) => size === g.shape[axis]);
    if (!fits)
      throw new ShapeError({
        operation: 'orthogonalProject',
        received: formatSpecs([g, v]),
        expected: 'G […, row, col] and V […, row, rank]',
      });
    return [{ shape: g.shape, dtype: g.dtype }];
  },
  compose: ([g, v]) => [g.subtract(v.matmul(v.transpose().matmul(g)))], // [row, rank] · ([rank, row] · [row, col])
  // Q is symmetric, so ∂G = Q g. From -V VᵀG:  ∂V = -(g (GᵀV) + G (gᵀV)).
  vjp({ inputs: [g, v], gradients: [c] }) {
    const along = c.matmul(g.transpose().matmul(v)).add(g.matmul(c.transpose().matmul(v))); // [row, col] · [col, rank]
    return [c.orthogonalProject(v), along.negative()];
  },
};
