import type { DType } from '../backend.ts';
import type { Engine } from '../engine.ts';
import { type Matrix, qr, transpose } from '../linalg/index.ts';
import type { Tensor } from '../tensor.ts';
import type { OmoeOptions } from './options.ts';
import { type Projector, toDense } from './projector/index.ts';

/** The projection of all experts' updates at once, on the device: [expert, in + 1, out], the last row being the bias. */

/** [W; b] of each expert: [expert, in, out] and [expert, out] -> [expert, in + 1, out] */
export const withBiasRow = (weight: Tensor, bias: Tensor): Tensor =>
  weight.engine.concat([weight, bias.expandDims(1)], 1);

export function withoutBiasRow(matrix: Tensor): { weight: Tensor; bias: Tensor } {
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

/** Input side: Q Δ. Output side: Δ Q. */
function apply(q: DeviceProjectors, delta: Tensor, side: 'input' | 'output'): Tensor {
  if ('dense' in q)
    return side === 'input'
      ? q.dense.matmul(delta) // [expert, in, in] · [expert, in, out]
      : delta.matmul(q.dense); // [expert, in, out] · [expert, out, out]
  return side === 'input'
    ? delta.orthogonalProject(q.factor) // Δ − V(VᵀΔ)
    : delta.transpose().orthogonalProject(q.factor).transpose(); // (Δᵀ − V(VᵀΔᵀ))ᵀ
}

/** The projected [W; b] update; on the input side without `augment` the bias row is frozen or left free. */
export function projectUpdate(
  q: DeviceProjectors,
  delta: Tensor,
  side: 'input' | 'output',
  bias: OmoeOptions['bias'],
): Tensor {
  if (side === 'output' || bias === 'augment') return apply(q, delta, side);
  const { weight, bias: row } = withoutBiasRow(delta);
  return withBiasRow(apply(q, weight, side), bias === 'free' ? row : row.zerosLike());
}

export interface Protected {
  /** What is applied, [expert, in + 1, out] */
  readonly delta: Tensor;
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
export function rescale(delta: Tensor, projected: Tensor, options: OmoeOptions): Protected {
  const whole = options.side !== 'input' || options.bias === 'augment';
  const part = (m: Tensor) => (whole ? m : withoutBiasRow(m).weight);
  const [before, after] = [delta, projected].map((m) => expertNorms(part(m)));
  const still = before.equal(0);
  const normKept = still.where(1, after.divide(still.where(1, before)));
  const vanished = after.lessEqual(before.multiply(1e-6)).logicalAnd(still.logicalNot());
  const spread = (factor: Tensor) => factor.reshape([-1, 1, 1]);
  if (options.control === 'norm-matched')
    return { delta: delta.multiply(spread(normKept)), normKept, factor: normKept.onesLike(), vanished };
  const wanted = after
    .equal(0)
    .where(1, before.divide(after.equal(0).where(1, after)))
    .minimum(options.renormLimit);
  const factor = options.renorm ? vanished.logicalOr(still).where(1, wanted) : normKept.onesLike();
  if (whole) return { delta: projected.multiply(spread(factor)), normKept, factor, vanished };
  const { weight, bias } = withoutBiasRow(projected);
  return { delta: withBiasRow(weight.multiply(spread(factor)), bias), normKept, factor, vanished };
}

/** ‖M_i‖_F of each expert: [expert, …] -> [expert]. The largest entry is divided out first, so that nothing under- or overflows. */
export function expertNorms(matrices: Tensor): Tensor {
  const flat = matrices.reshape([matrices.shape[0], -1]);
  const largest = flat.abs().max([1], { keepDims: true });
  const scale = largest.equal(0).where(1, largest);
  return flat.divide(scale).square().sum([1]).sqrt().multiply(scale.squeeze(1));
}
