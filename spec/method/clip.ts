/**
 * Clipping by the global norm (Pascanu et al. 2013, arXiv 1211.5063).
 */
import { precondition, type Real } from '../array.ts';
import { norm, scaled } from './linear-algebra.ts';

/** ‖g‖ over all gradients as one long vector. */
export const globalNorm = (gradients: readonly Real[]): number =>
  Math.sqrt(gradients.reduce((sum, g) => sum + norm(g) ** 2, 0));

/** g ← g · min(1, limit / ‖g‖), the same factor for all gradients. */
export function clipByGlobalNorm(gradients: readonly Real[], limit: number): Real[] {
  precondition(limit > 0, `the limit of the global norm is above 0, not ${limit}`);
  const length = globalNorm(gradients);
  return gradients.map((g) => (length > limit ? scaled(g, limit / length) : g));
}
