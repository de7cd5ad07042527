/**
 * The updates of all experts of one linear, off what the others hold and at their old lengths: ../method/project-update.ts for
 * Q = I − VVᵀ, which is a projector where the columns of V are orthonormal.
 */
import { array, type Bool, boolArray, fromFunction, type Real, toFlat } from '../array.ts';
import { orthogonalProject, orthogonalProjectRight } from './projection.ts';
import { norm } from './reduce.ts';

export interface OrthogonalUpdate {
  readonly side: 'input' | 'output';
  /** Input side: the bias is one more row of the weight, with its own last row of V, or has no part in the projection. */
  readonly bias: 'augment' | 'freeze' | 'free';
  readonly renorm: boolean;
  readonly limit: number;
}

/** [W; b], or W where the bias has no part: [expert, row, out] */
export function participating(weight: Real, bias: Real, { side, bias: mode }: OrthogonalUpdate): Real {
  const [experts, rows, cols] = weight.shape;
  const whole = side === 'output' || mode === 'augment';
  return fromFunction([experts, rows + (whole ? 1 : 0), cols], ([e, i, j]) =>
    i < rows ? weight.get(e, i, j) : bias.get(e, j),
  );
}

/** One number for each expert. */
export const perExpert = (experts: number, of: (expert: number) => number): Real =>
  array(
    Array.from({ length: experts }, (_, e) => of(e)),
    [experts],
  );

/** c = min(‖Δ‖/‖Δ_projected‖, limit), 1 where the length is not to be restored. */
export const restoring = (before: number, after: number, { renorm, limit }: OrthogonalUpdate): number =>
  renorm && before !== 0 && !(after <= 1e-6 * before) ? Math.min(before / after, limit) : 1;

/**
 * ΔW [expert, in, out], Δb [expert, out], V [expert, size, rank] -> ΔW′, Δb′ = c of the projected ones; ‖Δ_projected‖/‖Δ‖, 1 for
 * Δ = 0; c; and whether ‖Δ_projected‖ ≤ 1e-6 ‖Δ‖ ≠ 0
 */
export function orthogonalUpdate(
  weight: Real,
  bias: Real,
  v: Real,
  how: OrthogonalUpdate,
): [Real, Real, Real, Real, Bool] {
  const [experts, rows] = weight.shape;
  const delta = participating(weight, bias, how);
  const projected = (how.side === 'output' ? orthogonalProjectRight : orthogonalProject)(delta, v);
  const [before, after] = [norm(delta, [1, 2]), norm(projected, [1, 2])];
  const factor = perExpert(experts, (e) => restoring(before.get(e), after.get(e), how));
  const left = (e: number): boolean => before.get(e) !== 0 && after.get(e) <= 1e-6 * before.get(e);
  return [
    fromFunction(weight.shape, ([e, i, j]) => factor.get(e) * projected.get(e, i, j)),
    fromFunction(bias.shape, ([e, j]) => {
      if (delta.shape[1] > rows) return factor.get(e) * projected.get(e, rows, j);
      return how.bias === 'free' ? bias.get(e, j) : 0;
    }),
    perExpert(experts, (e) => (before.get(e) === 0 ? 1 : after.get(e) / before.get(e))),
    factor,
    boolArray(
      toFlat(before).map((_, e) => left(e)),
      [experts],
    ),
  ];
}
