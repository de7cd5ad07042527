import { ShapeError, UsageError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpecs, requireFloat, requireOneDType } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/**
 * What the orthogonal phase does with the updates of one expert linear: project, measure, restore the length.
 * Definition: spec/ops/orthogonal-update.ts. Weight and bias stay apart wherever the formulas allow it: to join them as [W; b]
 * is to copy every expert.
 */

/** One linear of every expert, or its update: weight [expert, in, out], bias [expert, out]. */
export interface ExpertLinear {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

export interface ProjectionAttrs {
  /** Whether Q stands left of [W; b], [in + 1, out], or right of it. */
  readonly side: 'input' | 'output';
  /** Input side only: the bias is one more row, or stays out of the projection, frozen or free. */
  readonly bias: 'augment' | 'freeze' | 'free';
}

export interface OrthogonalUpdateAttrs extends ProjectionAttrs {
  /** Whether the length is restored, by a factor of at most `limit` ≥ 1. */
  readonly renorm: boolean;
  readonly limit: number;
}

/** [W; b] of each expert: [expert, in, out] and [expert, out] -> [expert, in + 1, out] */
export const withBiasRow = ({ weight, bias }: ExpertLinear): Tensor =>
  weight.engine.concat([weight, bias.expandDims(1)], 1);

export function withoutBiasRow(matrix: Tensor): ExpertLinear {
  const input = matrix.shape[1] - 1;
  return { weight: matrix.slice([0, input], 1), bias: matrix.slice([input, input + 1], 1).squeeze(1) };
}

/** Whether the bias takes part in what is projected, and so in its norms. */
export const biasTakesPart = ({ side, bias }: { readonly side: string; readonly bias: string }): boolean =>
  side !== 'input' || bias === 'augment';

/** The update projected by `project`, which multiplies [expert, row, col] by Q on the side asked for. */
export function projected(
  { weight, bias }: ExpertLinear,
  attrs: ProjectionAttrs,
  project: (m: Tensor) => Tensor,
): ExpertLinear {
  // The bias is one more row of [W; b]: on the right each row is projected by itself, on the left all of them together.
  if (attrs.side === 'output') return { weight: project(weight), bias: project(bias.expandDims(1)).squeeze(1) };
  if (attrs.bias === 'augment') return withoutBiasRow(project(withBiasRow({ weight, bias })));
  return { weight: project(weight), bias: attrs.bias === 'free' ? bias : bias.zerosLike() };
}

/** ‖[W; b]‖_F of each expert, or ‖W‖_F where the bias takes no part: [expert] */
export function expertNorms({ weight, bias }: ExpertLinear, whole: boolean): Tensor {
  const ofWeight = weight.norm([1, 2]);
  return whole ? weight.engine.stack([ofWeight, bias.norm([1])], 1).norm([1]) : ofWeight;
}

/** Each expert times its factor [expert]; the bias as it is where it takes no part. */
export const scaledBy = ({ weight, bias }: ExpertLinear, factor: Tensor, whole: boolean): ExpertLinear => ({
  weight: weight.multiply(factor.reshape([-1, 1, 1])),
  bias: whole ? bias.multiply(factor.reshape([-1, 1])) : bias,
});

/** How much of the length the projection kept, and the factor that restores it; all [expert]. */
export interface Kept {
  /** ‖Δ_projected‖/‖Δ‖; 1 for Δ = 0 */
  readonly normKept: Tensor;
  /** min(‖Δ‖/‖Δ_projected‖, limit); 1 where there is nothing to restore, and without renorm */
  readonly factor: Tensor;
  /** bool: ‖Δ_projected‖ ≤ 1e-6 ‖Δ‖, and Δ ≠ 0: what is left is rounding */
  readonly vanished: Tensor;
}

export function keptOf(
  delta: ExpertLinear,
  after: ExpertLinear,
  { renorm, limit, whole }: { readonly renorm: boolean; readonly limit: number; readonly whole: boolean },
): Kept {
  const [before, left] = [expertNorms(delta, whole), expertNorms(after, whole)];
  const still = before.equal(0);
  const normKept = still.where(1, left.divide(still.where(1, before)));
  const vanished = left.lessEqual(before.multiply(1e-6)).logicalAnd(still.logicalNot());
  if (!renorm) return { normKept, factor: normKept.onesLike(), vanished };
  const nothing = left.equal(0);
  const wanted = nothing.where(1, before.divide(nothing.where(1, left))).minimum(limit);
  return { normKept, factor: vanished.logicalOr(still).where(1, wanted), vanished };
}

/**
 * ΔW [expert, in, out], Δb [expert, out], V [expert, size, rank] -> ΔW′, Δb′, normKept [expert], factor [expert], vanished bool
 * [expert]. With Q = I − VVᵀ and Δ = [ΔW; Δb], for each expert Δ′ = c ΔQ on the output side (size = out), and c QΔ on the input
 * side: with `augment` the last row of V is that of the bias (size = in + 1); else Q meets ΔW alone (size = in), norms and c
 * are those of ΔW, and Δb′ is 0 (`freeze`) or Δb (`free`).  c = min(‖Δ‖/‖ΔQ‖, limit), but 1 without `renorm`, for Δ = 0 and where
 * ‖ΔQ‖ ≤ 1e-6 ‖Δ‖ (`vanished`).
 * V may be anything; a backend may expect its columns to be orthonormal or zero, as long as only its speed depends on that.
 * @throws ShapeError for other shapes; DTypeError unless all are of one float dtype; UsageError for a limit below 1
 */
export const orthogonalUpdate: Op<OrthogonalUpdateAttrs> = {
  name: 'orthogonalUpdate',
  kind: 'composite',
  infer(inputs, { side, bias: mode, limit }) {
    const [weight, bias, v] = inputs;
    requireFloat('orthogonalUpdate', weight);
    requireOneDType('orthogonalUpdate', inputs);
    const [experts, input, output] = weight.shape;
    const size = side === 'output' ? output : input + (mode === 'augment' ? 1 : 0);
    const fits =
      weight.shape.length === 3 &&
      bias.shape.length === 2 &&
      bias.shape[0] === experts &&
      bias.shape[1] === output &&
      v.shape.length === 3 &&
      v.shape[0] === experts &&
      v.shape[1] === size;
    if (!fits)
      throw new ShapeError({
        operation: 'orthogonalUpdate',
        received: `${formatSpecs(inputs)}, ${side} side${side === 'input' ? `, bias ${mode}` : ''}`,
        expected: `ΔW [expert, in, out], Δb [expert, out], V [expert, ${side === 'output' ? 'out' : mode === 'augment' ? 'in + 1' : 'in'}, rank]`,
      });
    if (!(limit >= 1))
      throw new UsageError({ operation: 'orthogonalUpdate', received: `limit ${limit}`, expected: 'a number ≥ 1' });
    const { dtype } = weight;
    const each = [experts];
    return [
      { shape: weight.shape, dtype },
      { shape: bias.shape, dtype },
      { shape: each, dtype },
      { shape: each, dtype },
      { shape: each, dtype: 'bool' },
    ];
  },
  compose([weight, bias, v], { renorm, limit, ...attrs }) {
    const delta = { weight, bias };
    const whole = biasTakesPart(attrs);
    const after = projected(delta, attrs, (m) => m.orthogonalProject(v, attrs.side === 'input' ? 'left' : 'right'));
    const { normKept, factor, vanished } = keptOf(delta, after, { renorm, limit, whole });
    const applied = renorm ? scaledBy(after, factor, whole) : after;
    return [applied.weight, applied.bias, normKept, factor, vanished];
  },
  vjp: null,
};
