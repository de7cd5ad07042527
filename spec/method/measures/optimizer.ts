/**
 * What the optimizer reports of each orthogonal phase.
 */
import type { Real } from '../../array.ts';
import { norm, product, rows, trace, transpose } from '../linear-algebra.ts';

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
  const hit = side === 'input' ? product(transpose(a), delta) : product(delta, a);
  const lengths = norm(a) * norm(delta);
  return lengths === 0 ? null : norm(hit) / lengths;
}
