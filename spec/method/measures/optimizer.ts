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
 * leakage = ‖AᵀΔW‖ / (‖A‖ ‖ΔW‖), A the sources' columns (A_{−i} for the method): how much of the update still acts on what
 * should be protected. On the output side ‖ΔW A‖. 0 is perfect; renorm does not change it. NaN if A or ΔW is zero.
 */
export function leakage(a: Real, delta: Real, side: 'input' | 'output'): number {
  const hit = side === 'input' ? product(transpose(a), delta) : product(delta, a);
  return norm(hit) / (norm(a) * norm(delta));
}
