import { ShapeError } from '../../errors.ts';
import { dot, fromColumns, norm, transpose, unitRoundoff } from '../../linalg/matrix.ts';
import { pivotedQr } from '../../linalg/qr.ts';

/**
 * Update side: vec(ΔW) − U Uᵀ vec(ΔW), U an orthonormal basis of what the other experts have learnt.
 *
 * Zero vectors are dropped and the rest get length 1, so that a far-travelled expert does not hide a near one. Then
 * rank-revealing QR: a direction counts while its |R_kk| > n·m·u · |R_00|, n the length and m the number of vectors;
 * below it, what is left of a unit vector is the rounding of its n entries. Rank 0 leaves the update unchanged.
 * ⟨result, other⟩ is then 0 up to about n·m·u·‖update‖‖other‖.
 *
 * @param update [W; b] update of one expert, flattened; not written to.
 * @param others W_j − W_j,base of the other experts, flattened, taken before the step.
 * @returns the projected update: a new array, or `update` itself at rank 0.
 * @throws ShapeError where lengths differ · UsageError on NaN or infinity among the others.
 */
export function projectAgainstUpdates(update: Float64Array, others: readonly Float64Array[]): Float64Array {
  const n = update.length;
  const wrong = others.findIndex((other) => other.length !== n);
  if (wrong >= 0) {
    throw new ShapeError({
      operation: 'projectAgainstUpdates',
      received: `${others[wrong]!.length} numbers in the update of expert ${wrong} of the others`,
      expected: `${n}`,
    });
  }
  return projectOff(update, updateBasis(n, others));
}

/** An orthonormal basis of what the others have learnt, direction k at k·n; `rank` of them. */
export interface UpdateBasis {
  readonly rank: number;
  readonly directions: Float64Array;
}

/** @param n the length of each vector @throws UsageError on NaN or infinity */
export function updateBasis(n: number, others: readonly Float64Array[]): UpdateBasis {
  const directions = others.map(unit).filter((direction) => direction !== null);
  if (directions.length === 0) return { rank: 0, directions: new Float64Array(0) };
  const { q, rank } = pivotedQr(fromColumns(n, directions), n * directions.length * unitRoundoff);
  return { rank, directions: transpose(q).data };
}

/** x − U Uᵀ x: a new array, or x itself at rank 0. */
export function projectOff(x: Float64Array, { rank, directions }: UpdateBasis): Float64Array {
  if (rank === 0) return x;
  const n = x.length;
  const out = Float64Array.from(x);
  // Twice, as in Gram–Schmidt: the first pass leaves a remainder of the size of its own rounding.
  for (let pass = 0; pass < 2; pass++) {
    for (let k = 0; k < rank; k++) {
      const along = dot(directions, k * n, out, 0, n);
      for (let i = 0; i < n; i++) out[i]! -= along * directions[k * n + i]!;
    }
  }
  return out;
}

/** x/‖x‖, or null for zero. NaN stays NaN, so that the QR after it says so. */
function unit(x: Float64Array): Float64Array | null {
  const length = norm(x);
  return length === 0 ? null : x.map((entry) => entry / length);
}

/**
 * The same for all experts simultaneously: update i against what every j ≠ i had learnt before the step.
 * @throws ShapeError where the two lists differ in length, or the arrays in theirs.
 */
export function projectAllAgainstUpdates(
  updates: readonly Float64Array[],
  learnt: readonly Float64Array[],
): Float64Array[] {
  if (updates.length !== learnt.length) {
    throw new ShapeError({
      operation: 'projectAllAgainstUpdates',
      received: `${updates.length} updates, ${learnt.length} accumulated ones`,
      expected: 'one of each for every expert',
    });
  }
  return updates.map((update, i) =>
    projectAgainstUpdates(
      update,
      learnt.filter((_, j) => j !== i),
    ),
  );
}
