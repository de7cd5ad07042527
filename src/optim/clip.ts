import { UsageError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import type { Parameters } from './optimizer.ts';

/** ‖g‖ over all gradients as one long vector, as a tensor of rank 0. */
export function globalNorm(gradients: Parameters): Tensor {
  const squares = [...gradients.values()].map((gradient) => gradient.square().sum());
  if (squares.length === 0)
    throw new UsageError({ operation: 'globalNorm', received: 'no gradients', expected: 'at least one' });
  return squares[0].engine.stack(squares).sum().sqrt();
}

/** g ← g · min(1, limit/‖g‖) (Pascanu et al. 2013), the same factor for all; also returns ‖g‖. @throws UsageError for a limit that is not above 0 */
export function clipByGlobalNorm(gradients: Parameters, limit: number): { gradients: Parameters; norm: Tensor } {
  if (!(limit > 0))
    throw new UsageError({ operation: 'clipByGlobalNorm', received: `limit ${limit}`, expected: 'a number above 0' });
  const norm = globalNorm(gradients);
  // A norm of 0 or below the limit gives the factor 1 exactly, and so the gradients themselves.
  const factor = norm.greater(limit).where(norm.reciprocal().multiply(limit), 1);
  return { gradients: new Map([...gradients].map(([path, gradient]) => [path, gradient.multiply(factor)])), norm };
}
