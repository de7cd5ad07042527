import type { Matrix } from '../../linalg/matrix.ts';
import { matrix, transpose } from '../../linalg/matrix.ts';
import { qrTriangle } from '../../linalg/qr.ts';
import { leftSingular } from '../../linalg/svd.ts';

/** At most ℓ columns B that stand for A, and the loss: 0 ≼ AAᵀ − BBᵀ ≼ loss·I. */
export interface Compressed {
  readonly columns: Matrix;
  readonly loss: number;
}

/**
 * Frequent Directions (Liberty 2013, arXiv 1206.0594), one shrink. A = UΣVᵀ becomes
 *
 *   B = U_ℓ diag(√(σ_k² − σ²_{ℓ+1})), k <= ℓ,      loss = σ²_{ℓ+1}
 *
 * Every shrink takes σ²_{ℓ+1} from at least ℓ + 1 squared singular values, so that the losses of all shrinks of a stream
 * sum to at most ‖A‖²_F / (ℓ + 1), however many columns each one gathers first.
 * With rows <= ℓ there is no σ_{ℓ+1}: B = Rᵀ of Aᵀ = QR then has BBᵀ = AAᵀ exactly, without an SVD.
 *
 * @param cap ℓ >= 1; a matrix of at most ℓ columns comes back as it is.
 * @throws UsageError on NaN or infinity.
 */
export function compress(a: Matrix, cap: number): Compressed {
  if (a.cols <= cap) return { columns: a, loss: 0 };
  if (a.rows <= cap) return { columns: transpose(qrTriangle(transpose(a))), loss: 0 };
  const { u, s } = leftSingular(a);
  const given = s[cap]!; // min(rows, cols) > ℓ, so there is a σ_{ℓ+1}
  // Equal σ leave nothing: such columns are dropped. (σ − τ)(σ + τ) does not cancel as σ² − τ² would.
  const lengths = Array.from(s.subarray(0, cap), (sigma) => Math.sqrt((sigma - given) * (sigma + given)));
  const kept = lengths.filter((length) => length > 0).length; // σ falls, so the first ones
  const columns = matrix(a.rows, kept);
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < kept; k++) columns.data[i * kept + k] = u.data[i * u.cols + k]! * lengths[k]!;
  }
  return { columns, loss: given * given };
}
