import fc from 'fast-check';
import {
  concatColumns,
  frobeniusNorm,
  leadingColumns,
  type Matrix,
  matrix,
  multiplyLeftTransposed,
  norm,
  svd,
} from '../../src/linalg/index.ts';
import { type ProjectorOptions, projectColumns, projectRows } from '../../src/optim/index.ts';
import { entries } from '../arbitraries/matrices.ts';
import { claim, law, type MethodLaw } from '../kit/method.ts';
import { formingAndApplying, qrFormError, singularVectorsOf } from '../kit/projector-rounding.ts';
import { gamma } from '../kit/within.ts';
import { alphaOf, asRecorded, build } from './projectors.ts';

/**
 * Law 3 from the other side: what a projector must not take, or Q = 0 would keep every bound. For every v, A = UΣVᵀ the columns
 * behind Q:
 *   ridge  v − Pv = A(AᵀA + αI)⁻¹Aᵀv, so ‖v − Pv‖ ≤ ‖Aᵀv‖/(2√α), as σ/(σ² + α) ≤ 1/(2√α)
 *   mean   the average of these
 *   hard   UUᵀv = UΣ⁻¹Vᵀ Aᵀv over the r directions that are taken, so ‖v − Qv‖ ≤ ‖Aᵀv‖/σ_r
 * What is perpendicular to all columns is therefore left as it is.
 */

/** w without its part in the span of A's columns, twice as once leaves a remainder; null where next to nothing is left of it. */
function perpendicularTo(a: Matrix, w: Matrix): Matrix | null {
  const { u, s } = svd(a);
  const rank = s.filter((sigma) => sigma > 2 ** -53 * Math.max(a.rows, a.cols) * s[0]).length;
  const basis = leadingColumns(u, rank);
  let v = w;
  for (let pass = 0; pass < 2; pass++) {
    const along = multiplyLeftTransposed(basis, v).data;
    const data = v.data.map((x, i) => along.reduce((left, c, k) => left - c * basis.data[i * rank + k], x));
    v = matrix(w.rows, 1, data);
  }
  return norm(v.data) > norm(w.data) / 1024 ? v : null;
}

/** ‖Aᵀv‖ at most: as computed, and what a product of `rows` terms and a norm can be off. */
const seenBy = (a: Matrix, v: Matrix): number =>
  norm(multiplyLeftTransposed(a, v).data) * (1 + gamma(a.cols + 4)) +
  gamma(a.rows + a.cols + 4) * frobeniusNorm(a) * norm(v.data);

/** At most so much is taken of v, and rounding adds `slack`; null where that cannot be told. */
type Taken = { readonly limit: number; readonly slack: number } | null;

/** What a ridge projector takes of v, and the error of its form. */
function byRidge(a: Matrix, v: Matrix, options: ProjectorOptions): { limit: number; slack: number } {
  const alpha = alphaOf(options, a);
  if (alpha === 0) return { limit: 0, slack: 0 };
  return { limit: seenBy(a, v) / (2 * Math.sqrt(alpha)), slack: qrFormError(a, alpha) * norm(v.data) };
}

/**
 * UΣVᵀ = A + E with ‖E‖ ≤ s‖A‖_F: σ_r is off by that, Uᵀv by ‖E‖‖v‖/σ_r; twice, as neither U nor V is orthonormal but for s.
 * Null where σ_r is rounding's own.
 */
function byHard(a: Matrix, v: Matrix, rank: number): Taken {
  if (rank === 0) return { limit: 0, slack: 0 };
  const rounding = singularVectorsOf(a) * frobeniusNorm(a);
  const least = svd(a).s[rank - 1] - rounding;
  if (least <= 0) return null;
  const forming = formingAndApplying(a.rows, a.cols);
  return { limit: seenBy(a, v) / least, slack: 2 * (rounding / least + forming) * norm(v.data) };
}

function takenOf(v: Matrix, others: readonly Matrix[], rank: number, options: ProjectorOptions): Taken {
  const all = concatColumns(v.rows, others);
  if (options.combine === 'span') return byRidge(all, v, options);
  if (options.combine === 'hard') return byHard(all, v, rank);
  const each = others.map((a) => byRidge(a, v, options));
  const mean = (of: 'limit' | 'slack'): number => each.reduce((sum, part) => sum + part[of], 0) / each.length;
  return { limit: mean('limit'), slack: mean('slack') };
}

const perpendicularIsLeft = law(
  'projectors: what is perpendicular to the columns of the others is left as it is, by span, mean and hard',
  fc.tuple(asRecorded, fc.array(entries(), { minLength: 6, maxLength: 6 })),
  (subject, [{ rows, columns, options }, numbers], { claimAtMost, decidable }) => {
    const w = matrix(rows, 1, Float64Array.from(numbers.slice(0, rows)));
    const { combine } = options;
    build(subject, rows, columns, options).forEach((q, i) => {
      const others = columns.filter((_, j) => j !== i);
      const all = concatColumns(rows, others);
      const most = Math.min(rows, all.cols);
      claim(combine !== 'hard' || q.rank <= most, () => `Q_${i} takes ${q.rank} directions, but there are ${most}`);
      const v = perpendicularTo(all, w);
      const taken = v && takenOf(v, others, q.rank, options);
      // A bound of ‖v‖ or more says nothing.
      if (!decidable(combine, v !== null && taken !== null && taken.limit + taken.slack < norm(v.data))) return;
      // The average of several projectors is formed and applied on its own.
      const widest = Math.max(...others.map((a) => a.cols)) + columns.length;
      const slack = taken!.slack + formingAndApplying(rows, widest) * norm(v!.data);
      const off = (projected: Matrix): number => norm(projected.data.map((x, k) => x - v!.data[k]));
      const what = `of a v perpendicular to the columns of all but expert ${i} (${combine})`;
      claimAtMost(off(projectRows(q, v!)), taken!.limit, slack, `‖v − Qv‖ ${what}`, combine);
      claimAtMost(off(projectColumns(matrix(1, rows, v!.data), q)), taken!.limit, slack, `‖v − vQ‖ ${what}`, combine);
    });
  },
  // In more than half of the draws the columns of the others span everything.
  0.8,
);

export const perpendicularLaws: readonly MethodLaw[] = [perpendicularIsLeft];
