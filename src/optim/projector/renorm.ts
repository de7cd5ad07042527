import { ShapeError, UsageError } from '../../errors.ts';
import { norm } from '../../linalg/matrix.ts';

/** Share of ‖ΔW‖ below which what the projection left is rounding, and is not blown up again. */
const vanishing = 1e-6;

export interface Renormed {
  /** The rescaled projected update: a new array, or the projected one itself where the factor is 1. */
  readonly update: Float64Array;
  /** What it was multiplied by. All bounds of the projector grow by this. */
  readonly factor: number;
  /** ‖ΔW_projected‖ / ‖ΔW‖ before rescaling; 1 for a zero update. */
  readonly normKept: number;
  /** True where ‖ΔW_projected‖ <= 1e-6‖ΔW‖: nearly all of the update lay in the protected space; not rescaled, worth a warning. */
  readonly vanished: boolean;
}

/**
 * renorm: ΔW_projected · min(‖ΔW‖ / ‖ΔW_projected‖, limit), so that the projection decides where to and not
 * how far; unchanged where the update is zero or vanished. Without a limit ΔW = a·vᵀ with A = a would come back whole.
 * @throws ShapeError where the lengths differ · UsageError on a limit below 1.
 */
export function renorm(projected: Float64Array, update: Float64Array, limit: number): Renormed {
  if (!(limit >= 1)) {
    throw new UsageError({ operation: 'renorm', received: `renormLimit = ${limit}`, expected: 'a number >= 1' });
  }
  const kept = normKept(projected, update);
  const vanished = kept <= vanishing;
  const factor = vanished || kept === 1 ? 1 : Math.min(1 / kept, limit);
  return { update: factor === 1 ? projected : projected.map((x) => factor * x), factor, normKept: kept, vanished };
}

/**
 * Control `norm-matched`: ΔW · ‖ΔW_projected‖ / ‖ΔW‖. As short as the projected update, in the direction of the base one.
 * @throws ShapeError where the lengths differ.
 */
export function normMatched(projected: Float64Array, update: Float64Array): Float64Array {
  const kept = normKept(projected, update);
  return update.map((x) => kept * x);
}

/** ‖ΔW_projected‖ / ‖ΔW‖; 1 for a zero update, of which nothing is lost. @throws ShapeError where the lengths differ. */
export function normKept(projected: Float64Array, update: Float64Array): number {
  if (projected.length !== update.length) {
    throw new ShapeError({
      operation: 'normKept',
      received: `${projected.length} and ${update.length} numbers`,
      expected: 'equal lengths',
    });
  }
  const before = norm(update);
  return before === 0 ? 1 : norm(projected) / before;
}
