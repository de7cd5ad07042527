import type { DType } from '../backend.ts';
import type { Engine } from '../engine.ts';
import { eigh, type Matrix, multiply, multiplyLeftTransposed, qr, transpose } from '../linalg/index.ts';
import { composites } from '../ops/index.ts';
import { biasTakesPart, type ExpertLinear, keptOf, projected, scaledBy } from '../ops/orthogonal-update.ts';
import type { Tensor } from '../tensor.ts';
import type { OmoeOptions } from './options.ts';
import { type Projector, toDense } from './projector/index.ts';

/** The projection of all experts' updates at once, on the device: by factors of orthogonal columns one operation, else its parts. */

/**
 * Q_1 … Q_E on the device: all factored, Q = I − VVᵀ with V [expert, size, rank] filled up with zero columns, or all dense. Where the
 * columns of a V are `orthogonal`, a backend can tell the length of what is left from ‖Δ‖ and ΔV, before it is there.
 */
export type DeviceProjectors = { readonly factor: Tensor; readonly orthogonal: boolean } | { readonly dense: Tensor };

/**
 * Up to this rank columns are made orthogonal, on the host, when a phase begins, which takes time as rank³. What it saves, two
 * readings of Δ in each step, is small beside the products of a high rank.
 */
const mostTurned = 64;

/** Whether the columns of factors of this rank are orthogonal on the device; those of `hard` are so from the start. */
export const isTurned = (rank: number, { combine }: Pick<OmoeOptions, 'combine'>): boolean =>
  combine === 'hard' || rank <= mostTurned;

export function uploadProjectors(
  t: Engine,
  projectors: readonly Projector[],
  dtype: DType,
  options: Pick<OmoeOptions, 'combine'>,
): DeviceProjectors {
  const [{ rows }] = projectors;
  if (projectors.some((q) => q.dense !== null)) return { dense: uploadStack(t, projectors.map(toDense), rows, dtype) };
  const rank = Math.max(0, ...projectors.map((q) => q.factor?.cols ?? 0));
  const orthogonal = isTurned(rank, options);
  const factors = projectors.map(({ factor }) => {
    if (!factor) return { rows, cols: 0, data: new Float64Array(0) };
    return orthogonal && options.combine !== 'hard' ? orthogonalColumns(factor) : factor;
  });
  return { factor: uploadStack(t, factors, rank, dtype), orthogonal };
}

/** V W with VᵀV = W Λ Wᵀ: its columns are orthogonal, and V W (V W)ᵀ = V Vᵀ. */
const orthogonalColumns = (v: Matrix): Matrix =>
  v.cols < 2 ? v : multiply(v, eigh(multiplyLeftTransposed(v, v)).vectors); // [size, rank] · [rank, rank]

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
export function project(
  q: { readonly factor: Tensor } | { readonly dense: Tensor },
  m: Tensor,
  side: 'input' | 'output',
): Tensor {
  if ('factor' in q) return m.orthogonalProject(q.factor, side === 'input' ? 'left' : 'right');
  return side === 'input'
    ? q.dense.matmul(m) // [expert, row, row] · [expert, row, col]
    : m.matmul(q.dense); // [expert, row, col] · [expert, col, col]
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
 * Projection and renorm of all experts at once: Δ_projected ← c Δ_projected, c = min(‖Δ‖/‖Δ_projected‖, limit), 1 where
 * ‖Δ_projected‖ ≤ 1e-6 ‖Δ‖. Definition: spec/method/project-update.ts.
 */
export function protectedUpdate(q: DeviceProjectors, delta: ExpertLinear, options: OmoeOptions): Protected {
  const side = options.side === 'input' ? 'input' : 'output';
  if ('factor' in q && q.orthogonal && options.control !== 'norm-matched') {
    const attrs = { side, bias: options.bias, renorm: options.renorm, limit: options.renormLimit } as const;
    const [weight, bias, normKept, factor, vanished] = delta.weight.engine.run(
      composites.orthogonalUpdate,
      [delta.weight, delta.bias, q.factor],
      attrs,
    );
    return { delta: { weight, bias }, normKept, factor, vanished };
  }
  return rescale(
    delta,
    projected(delta, { side, bias: options.bias }, (m) => project(q, m, side)),
    options,
  );
}

/**
 * The renorm of an update that is projected already; the control `norm-matched` returns ‖Δ_projected‖/‖Δ‖ · Δ instead. Norms are
 * of [W; b], of W where the bias takes no part.
 */
export function rescale(delta: ExpertLinear, after: ExpertLinear, options: OmoeOptions): Protected {
  const matched = options.control === 'norm-matched';
  const renorm = options.renorm && !matched;
  const whole = biasTakesPart(options);
  const kept = keptOf(delta, after, { renorm, limit: options.renormLimit, whole });
  if (matched) return { delta: scaledBy(delta, kept.normKept, true), ...kept };
  return { delta: renorm ? scaledBy(after, kept.factor, whole) : after, ...kept };
}
