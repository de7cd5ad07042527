import fc from 'fast-check';
import { smallestNormal } from '../../spec/rounding/model.ts';
import {
  concatColumns,
  eigh,
  frobeniusNorm,
  fromColumns,
  leadingColumns,
  type Matrix,
  matrix,
  multiply,
  norm,
  svd,
} from '../../src/linalg/index.ts';
import {
  ExpertColumns,
  omoeDefaults,
  type Projector,
  type ProjectorOptions,
  projectRows,
  ridge,
  toDense,
} from '../../src/optim/index.ts';
import type { OmoeOptions } from '../../src/optim/options.ts';
import { project, uploadProjectors } from '../../src/optim/protect.ts';
import { key } from '../../src/random.ts';
import { matrices } from '../arbitraries/matrices.ts';
import { recordedExperts } from '../arbitraries/recorded-experts.ts';
import { claim, law, type MethodLaw, type MethodSubject, precisionOf } from '../kit/method.ts';
import {
  closedFormError,
  conditionNumber,
  firstOrder,
  formingAndApplying,
  qrFormError,
  recursionError,
  ridgeSlack,
  singularVectorsOf,
} from '../kit/projector-rounding.ts';
import { gamma } from '../kit/within.ts';
import { applyRounding, protection } from './update.ts';

/**
 * Laws 1 to 3. The projectors of src/optim/projector are made in Float64 on the host, whatever the engine; the laws of
 * `projectionLaws` are about what the backend does with them.
 */

/** A and an absolute α between 1e-4 and 10 times the mean square of a row, where all three forms can be held to a bound. */
const mild = fc
  .record({
    a: matrices({ minRows: 1, maxRows: 6, minCols: 1, maxCols: 6, scales: [-6, 0, 6] }),
    relative: fc.constantFrom(1e-3, 1e-1, 10),
  })
  .map(({ a, relative }) => ({ a, alpha: (frobeniusNorm(a) ** 2 / a.rows || 1) * relative }));

/** A and an absolute α of its own scale or far from it. */
const anyAlpha = fc.record({
  a: matrices({ minRows: 1, maxRows: 7, maxCols: 9, scales: [-6, -3, 0, 3, 6] }),
  alpha: fc.integer({ min: -9, max: 6 }).map((k) => 10 ** k),
});

const columnOf = (a: Matrix, j: number): Float64Array =>
  Float64Array.from({ length: a.rows }, (_, i) => a.data[i * a.cols + j]);
export const columnsOf = (a: Matrix): Float64Array[] => Array.from({ length: a.cols }, (_, j) => columnOf(a, j));
const image = (q: Projector, column: Float64Array): Float64Array =>
  projectRows(q, matrix(column.length, 1, column)).data;

const formsAgree = law(
  'projectors: recursion, closed form and QR form are one, in any order and by blocks',
  fc.tuple(mild, fc.nat()),
  ({ method }, [{ a, alpha }, seed], { claimWithin, decidable }) => {
    const qr = toDense(method.ridgeProjector(a, alpha, 'qr')).data;
    const here = qrFormError(a, alpha);
    const closed = closedFormError(a, alpha);
    if (decidable('closed form', closed < 0.5))
      claimWithin(toDense(method.ridgeProjector(a, alpha, 'closed')).data, qr, closed + here, 'closed', 'closed form');
    const bound = recursionError(a, alpha);
    if (!decidable('recursion', bound * conditionNumber(a, alpha) <= firstOrder)) return;
    claimWithin(toDense(method.ridgeProjector(a, alpha, 'recursion')).data, qr, bound + here, 'recursion', 'recursion');
    const all = columnsOf(a);
    const turned = all.map((_, j) => all[(j + seed) % all.length]).reverse();
    const other = method.ridgeProjector(fromColumns(a.rows, turned), alpha, 'recursion');
    claimWithin(toDense(other).data, qr, bound + here, 'recursion in another order', 'recursion');
    const first = seed % (a.cols + 1);
    const block = toDense(method.ridgeProjector(leadingColumns(a, first), alpha, 'qr'));
    const p = matrix(a.rows, a.rows, block.data.slice());
    for (const column of all.slice(first)) method.recursionStep(p, column, alpha);
    // What the block was off travels on as the error of a step does, times κ at most.
    claimWithin(p.data, qr, bound + here * (1 + 2 * conditionNumber(a, alpha)), 'a block, then steps', 'recursion');
  },
);

const contraction = law(
  'projectors: P is symmetric with spectrum in [0, 1], and ‖Pv‖ ≤ ‖v‖',
  fc.tuple(anyAlpha, fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 7, maxLength: 7 })),
  ({ method }, [{ a, alpha }, entries], { claimAtMost, claimWithin }) => {
    const p = method.ridgeProjector(a, alpha);
    const dense = toDense(p).data;
    const n = a.rows;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < i; j++)
        claim(
          dense[i * n + j] === dense[j * n + i],
          () => `P[${i}, ${j}] is ${dense[i * n + j]}, and its mirror image ${dense[j * n + i]}`,
        );
    const slack = formingAndApplying(n, a.cols) + gamma(200 * (n + 1)); // the second is that of the eigenvalues
    const { values } = eigh(toDense(p));
    claimAtMost(values[n - 1], 1, slack, 'largest eigenvalue', 'spectrum');
    claimAtMost(-values[0], 0, slack, '−smallest eigenvalue', 'sign of the spectrum');
    claimWithin([values.reduce((sum, x) => sum + x, 0)], [p.trace], n * slack, 'trace', 'trace');
    const v = Float64Array.from(entries.slice(0, n));
    claimAtMost(norm(image(p, v)), norm(v), slack * norm(v), '‖Pv‖', '‖Pv‖');
  },
);

/** Each trace is a sum of `rows` eigenvalues, each off by no more than the form's error, and never by more than 1. */
const traceFalls = law(
  'projectors: at fixed α the trace never rises as columns are added',
  anyAlpha,
  (subject, drawn, { claimAtMost }) => {
    const { a, alpha } = drawn;
    const slack = 2 * a.rows * Math.min(1, qrFormError(a, alpha));
    let last = a.rows;
    for (let c = 1; c <= a.cols; c++) {
      const { trace } = subject.method.ridgeProjector(leadingColumns(a, c), alpha);
      claimAtMost(trace, last, slack, `trace with ${c} columns`);
      last = trace;
    }
  },
);

const experts = recordedExperts(2).map(({ options, ...drawn }) => ({
  ...drawn,
  options: { ...omoeDefaults, ...options } as ProjectorOptions,
}));

export const build = ({ method }: MethodSubject, rows: number, columns: readonly Matrix[], options: ProjectorOptions) =>
  method.buildProjectors(
    columns.map((a) => {
      const expert = new ExpertColumns(rows);
      expert.add(a);
      return expert;
    }),
    options,
    key(3),
  );

export const othersOf = (rows: number, columns: readonly Matrix[], i: number): Matrix =>
  concatColumns(
    rows,
    columns.filter((_, j) => j !== i),
  );
export const alphaOf = (options: ProjectorOptions, a: Matrix): number =>
  ridge(options.alpha, options.alphaMode, frobeniusNorm(a) ** 2, a.rows);

const spanBound = law(
  'projectors: span leaves at most √α/2 of a column of another',
  experts,
  (subject, drawn, { claimAtMost }) => {
    const { rows, columns, options } = drawn;
    build(subject, rows, columns, { ...options, combine: 'span' }).forEach((q, i) => {
      const all = othersOf(rows, columns, i);
      const alpha = alphaOf(options, all);
      const slack = ridgeSlack(all, alpha);
      for (const a of columnsOf(all)) {
        const left = image(q, a);
        claimAtMost(norm(left), Math.sqrt(alpha) / 2, slack, `‖Q_${i} a‖`, '‖Qa‖');
        const along = left.reduce((sum, x, k) => sum + x * a[k], 0);
        claimAtMost(along, alpha, 2 * slack * norm(a), `aᵀQ_${i} a`, 'aᵀQa');
      }
    });
  },
);

/** P_j adds its own rounding; the other projectors and the averaging a multiple of u‖a‖ each. */
const meanBound = law(
  'projectors: mean leaves at most ((E − 2)‖a‖ + √α_j/2)/(E − 1)',
  experts,
  (subject, drawn, { claimAtMost }) => {
    const { rows, columns, options } = drawn;
    const E = columns.length;
    const widest = Math.max(...columns.map((a) => a.cols));
    build(subject, rows, columns, options).forEach((q, i) => {
      columns.forEach((recorded, j) => {
        if (j === i) return;
        const alpha = alphaOf(options, recorded);
        for (const a of columnsOf(recorded)) {
          const limit = ((E - 2) * norm(a) + Math.sqrt(alpha) / 2) / (E - 1);
          const slack = ridgeSlack(recorded, alpha) + 2 * formingAndApplying(rows, widest + E) * norm(a);
          claimAtMost(norm(image(q, a)), limit, slack, `‖Q_${i} a‖ for a column of expert ${j}`);
        }
      });
    });
  },
);

/** r is the least number of directions that reach the energy: with one less, what is taken out stays under it. */
const hardBound = law(
  'projectors: hard leaves at most σ_{r+1}, and Q² = Q',
  experts,
  (subject, drawn, { claimAtMost, claimWithin }) => {
    const { rows, columns, options } = drawn;
    build(subject, rows, columns, { ...options, combine: 'hard' }).forEach((q, i) => {
      const all = othersOf(rows, columns, i);
      const { s } = svd(all);
      const rounding = singularVectorsOf(all) + formingAndApplying(rows, all.cols);
      for (const a of columnsOf(all))
        claimAtMost(norm(image(q, a)), s[q.rank] ?? 0, rounding * frobeniusNorm(all), `‖Q_${i} a‖`, '‖Qa‖');
      const dense = toDense(q);
      claimWithin(multiply(dense, dense).data, dense.data, 2 * rounding, `Q_${i}²`, 'Q²');
      if (options.energy === 1) return;
      const taken = (r: number): number => s.slice(0, r).reduce((sum, x) => sum + x * x, 0);
      const total = frobeniusNorm(all) ** 2;
      const [wanted, slack] = [options.energy * total, 4 * rounding * total];
      claimAtMost(wanted, taken(q.rank), slack, 'energy · ‖A‖²_F is reached by what Q takes out');
      if (q.rank > 0)
        claimAtMost(taken(q.rank - 1), wanted, slack, 'what one direction less takes out is under energy · ‖A‖²_F');
    });
  },
);

/** E ≥ 3, orthogonal unit columns: what one of E − 1 saw is kept to (E − 2)/(E − 1), which is more than √α/2 for α < 1. */
const meanIsWeaker = law(
  'projectors: from three experts on, the span bound fails for mean',
  fc.record({ E: fc.integer({ min: 3, max: 5 }), alpha: fc.constantFrom(1e-6, 1e-3, 0.1) }),
  (subject, { E, alpha }, { claimAtMost }) => {
    const unit = (j: number) => fromColumns(E, [Float64Array.from({ length: E }, (_, i) => Number(i === j))]);
    const columns = Array.from({ length: E }, (_, j) => unit(j));
    const options: ProjectorOptions = { ...omoeDefaults, alpha, alphaMode: 'absolute' };
    const left = (combine: 'mean' | 'span') =>
      norm(image(build(subject, E, columns, { ...options, combine })[0], columnOf(columns[1], 0)));
    claimAtMost(left('span'), Math.sqrt(alpha) / 2, gamma(1000), 'span');
    claimAtMost((E - 2) / (E - 1), left('mean'), gamma(1000), 'mean: (E − 2)/(E − 1)');
    claim((E - 2) / (E - 1) > Math.sqrt(alpha) / 2, () => 'the example shows nothing');
  },
);

/** Q_i applied by the backend to the columns of all experts, [expert, row, column], and by the host to one. */
async function applied(subject: MethodSubject, rows: number, columns: readonly Matrix[], options: ProjectorOptions) {
  const { t } = subject;
  const projectors = build(subject, rows, columns, options);
  const all = concatColumns(rows, columns);
  const delta = t.tensor(Float64Array.from(all.data), [1, rows, all.cols], t.dtype);
  const given = delta.broadcastTo([columns.length, rows, all.cols]);
  const projected = project(uploadProjectors(t, projectors, t.dtype, options), given, 'input');
  const data = await projected.data();
  const at = (expert: number, column: number): Float64Array =>
    Float64Array.from({ length: rows }, (_, row) => data[(expert * rows + row) * all.cols + column]);
  return { projectors, all, at };
}

/**
 * What the backend adds to ‖Qa‖, relative to ‖a‖: the column is rounded, ‖Q(â − a)‖ ≤ u‖a‖, and Q applied in either precision.
 * What underflows loses λ in each of at most 4·rows² products.
 */
export const onBackend = (rows: number, a: Float64Array, u: number): number =>
  (u + (1 + u) * applyRounding(rows, u) + applyRounding(rows, 2 ** -53)) * norm(a) +
  4 * rows * rows * smallestNormal(u);

export const asRecorded = experts.chain((drawn) =>
  fc
    .constantFrom<ProjectorOptions['combine']>('span', 'mean', 'hard')
    .map((combine) => ({ ...drawn, options: { ...drawn.options, combine } })),
);

/** Laws 2 and 3, of projectors that the backend applies. */
const boundsOnBackend = law(
  'projectors: as the backend applies them, they are those of the host, and keep the bounds of span, mean and hard',
  asRecorded,
  async (subject, { rows, columns, options }, { claimAtMost }) => {
    const { u } = precisionOf(subject);
    const { projectors, at } = await applied(subject, rows, columns, options);
    projectors.forEach((q, i) => {
      let place = 0;
      columns.forEach((recorded, j) => {
        for (const a of columnsOf(recorded)) {
          const seen = at(i, place++);
          const slack = onBackend(rows, a, u);
          const exact = image(q, a);
          const off = norm(seen.map((x, k) => x - exact[k]));
          claimAtMost(
            off,
            0,
            slack,
            `‖Q_${i} a‖ on the backend against the host, column ${place - 1}`,
            'against the host',
          );
          claimAtMost(norm(seen), norm(a), slack, `‖Q_${i} a‖ ≤ ‖a‖`, '‖Qa‖ ≤ ‖a‖');
          const along = seen.reduce((sum, x, k) => sum + x * a[k], 0);
          claimAtMost(-along, 0, slack * norm(a), `−aᵀQ_${i} a`, '−aᵀQa');
          if (i === j) continue;
          const limit = protection(columns, i, j, matrix(rows, 1, a), options as OmoeOptions);
          claimAtMost(
            norm(seen),
            limit,
            slack,
            `‖Q_${i} a‖ for a column of expert ${j} (${options.combine})`,
            options.combine,
          );
        }
      });
    });
  },
);

/** ⟨Qa, b⟩ = ⟨a, Qb⟩, each side off by its own rounding. */
const symmetricOnBackend = law(
  'projectors: as the backend applies them, they are symmetric',
  asRecorded,
  async (subject, { rows, columns, options }, { claimWithin }) => {
    const { u } = precisionOf(subject);
    const { projectors, all, at } = await applied(subject, rows, columns, options);
    const recorded = columnsOf(all);
    const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, k) => sum + x * b[k], 0);
    projectors.forEach((_, i) => {
      recorded.forEach((a, c) => {
        recorded.slice(0, c).forEach((b, d) => {
          const slack = onBackend(rows, a, u) * norm(b) + onBackend(rows, b, u) * norm(a);
          claimWithin([dot(at(i, c), b)], [dot(a, at(i, d))], slack, `⟨Q_${i} a_${c}, a_${d}⟩`);
        });
      });
    });
  },
);

export const projectionLaws: readonly MethodLaw[] = [boundsOnBackend, symmetricOnBackend];

export const projectorLaws: readonly MethodLaw[] = [
  formsAgree,
  contraction,
  traceFalls,
  spanBound,
  meanBound,
  hardBound,
  meanIsWeaker,
];
