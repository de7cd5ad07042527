import { UsageError } from '../../errors.ts';
import {
  leadingColumns,
  leftSingular,
  type Matrix,
  matrix,
  multiply,
  multiplyLeftTransposed,
  pivotedQr,
  svd,
  transpose,
  unitRoundoff,
} from '../../linalg/index.ts';
import { checkOutputs, type ExpertOutputs, outputsOf } from './outputs.ts';
import { everyPair, type PairMeasure } from './pairs.ts';

/*
 * Which subspace is "the expert's"? The one that the `hard` projector takes away: in R^width, spanned by the leading left
 * singular vectors of A_i = Y_iᵀ (outputs as columns, not centred) up to a share `energy` of ‖A_i‖²_F, 0.95 by default.
 * The rest is where numbers are small and directions mostly noise; at energy 1 nearly every expert fills R^width, and
 * all overlaps are 1.
 */

export interface SubspaceOverlap extends PairMeasure {
  /** [expert], the dimension of each expert's subspace. Two random ones overlap by max(r_i, r_j)/width on average. */
  readonly ranks: number[];
}

/**
 * Overlap of the experts' output subspaces: the mean of cos²θ over the min(r_i, r_j) principal angles θ,
 * ‖U_iᵀU_j‖²_F / min(r_i, r_j), in [0, 1]. It is 1 when one subspace contains the other, 0 when they are orthogonal.
 *
 * An expert with no outputs but zeros has no subspace, and its pairs are NaN; so with no tokens all are, and with one
 * expert the mean is. Singular values equal at the boundary leave the choice of the subspace to rounding.
 *
 * @param energy share of ‖Y_i‖²_F, above 0 and at most 1; at 1 the numerical rank decides (σ > max(n, width)·u·σ₁)
 * @throws ShapeError if sizes and data disagree
 * @throws UsageError if `energy` is out of range or an output is NaN or infinite
 */
export function subspaceOverlap(outputs: ExpertOutputs, energy = 0.95): SubspaceOverlap {
  checkOutputs('subspaceOverlap', outputs);
  if (!(energy > 0 && energy <= 1)) {
    throw new UsageError({
      operation: 'subspaceOverlap',
      received: `energy ${energy}`,
      expected: 'a share above 0 and at most 1',
    });
  }
  const { experts, tokens, width } = outputs;
  const bases = Array.from({ length: experts }, (_, expert) =>
    leadingDirections(transpose(matrix(tokens, width, outputsOf(outputs, expert))), energy),
  );
  const measure = everyPair(experts, (i, j) => {
    const angles = Math.min(bases[i].cols, bases[j].cols);
    if (angles === 0) return Number.NaN;
    // [width, r_i]ᵀ · [width, r_j] -> [r_i, r_j], whose singular values are the cosines
    const cosines = multiplyLeftTransposed(bases[i], bases[j]).data;
    return Math.min(1, cosines.reduce((sum, x) => sum + x ** 2, 0) / angles);
  });
  return { ...measure, ranks: bases.map((basis) => basis.cols) };
}

/**
 * Principal angles between the column spaces of two matrices, in radians from 0 to π/2, smallest first;
 * min(rank A, rank B) of them.
 *
 * The cosines are the singular values of Q_AᵀQ_B. A small angle drowns in the rounding of its cosine, so the sines are
 * taken too, as singular values of (I − Q_AQ_Aᵀ)Q_B, and the angle from both (Björck and Golub 1973).
 *
 * @param a [dimension, any]
 * @param b [dimension, any]
 * @throws ShapeError if the dimensions differ
 * @throws UsageError if an entry is NaN or infinite
 */
export function principalAngles(a: Matrix, b: Matrix): Float64Array {
  const [qa, qb] = [columnBasis(a), columnBasis(b)];
  const [larger, smaller] = qa.cols >= qb.cols ? [qa, qb] : [qb, qa];
  // [dimension, p]ᵀ · [dimension, q] -> [p, q], p ≥ q
  const product = multiplyLeftTransposed(larger, smaller);
  const inside = multiply(larger, product);
  const outside = matrix(
    smaller.rows,
    smaller.cols,
    smaller.data.map((x, index) => x - inside.data[index]),
  );
  const cosines = svd(product).s;
  const sines = svd(outside).s;
  // Both fall, so the largest cosine belongs to the smallest sine.
  return cosines.map((cosine, k) => Math.atan2(sines[cosines.length - 1 - k], cosine));
}

function columnBasis(a: Matrix): Matrix {
  const { q, rank } = pivotedQr(a);
  return leadingColumns(q, rank);
}

/** The fewest leading left singular vectors that hold the share `energy` of ‖A‖²_F. */
function leadingDirections(a: Matrix, energy: number): Matrix {
  const { u, s } = leftSingular(a);
  if (s.length === 0 || s[0] === 0) return matrix(a.rows, 0);
  if (energy === 1) {
    const smallest = Math.max(a.rows, a.cols) * unitRoundoff * s[0];
    return leadingColumns(u, s.filter((sigma) => sigma > smallest).length);
  }
  // Relative to σ₁, so that no square leaves the range of Float64.
  const share = s.map((sigma) => (sigma / s[0]) ** 2);
  const wanted = energy * share.reduce((sum, x) => sum + x, 0);
  let rank = 0;
  for (let held = 0; held < wanted && rank < s.length; rank++) held += share[rank];
  return leadingColumns(u, rank);
}
