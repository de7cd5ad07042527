import type { DType } from '../backend.ts';
import type { Engine } from '../engine.ts';
import { type Matrix, qr, transpose } from '../linalg/index.ts';
import type { Tensor } from '../tensor.ts';
import type { OmoeOptions } from './options.ts';
import { type Projector, toDense } from './projector/index.ts';

/**
 * The projection of all experts' updates at once, on the device. Weight and bias stay apart wherever the formulas allow it:
 * to join them as [W; b] is to copy every expert.
 */

/** One linear of every expert, or its update: weight [expert, in, out], bias [expert, out]. */
export interface ExpertLinear {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** [W; b] of each expert: [expert, in, out] and [expert, out] -> [expert, in + 1, out] */
export const withBiasRow = ({ weight, bias }: ExpertLinear): Tensor =>
  weight.engine.concat([weight, bias.expandDims(1)], 1);

export function withoutBiasRow(matrix: Tensor): ExpertLinear {
  const input = matrix.shape[1] - 1;
  return { weight: matrix.slice([0, input], 1), bias: matrix.slice([input, input + 1], 1).squeeze(1) };
}

/** Q_1 … Q_E on the device: all factored, Q = I − VVᵀ with V [expert, size, rank] filled up with zero columns, or all dense. */
export type DeviceProjectors = { readonly factor: Tensor } | { readonly dense: Tensor };

export function uploadProjectors(t: Engine, projectors: readonly Projector[], dtype: DType): DeviceProjectors {
  const [{ rows }] = projectors;
  if (projectors.some((q) => q.dense !== null)) return { dense: uploadStack(t, projectors.map(toDense), rows, dtype) };
  const rank = Math.max(0, ...projectors.map((q) => q.factor?.cols ?? 0));
  const factors = projectors.map((q) => q.factor ?? { rows, cols: 0, data: new Float64Array(0) });
  return { factor: uploadStack(t, factors, rank, dtype) };
}

/** Matrices of equal height as one tensor [matrix, rows, cols]; narrower ones are filled up with zero columns. */
export function uploadStack(t: Engine, matrices: readonly Matrix[], cols: number, dtype: DType): Tensor {
  const [{ rows }] = matrices;
  const data = new Float64Array(matrices.length * rows * cols);
  matrices.forEach((m, i) => {
    for (let r = 0; r < rows; r++) data.set(m.data.subarray(r * m.cols, (r + 1) * m.cols), (i * rows + r) * cols);
  });
  return t.tensor(data, [matrices.length, rows, cols], dtype);
}

/** A matrix B of at most `rows` columns with BBᵀ = AAᵀ, so that ‖AᵀX‖ = ‖BᵀX‖: A itself, or Rᵀ of Aᵀ = QR. */
export const squared = (a: Matrix): Matrix => (a.cols <= a.rows ? a : transpose(qr(transpose(a)).r));

/** Q M on the input side, M Q on the output side, for M [expert, row, col]. */
export function project(q: DeviceProjectors, m: Tensor, side: 'input' | 'output'): Tensor {
  if ('factor' in q) return m.orthogonalProject(q.factor, side === 'input' ? 'left' : 'right');
  return side === 'input'
    ? q.dense.matmul(m) // [expert, row, row] · [expert, row, col]
    : m.matmul(q.dense); // [expert, row, col] · [expert, col, col]
}

/** The projected update; on the input side without `augment` the bias is frozen or left free. */
export function projectUpdate(
  q: DeviceProjectors,
  { weight, bias }: ExpertLinear,
  side: 'input' | 'output',
  biasMode: OmoeOptions['bias'],
): ExpertLinear {
  // The bias is one more row of [W; b]: on the right each row is projected by itself, on the left all of them together.
  if (side === 'output')
    return { weight: project(q, weight, side), bias: project(q, bias.expandDims(1), side).squeeze(1) };
  if (biasMode === 'augment') return withoutBiasRow(project(q, withBiasRow({ weight, bias }), side));
  return { weight: project(q, weight, side), bias: biasMode === 'free' ? bias : bias.zerosLike() };
}

/** Whether the bias takes part in what is projected, and so in its norms. */
export const biasTakesPart = ({ side, bias }: Pick<OmoeOptions, 'side' | 'bias'>): boolean =>
  side !== 'input' || bias === 'augment';

/** ‖[W; b]‖_F of each expert, or ‖W‖_F where the bias takes no part: [expert] */
export function expertNorms({ weight, bias }: ExpertLinear, options: Pick<OmoeOptions, 'side' | 'bias'>): Tensor {
  const ofWeight = weight.norm([1, 2]);
  return biasTakesPart(options) ? weight.engine.stack([ofWeight, bias.norm([1])], 1).norm([1]) : ofWeight;
}

export interface Protected {
  /** What is applied. */
  readonly delta: ExpertLinear;
  /** ‖Δ_projected‖/‖Δ‖ before rescaling, [expert]; 1 for Δ = 0 */
  readonly normKept: Tensor;
  /** The factor Δ_projected was multiplied by, [expert] */
  readonly factor: Tensor;
  /** bool [expert]: almost all of the update lay in the protected subspace, so that it was not rescaled */
  readonly vanished: Tensor;
}

/**
 * renorm: Δ_projected ← c Δ_projected, c = min(‖Δ‖/‖Δ_projected‖, limit), 1 where ‖Δ_projected‖ ≤ 1e-6 ‖Δ‖; the control
 * `norm-matched` returns ‖Δ_projected‖/‖Δ‖ · Δ instead. Norms are of [W; b], of W where the bias takes no part.
 * Definition: spec/method/project-update.ts.
 */
export function rescale(delta: ExpertLinear, projected: ExpertLinear, options: OmoeOptions): Protected {
  const [before, after] = [expertNorms(delta, options), expertNorms(projected, options)];
  const still = before.equal(0);
  const normKept = still.where(1, after.divide(still.where(1, before)));
  const vanished = after.lessEqual(before.multiply(1e-6)).logicalAnd(still.logicalNot());
  if (options.control === 'norm-matched')
    return { delta: scaled(delta, normKept, true), normKept, factor: normKept.onesLike(), vanished };
  const wanted = after
    .equal(0)
    .where(1, before.divide(after.equal(0).where(1, after)))
    .minimum(options.renormLimit);
  const factor = options.renorm ? vanished.logicalOr(still).where(1, wanted) : normKept.onesLike();
  if (!options.renorm) return { delta: projected, normKept, factor, vanished };
  return { delta: scaled(projected, factor, biasTakesPart(options)), normKept, factor, vanished };
}

/** Each expert times its factor [expert]; the bias as it is where it takes no part. */
const scaled = ({ weight, bias }: ExpertLinear, factor: Tensor, whole: boolean): ExpertLinear => ({
  weight: weight.multiply(factor.reshape([-1, 1, 1])),
  bias: whole ? bias.multiply(factor.reshape([-1, 1])) : bias,
});
