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

export interface ProjectAttrs {
  /** On which side of G the projector stands. */
  readonly side: 'left' | 'right';
}

/**
 * With Q = I − VVᵀ:  Q G = G − V(VᵀG) for G […, row, col] and V […, row, rank], or, on the right, G Q = G − (G V)Vᵀ for
 * V […, col, rank]; -> […, row, col].
 * Costs 4·row·col·rank instead of the 2·row²·col (or 2·row·col²) of a dense Q: cheaper for a rank below half of Q's size.
 */
export const orthogonalProject: Op<ProjectAttrs> = {
  name: 'orthogonalProject',
  kind: 'composite',
  infer([g, v], { side }) {
    requireFloat('orthogonalProject', g);
    requireOneDType('orthogonalProject', [g, v]);
    const size = g.shape.at(side === 'left' ? -2 : -1);
    const fits =
      g.shape.length >= 2 &&
      v.shape.length === g.shape.length &&
      v.shape.slice(0, -2).every((batch, axis) => batch === g.shape[axis]) &&
      v.shape.at(-2) === size;
    if (!fits)
      throw new ShapeError({
        operation: 'orthogonalProject',
        received: `${formatSpecs([g, v])}, V on the ${side}`,
        expected: side === 'left' ? 'G […, row, col] and V […, row, rank]' : 'G […, row, col] and V […, col, rank]',
      });
    return [{ shape: g.shape, dtype: g.dtype }];
  },
  compose: ([g, v], { side }) => [
    side === 'left'
      ? g.subtract(v.matmul(v.transpose().matmul(g))) // [row, rank] · ([rank, row] · [row, col])
      : g.subtract(g.matmul(v).matmul(v.transpose())), // ([row, col] · [col, rank]) · [rank, col]
  ],
  // Q is symmetric, so ∂G = Q c (or c Q). From −V VᵀG:  ∂V = −(c (GᵀV) + G (cᵀV)); on the right with Gᵀ and cᵀ for G and c.
  vjp({ inputs: [g, v], gradients: [c], attrs: { side } }) {
    const [G, C] = side === 'left' ? [g, c] : [g.transpose(), c.transpose()];
    const along = C.matmul(G.transpose().matmul(v)).add(G.matmul(C.transpose().matmul(v))); // [size, other] · [other, rank]
    return [c.orthogonalProject(v, side), along.negative()];
  },
};
