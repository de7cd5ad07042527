import fc from 'fast-check';
import { frobeniusNorm, type Matrix, matrix, norm, svd } from '../../src/linalg/index.ts';
import { ExpertColumns, omoeDefaults, type ProjectorOptions, projectRows, toDense } from '../../src/optim/index.ts';
import { project, uploadStack } from '../../src/optim/protect.ts';
import { key } from '../../src/random.ts';
import { matrices } from '../arbitraries/matrices.ts';
import { recordedExperts } from '../arbitraries/recorded-experts.ts';
import { claimEqual, law, type MethodLaw, type MethodSubject, precisionOf } from '../kit/method.ts';
import { formingAndApplying, qrFormError, ridgeSlack, singularVectors } from '../kit/projector-rounding.ts';
import { gamma } from '../kit/within.ts';
import { alphaOf, columnsOf, onBackend, othersOf } from './projectors.ts';

/**
 * Law 12: what makes the projectors cheap changes them by rounding, or by what METHOD §3 allows. They are factored where that
 * costs less, and their columns are sketched above a cap (Frequent Directions).
 */

/** Q_i from recorders that hold at most 2ℓ columns, and δ_j of each expert. */
function sketched({ method }: MethodSubject, { rows, columns, options }: Drawn, combine: 'span' | 'mean', cap: number) {
  const experts = columns.map((a) => {
    const expert = new ExpertColumns(rows, cap);
    expert.add(a);
    return expert;
  });
  const projectors = method.buildProjectors(experts, { ...options, combine }, key(3));
  return { projectors, deltas: experts.map(({ sketchError }) => sketchError) };
}

interface Drawn {
  readonly rows: number;
  readonly columns: readonly Matrix[];
  readonly options: ProjectorOptions;
}

const underCap = fc.record({
  cap: fc.integer({ min: 1, max: 4 }),
  drawn: recordedExperts(2).map(
    ({ options, ...drawn }): Drawn => ({ ...drawn, options: { ...omoeDefaults, ...options } }),
  ),
});

/** The largest singular value of A − B. */
const distance = (a: Matrix, b: Matrix): number =>
  svd(
    matrix(
      a.rows,
      a.cols,
      a.data.map((x, k) => x - b.data[k]),
    ),
  ).s[0] ?? 0;

/**
 * What the shrinks add to ‖BBᵀ‖, for A of one expert or of several: each is off by 2·(its error)·‖A_j‖²_F, and
 * `recordedExperts` holds at most five columns an expert.
 */
const shrinking = (rows: number, cap: number, a: Matrix): number =>
  (2 * Math.ceil(5 / cap) + 2) * singularVectors(rows, 2 * cap) * frobeniusNorm(a) ** 2;

/** BBᵀ off by e moves one ridge projector by e/α, and both of them carry the error of their form; without columns both are I. */
const formOfSketch = (rows: number, cap: number, a: Matrix, alpha: number): number =>
  alpha === 0 ? 0 : shrinking(rows, cap, a) / alpha + 2 * qrFormError(a, alpha);

/**
 * δ_j ≤ ‖A_j‖²_F/(ℓ + 1), and 0 where nothing was shrunk: each shrink takes as much from ℓ + 1 squared singular values. Without
 * this a recorder that overstates δ would widen every limit of law 12 for itself.
 */
const lossIsBounded = law(
  'law 12: a sketch loses at most ‖A‖²_F/(ℓ + 1), and nothing while its columns or rows are at most ℓ',
  underCap,
  (subject, { cap, drawn }, { claimAtMost }) => {
    const { rows, columns } = drawn;
    const { deltas, projectors } = sketched(subject, drawn, 'span', cap);
    const most = columns.map((a) => (a.cols <= cap || rows <= cap ? 0 : frobeniusNorm(a) ** 2 / (cap + 1)));
    const slack = columns.map((a, j) => (most[j] === 0 ? 0 : shrinking(rows, cap, a)));
    const sum = (of: readonly number[], i: number) => of.reduce((total, x, j) => (j === i ? total : total + x), 0);
    deltas.forEach((delta, j) => {
      claimAtMost(delta, most[j], slack[j], `δ_${j}, cap ${cap}`, 'δ');
      claimAtMost(-delta, 0, 0, `−δ_${j}, cap ${cap}`, '−δ');
    });
    projectors.forEach((q, i) => {
      claimAtMost(q.sketchError, sum(most, i), sum(slack, i), `δ of Q_${i}, cap ${cap}`, 'δ of Q');
    });
  },
);

const sketchesAreNear = law(
  'law 12: below the cap sketched projectors are the exact ones, above it ‖Q_B − Q_A‖ ≤ δ/(α + δ), averaged for mean',
  underCap,
  (subject, { cap, drawn }, { claimAtMost, decidable }) => {
    const { rows, columns, options } = drawn;
    for (const combine of ['span', 'mean'] as const) {
      const exact = sketched(subject, drawn, combine, 0).projectors;
      const { projectors, deltas } = sketched(subject, drawn, combine, cap);
      projectors.forEach((q, i) => {
        const others = columns.flatMap((a, j) => (j === i ? [] : [{ a, delta: deltas[j] }]));
        const [near, true_] = [toDense(q), toDense(exact[i])];
        if (others.every(({ a }) => a.cols <= cap)) {
          claimEqual(near.data, true_.data, `${combine}: Q_${i} below the cap`);
          return;
        }
        const all = othersOf(rows, columns, i);
        const parts =
          combine === 'span'
            ? [{ a: all, alpha: alphaOf(options, all), delta: q.sketchError }]
            : others.map(({ a, delta }) => ({ a, alpha: alphaOf(options, a), delta }));
        const share = ({ alpha, delta }: (typeof parts)[number]) => (alpha === 0 ? 0 : delta / (alpha + delta));
        const limit = parts.reduce((sum, part) => sum + share(part), 0) / parts.length;
        const forms = parts.reduce((sum, { a, alpha }) => sum + formOfSketch(rows, cap, a, alpha), 0) / parts.length;
        const slack = forms + gamma(500);
        // Two of them are never further than 1 apart: a wider bound would say nothing.
        if (!decidable(combine, limit + slack < 1)) return;
        claimAtMost(distance(near, true_), limit, slack, `${combine}: ‖Q_B − Q_A‖ of expert ${i}, cap ${cap}`, combine);
      });
    }
  },
);

/** The measured δ is itself off by e, and √(δ + e) ≤ √δ + √e. */
const sketchedSpanProtects = law(
  'law 12: span on a sketch leaves at most α/(2√(α − δ)), or √δ, of a column of another',
  underCap,
  (subject, { cap, drawn }, { claimAtMost }) => {
    const { rows, columns, options } = drawn;
    sketched(subject, drawn, 'span', cap).projectors.forEach((q, i) => {
      const all = othersOf(rows, columns, i);
      const alpha = alphaOf(options, all);
      if (alpha === 0) return;
      const delta = q.sketchError;
      const limit = delta <= alpha / 2 ? alpha / (2 * Math.sqrt(alpha - delta)) : Math.sqrt(delta);
      const slack = 2 * ridgeSlack(all, alpha) + Math.sqrt(2 * shrinking(rows, cap, all));
      for (const a of columnsOf(all)) {
        const left = projectRows(q, matrix(rows, 1, a)).data;
        claimAtMost(norm(left), limit, slack, `‖Q_${i} a‖, cap ${cap}`);
        const along = left.reduce((sum, x, k) => sum + x * a[k], 0);
        claimAtMost(along, Math.max(alpha, delta), 2 * slack * norm(a), `aᵀQ_${i} a, cap ${cap}`);
      }
    });
  },
);

/** One factored projector, and a column to be projected on each side. */
const factored = fc
  .record({
    a: matrices({ minRows: 3, maxRows: 9, minCols: 1, maxCols: 4, scales: [-6, 0, 6] }),
    relative: fc.constantFrom(1e-6, 1e-3, 1),
    seed: fc.nat(),
  })
  .filter(({ a }) => 2 * a.cols < a.rows && frobeniusNorm(a) > 0);

const formsAgreeOnBackend = law(
  'law 12: as the backend applies them, factored and dense projectors are one, on either side',
  factored,
  async (subject, { a, relative, seed }, { claimWithin }) => {
    const { t, method } = subject;
    const { u } = precisionOf(subject);
    const q = method.ridgeProjector(a, (frobeniusNorm(a) ** 2 / a.rows) * relative);
    const [n, columns] = [a.rows, 3];
    const given = await t.normal(key(seed), [columns, n]).data();
    const column = (c: number) => Float64Array.from(given.subarray(c * n, (c + 1) * n));
    const factor = uploadStack(t, [q.factor!], q.factor!.cols, t.dtype);
    const dense = uploadStack(t, [toDense(q)], n, t.dtype);
    for (const side of ['input', 'output'] as const) {
      const rowMajor = t.tensor(given, [1, columns, n], t.dtype);
      const delta = side === 'output' ? rowMajor : rowMajor.transpose();
      const [thin, whole] = await Promise.all(
        [{ factor }, { dense }].map(async (form) => {
          const projected = project(form, delta, side);
          return (side === 'output' ? projected : projected.transpose()).copy().data();
        }),
      );
      for (let c = 0; c < columns; c++) {
        const at = (data: ArrayLike<number>) => Array.from({ length: n }, (_, k) => data[c * n + k]);
        // Either form differs by no more than `onBackend` from the host's, whose own two differ by `formingAndApplying`.
        const slack = 2 * onBackend(n, column(c), u) + formingAndApplying(n, a.cols) * norm(column(c));
        claimWithin(at(thin), at(whole), slack, `${side} side, column ${c}, rank ${q.factor!.cols} of ${n}`);
      }
    }
  },
);

export const sketchLaws: readonly MethodLaw[] = [lossIsBounded, sketchesAreNear, sketchedSpanProtects];
export const formLaws: readonly MethodLaw[] = [formsAgreeOnBackend];
