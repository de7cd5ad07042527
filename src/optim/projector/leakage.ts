import { ShapeError } from '../../errors.ts';
import type { Matrix } from '../../linalg/matrix.ts';
import { frobeniusNorm, multiply, multiplyLeftTransposed, scale } from '../../linalg/matrix.ts';
import type { Projector } from './projector.ts';

/**
 * How much of an update still acts on the protected columns (spec/method/measures/optimizer.ts), from 0 (none) to 1:
 * input side ‖AᵀΔW‖_F / (‖A‖_F‖ΔW‖_F), output side ‖ΔW A‖_F / (‖A‖_F‖ΔW‖_F).
 * @param columns A, [rows, c]: those of the other experts (`stackedColumns`).
 * @param update ΔW, [in, out], bias row included where the statistics include it.
 * @returns null where A or ΔW is zero: there is nothing to leak.
 * @throws ShapeError where the sizes do not fit.
 */
export function leakage(columns: Matrix, update: Matrix, side: 'input' | 'output'): number | null {
  const size = side === 'input' ? update.rows : update.cols;
  if (columns.rows !== size) {
    throw new ShapeError({
      operation: `leakage on the ${side} side`,
      received: `columns of ${columns.rows} entries, an update [${update.rows}, ${update.cols}]`,
      expected: `columns of ${size}`,
    });
  }
  const a = unitScaled(columns);
  const delta = unitScaled(update);
  if (!a || !delta) return null;
  return frobeniusNorm(side === 'input' ? multiplyLeftTransposed(a, delta) : multiply(delta, a));
}

/** M/‖M‖_F, or null for zero: dividing first keeps the product in range. */
function unitScaled(m: Matrix): Matrix | null {
  const length = frobeniusNorm(m);
  return length === 0 ? null : scale(m, 1 / length);
}

/** trace(Q) / rows: the share of directions left to learn in; 1 where there are no rows. */
export const traceShare = (q: Projector): number => (q.rows === 0 ? 1 : q.trace / q.rows);
