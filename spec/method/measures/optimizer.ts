/**
 * What the optimizer reports of each orthogonal phase.
 */
import type { Real } from '../../array.ts';
import { norm, product, rows, trace, transpose } from '../linear-algebra.ts';
import type { Sketch } from '../sketch.ts';

/** trace(Q) / d: the share of directions left to learn in. 1 for Q = I, 0 when nothing can be learnt any more. */
export const traceShare = (q: Real): number => trace(q) / rows(q);

/** norm kept = ‖ΔW_projected‖ / ‖ΔW‖, before any renorm. 1 for ΔW = 0. */
export const normKept = (delta: Real, projected: Real): number =>
  norm(delta) === 0 ? 1 : norm(projected) / norm(delta);

/**
 * leakage = ‖A_{−i}ᵀΔW‖ / (‖A_{−i}‖ ‖ΔW‖), A_{−i} the columns of the *other* experts, for the controls too: how much of the
 * update still acts on what should be protected. On the output side ‖ΔW A_{−i}‖. 0 is perfect; renorm does not change it.
 * Null if A or ΔW is zero.
 */
export function leakage(a: Real, delta: Real, side: 'input' | 'output'): number | null {
  const lengths = norm(a) * norm(delta);
  return lengths === 0 ? null : norm(hit(a, delta, side)) / lengths;
}

/**
 * What is known of the leakage where only a sketch B of A_{−i} is left, with δ = Σ_{j≠i} δ_j:
 *
 *   √((‖BᵀΔW‖²/‖ΔW‖² + δ) / ‖A_{−i}‖²),  at most 1
 *
 * For 0 ≼ AAᵀ − BBᵀ ≼ δI gives ‖BᵀΔW‖² ≤ ‖AᵀΔW‖² ≤ ‖BᵀΔW‖² + δ‖ΔW‖², on the output side alike: the true leakage is never
 * above it, and its square at most δ/‖A‖² ≤ 1/(ℓ + 1) below. With δ = 0 it is the leakage itself. The sketch alone would hide
 * what acts on the directions that it gave up.
 */
export function leakageBound(
  { columns, delta: given, squaredNorm }: Sketch,
  delta: Real,
  side: 'input' | 'output',
): number | null {
  const length = norm(delta);
  if (squaredNorm === 0 || length === 0) return null;
  const seen = norm(hit(columns, delta, side)) / length;
  return Math.min(1, Math.sqrt((seen * seen + given) / squaredNorm));
}

/** AᵀΔW, on the output side ΔW A: what the update does to the columns. */
const hit = (a: Real, delta: Real, side: 'input' | 'output'): Real =>
  side === 'input' ? product(transpose(a), delta) : product(delta, a);
