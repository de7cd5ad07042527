import type { Pending } from '../pending.ts';
import type { Tensor } from '../tensor.ts';

/** An update that is orthogonal to what other experts have learnt, M_j − M_j,base, taken before the step for all experts at once. */
export interface UpdateSide {
  /** [expert, in + 1, out] */
  readonly projected: Tensor;
  /** 1 − (directions taken out)/(entries), [expert] */
  readonly trace: readonly number[];
  /** ‖(M_j − M_j,base)ᵀ vec(Δ)‖/(‖·‖‖Δ‖) over the other experts, of a given applied update */
  leakage(applied: Tensor): Pending<(number | null)[]>;
}

/**
 * √(Σ_j ⟨m_j, Δ_i⟩²)/(√(Σ_j ‖m_j‖²) ‖Δ_i‖) over j ≠ i, m_j what expert j has learnt; null where that is 0/0.
 * @param lengths ‖m_j‖, [expert]
 * @param along ⟨m_j, Δ_i⟩
 * @param norm ‖Δ_i‖
 */
export function learntLeakage(
  lengths: ArrayLike<number>,
  i: number,
  along: (j: number) => number,
  norm: number,
): number | null {
  const others = Array.from(lengths, (_, j) => j).filter((j) => j !== i);
  const hit = Math.hypot(...others.map(along));
  const whole = Math.hypot(...others.map((j) => lengths[j])) * norm;
  return whole === 0 ? null : Math.min(1, hit / whole);
}
