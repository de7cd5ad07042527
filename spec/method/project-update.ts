/**
 * The update of one expert matrix, made orthogonal to what the other experts hold.
 *
 * M = [W; b] is [in + 1, out]: the weight and, as its last row, the bias. Δ = [ΔW; Δb] is its update of this step, as the base
 * optimizer wants it.
 */
import { array, fromFunction, precondition, type Real, toFlat } from '../array.ts';
import type { Linear } from './expert.ts';
import {
  beside,
  cols,
  flattened,
  inner,
  minus,
  norm,
  orthonormalBasis,
  product,
  scaled,
  unitRoundoff,
} from './linear-algebra.ts';

export type Side = 'input' | 'output' | 'update';
export type Bias = 'augment' | 'freeze' | 'free';

/** [W; b], [in + 1, out]. */
export const withBiasRow = ({ weight, bias }: Linear): Real =>
  fromFunction([weight.shape[0] + 1, weight.shape[1]], ([i, j]) =>
    i < weight.shape[0] ? weight.get(i, j) : bias.get(j),
  );

/** The W and the b of [W; b]. */
export const withoutBiasRow = (m: Real): Linear => ({
  weight: weightRows(m),
  bias: fromFunction([m.shape[1]], ([j]) => m.get(m.shape[0] - 1, j)),
});

/** The rows of W in [W; b]. */
const weightRows = (m: Real): Real => fromFunction([m.shape[0] - 1, m.shape[1]], ([i, j]) => m.get(i, j));

/** The length of the columns that a side records: in + 1 or in, out; the update side records none. */
export function statisticSize(side: Side, bias: Bias, m: Real): number {
  if (side === 'output') return m.shape[1];
  return side === 'input' ? m.shape[0] - (bias === 'augment' ? 0 : 1) : 0;
}

/**
 * Input side:  Δ ← Q Δ, so that for a recorded input r of another expert rᵀ Q Δ ≈ 0: on it the linear map stays what it was.
 *
 *   augment:  Q is [in + 1, in + 1], made from r = [x; 1]; weight and bias are projected as one matrix
 *   freeze:   Q is [in, in]; ΔW ← Q ΔW, Δb ← 0
 *   free:     Q is [in, in]; ΔW ← Q ΔW, Δb as it is. The map does change on r, by Δb.
 */
export function projectInputSide(delta: Real, q: Real, bias: Bias): Real {
  if (bias === 'augment') return product(q, delta);
  const weight = product(q, weightRows(delta));
  const last = delta.shape[0] - 1;
  return fromFunction(delta.shape, ([i, j]) => (i < last ? weight.get(i, j) : bias === 'free' ? delta.get(i, j) : 0));
}

/**
 * Output side:  Δ ← Δ Q, Q [out, out] from the others' outputs. For every input h the change hᵀΔW + Δb of the output then has
 * almost no component along what the others put out. The bias is one more row.
 */
export const projectOutputSide = (delta: Real, q: Real): Real => product(delta, q);

/**
 * Update side:  vec(Δ) ← vec(Δ) − U Uᵀ vec(Δ), U an orthonormal basis of the others' accumulated updates
 * vec(M_j − M_j,base). These are taken before the step, for all experts at once. Zero vectors are dropped, the rest get
 * length 1; vectors that depend on earlier ones add nothing. If none is left, Δ stays as it is.
 *
 * The pivots are taken in descending order of what is left, so that the numerical rank is seen (rank-revealing).
 *
 * @param travelled M_j − M_j,base of the other experts
 */
export function projectUpdateSide(delta: Real, travelled: readonly Real[]): Real {
  const basis = updateBasis(travelled, toFlat(delta).length);
  let rest = flattened(delta);
  // Twice, as in Gram–Schmidt: the first pass leaves a remainder of the size of its rounding.
  for (let pass = 0; pass < 2; pass++) {
    for (let k = 0; k < cols(basis); k++) {
      const u = fromFunction([basis.shape[0], 1], ([i]) => basis.get(i, k));
      rest = minus(rest, scaled(u, inner(u, rest)));
    }
  }
  return array(toFlat(rest), delta.shape);
}

/** U: an orthonormal basis of the directions travelled, largest remainder first. [entry, rank] */
export function updateBasis(travelled: readonly Real[], size: number): Real {
  let basis = fromFunction([size, 0], () => 0);
  let left = travelled.filter((move) => norm(move) > 0).map((move) => flattened(scaled(move, 1 / norm(move))));
  // All vectors have length 1, so what is left of a dependent one is rounding: at most about size · u.
  const tolerance = size * unitRoundoff * left.length;
  while (left.length > 0) {
    const remainders = left.map((v) => norm(minus(v, product(basis, innerProducts(basis, v)))));
    const best = remainders.indexOf(Math.max(...remainders));
    if (remainders[best] <= tolerance) return basis;
    basis = orthonormalBasis(beside(basis, left[best]));
    left = left.filter((_, j) => j !== best);
  }
  return basis;
}

/** UᵀV, one inner product for each column of U. */
const innerProducts = (u: Real, v: Real): Real =>
  fromFunction([cols(u), 1], ([k]) =>
    inner(
      fromFunction([u.shape[0], 1], ([i]) => u.get(i, k)),
      v,
    ),
  );

/** What the renorm did, and what it had to work with. */
export interface Renormed {
  readonly delta: Real;
  /** ‖Δ_projected‖ / ‖Δ‖ before rescaling; 1 for Δ = 0. */
  readonly normKept: number;
  /** The factor on Δ_projected, 1 where nothing was rescaled. */
  readonly factor: number;
  /** Almost all of the update lay in the protected subspace: it was not rescaled. */
  readonly vanished: boolean;
}

/**
 * renorm:  Δ_projected ← c · Δ_projected with c = min(‖Δ‖ / ‖Δ_projected‖, limit),
 * but c = 1 where ‖Δ_projected‖ ≤ 1e-6 ‖Δ‖, since what is left there is rounding.
 *
 * Projection alone also takes smaller steps; renorm separates *where* from *how far*. It multiplies the bounds of the
 * projector by c, hence the limit: for Δ = a vᵀ and A = a, c without a limit would bring Δ back unchanged.
 *
 * Both norms are of [W; b], or of W where the bias is frozen or free and so takes no part in the projection.
 */
export function renorm(delta: Real, projected: Real, enabled: boolean, limit: number, wholeMatrix = true): Renormed {
  precondition(limit >= 1, `renormLimit is at least 1, not ${limit}`);
  const part = (m: Real) => (wholeMatrix ? m : weightRows(m));
  const before = norm(part(delta));
  const after = norm(part(projected));
  if (before === 0) return { delta: projected, normKept: 1, factor: 1, vanished: false };
  const normKept = after / before;
  const vanished = after <= 1e-6 * before;
  const factor = enabled && !vanished ? Math.min(before / after, limit) : 1;
  const last = delta.shape[0] - 1;
  const rescaled = fromFunction(delta.shape, ([i, j]) => (wholeMatrix || i < last ? factor : 1) * projected.get(i, j));
  return { delta: rescaled, normKept, factor, vanished };
}

/**
 * Control `norm-matched`:  Δ · ‖Δ_projected‖ / ‖Δ‖. As short as the projected update without renorm, in the direction of the
 * base one. The quotient is `normKept`, of [W; b] or of W as above.
 */
export const normMatched = (delta: Real, kept: number): Real => scaled(delta, kept);
