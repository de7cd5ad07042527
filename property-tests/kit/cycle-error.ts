import { type Real, toFlat } from '../../spec/array.ts';
import { hardRank, sources } from '../../spec/method/combine.ts';
import { cols, flattened, minus, norm, rows, scaled, svd } from '../../spec/method/linear-algebra.ts';
import type { ExpertLinear } from '../../spec/method/omoe.ts';
import { statisticSize } from '../../spec/method/project-update.ts';
import { ridge, stacked } from '../../spec/method/projector.ts';
import { gamma, UNIT_ROUNDOFF } from '../../spec/rounding/model.ts';
import { type Matrix, matrix } from '../../src/linalg/index.ts';
import type { OmoeOptions } from '../../src/optim/index.ts';
import {
  conditionNumber,
  firstOrder,
  formingAndApplying,
  qrFormError,
  recursionError,
  singularVectors,
  singularVectorsOf,
} from './projector-rounding.ts';

/**
 * How far two computations of one Q_i can lie apart, from the columns that the definition holds. Factorisations are Float64 on
 * either side; the columns and the weights come from the engine, in a precision with unit roundoff u.
 */

const asMatrix = (a: Real) => matrix(a.shape[0], a.shape[1], Float64Array.from(toFlat(a)));

/** ‖P̂ − P‖ of one ridge projector, or Infinity where the first order of the recursion's error is not all of it. */
function formError(a: Matrix, alpha: number, form: OmoeOptions['form']): number {
  if (form === 'qr') return qrFormError(a, alpha);
  if (form === 'closed') throw new Error('the closed form of the definition, by elimination, has no bound here');
  const error = recursionError(a, alpha);
  return error * conditionNumber(a, alpha) <= firstOrder ? error : Infinity;
}

/**
 * ‖Q̂_i − Q_i‖, or Infinity where the answer hangs on rounding (a tie of singular values, an energy just reached).
 * The columns of both sides differ by a few roundings each (a mean, a factor √λ): γ_8(u)‖A‖, which moves the range of [A; √α I],
 * whose least singular value is √α or more, by γ_8‖A‖/√α, twice for the two sides of a projector.
 */
export function projectorError<S>(linear: ExpertLinear<S>, i: number, options: OmoeOptions, u: number): number {
  if (options.side === 'update') return subspaceError(linear, i, options, u);
  const size = statisticSize(options.side, options.bias, linear.matrices[i]);
  const from = sources(i, linear.matrices.length, options.columns).map((j) => linear.statistics[j]);
  const turning = options.control === 'rotated' ? 6 * formingAndApplying(size, size) : 0;
  const ridgeError = (a: Real, squared: number): number => {
    const alpha = squared === 0 ? 0 : ridge(options.alpha, options.alphaMode, squared, size);
    if (alpha === 0) return 0;
    return 2 * formError(asMatrix(a), alpha, options.form) + 2 * gamma(8, u) * Math.sqrt(squared / alpha);
  };
  if (options.combine === 'mean')
    return (
      Math.max(0, ...from.map((part) => ridgeError(part.columns, part.squaredNorm))) + gamma(2 * size + 8) + turning
    );
  const all = stacked(
    from.map((part) => part.columns),
    size,
  );
  const total = from.reduce((sum, part) => sum + part.squaredNorm, 0);
  if (options.combine === 'span') return ridgeError(all, total) + turning;
  return hardError(all, total, options.energy, u) + turning;
}

/** Singular subspaces move by ‖error of A‖/gap (Davis and Kahan), twice for the two sides of UUᵀ, on each of two computations. */
function hardError(a: Real, total: number, energy: number, u: number): number {
  if (cols(a) === 0 || total === 0) return 0;
  const { sigma } = svd(a);
  const r = hardRank(sigma, total, energy, Math.max(rows(a), cols(a)));
  const gap = (sigma[r - 1] ?? Infinity) - (sigma[r] ?? 0);
  if (gap < 1e-5 * sigma[0]) return Infinity;
  // Columns that depend on each other do so up to rounding only: in Float32 that is seen as a direction more.
  const float64 = u === UNIT_ROUNDOFF.float64;
  if (energy === 1 && !float64 && r < Math.min(rows(a), cols(a))) return Infinity;
  const near = float64 ? 1e-9 : 8 * gamma(8, u);
  if (energy < 1) {
    // Is the share reached with r, and not with r − 1, by more than rounding?
    let reached = 0;
    for (let k = 0; k < r; k++) {
      if (Math.abs(reached - energy * total) < near * total) return Infinity;
      reached += sigma[k] ** 2;
    }
    if (Math.abs(reached - energy * total) < near * total) return Infinity;
  }
  // The definition's own Jacobi permits as many sweeps as the code's.
  const error =
    singularVectorsOf(asMatrix(a)) +
    singularVectors(rows(a), cols(a)) +
    formingAndApplying(rows(a), cols(a)) +
    gamma(8, u);
  return r === rows(a) ? 2 * error : (4 * error * norm(a)) / gap + 2 * error;
}

/** The least share of σ₁ at which directions still count as independent here; below it the rank is rounding's. */
const independent = 1e-4;

/**
 * Update side: directions d_j = (M_j − M_j,base)/‖·‖ are off by what M_j is off, ε_j/‖M_j − M_j,base‖ (twice: numerator and
 * length); their span by that over the least singular value, twice for UUᵀ. ε_j is handed in by `linear.errors`.
 */
export function subspaceError<S>(
  linear: ExpertLinear<S> & { readonly errors?: readonly number[] },
  i: number,
  options: OmoeOptions,
  u: number,
): number {
  const from = sources(i, linear.matrices.length, options.columns);
  let moved = 0;
  const directions: Real[] = [];
  for (const j of from) {
    const move = minus(linear.matrices[j], linear.base[j]);
    const length = norm(move);
    if (length === 0) continue;
    moved += (2 * ((linear.errors?.[j] ?? 0) + 4 * gamma(1, u) * norm(linear.matrices[j]))) / length;
    directions.push(scaled(move, 1 / length));
  }
  if (directions.length === 0) return 0;
  const size = toFlat(directions[0]).length;
  if (directions.length > size) return Infinity;
  const side = stacked(directions.map(flattened), size);
  const { sigma } = svd(side);
  if (sigma[directions.length - 1] < independent) return Infinity;
  return (2 * (moved + gamma(8 * size * directions.length + 80 * directions.length))) / sigma[directions.length - 1];
}
