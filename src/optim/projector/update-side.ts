import { ShapeError } from '../../errors.ts';
import { dot, fromColumns, norm, transpose, unitRoundoff } from '../../linalg/matrix.ts';
import { pivotedQr, qr } from '../../linalg/qr.ts';

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
  return learntSpan(n, others).projectOff(update, [...others.keys()]).projected;
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
  if (length === 0) return null;
  const direction = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) direction[i] = x[i]! / length;
  return direction;
}

/**
 * What all experts have learnt, factored once: of the unit vectors, L = QR with Q [entry, expert]. The span of any of the experts
 * is then Q times that of their columns of R, a problem of a few numbers, so that E projections cost one thin QR.
 */
export interface LearntSpan {
  /** The projection of an update off what the experts `js` have learnt, and the rank of that. */
  projectOff(update: Float64Array, js: readonly number[]): { readonly projected: Float64Array; readonly rank: number };
}

/** @throws ShapeError where lengths differ · UsageError on NaN or infinity */
export function learntSpan(n: number, learnt: readonly Float64Array[]): LearntSpan {
  const requireLength = (what: string, x: Float64Array): void => {
    if (x.length === n) return;
    throw new ShapeError({ operation: 'learntSpan', received: `${x.length} numbers in ${what}`, expected: `${n}` });
  };
  learnt.forEach((moved, j) => {
    requireLength(`what expert ${j} has learnt`, moved);
  });
  const units = learnt.map(unit);
  const columnOf = new Map<number, number>();
  units.forEach((direction, j) => {
    if (direction) columnOf.set(j, columnOf.size);
  });
  const { q, r } = qr(
    fromColumns(
      n,
      units.filter((direction) => direction !== null),
    ),
  );
  const directions = transpose(q).data; // direction k at k·n
  const count = q.cols;
  return {
    projectOff(update, js) {
      requireLength('an update', update);
      const places = js.flatMap((j) => columnOf.get(j) ?? []);
      if (places.length === 0) return { projected: update, rank: 0 };
      const chosen = fromColumns(
        count,
        places.map((place) => Float64Array.from({ length: count }, (_, k) => r.data[k * r.cols + place]!)),
      );
      const { q: basis, rank } = pivotedQr(chosen, n * places.length * unitRoundoff); // [direction, rank]
      const projected = Float64Array.from(update);
      // Twice, as in Gram–Schmidt: the first pass leaves a remainder of the size of its own rounding.
      for (let pass = 0; pass < 2; pass++) {
        const along = Float64Array.from({ length: count }, (_, k) => dot(directions, k * n, projected, 0, n)); // Qᵀx
        const within = new Float64Array(count); // U Uᵀ Qᵀx
        for (let b = 0; b < rank; b++) {
          let share = 0;
          for (let k = 0; k < count; k++) share += basis.data[k * basis.cols + b]! * along[k]!;
          for (let k = 0; k < count; k++) within[k]! += basis.data[k * basis.cols + b]! * share;
        }
        for (let k = 0; k < count; k++) subtractMultiple(projected, within[k]!, directions, k * n);
      }
      return { projected, rank };
    },
  };
}

/** x ← x − factor · y */
function subtractMultiple(x: Float64Array, factor: number, y: Float64Array, yAt: number): void {
  for (let i = 0; i < x.length; i++) x[i]! -= factor * y[yAt + i]!;
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
  const span = learntSpan(learnt[0]?.length ?? 0, learnt);
  const all = [...learnt.keys()];
  return updates.map((update, i) => {
    const others = all.filter((j) => j !== i);
    return span.projectOff(update, others).projected;
  });
}
