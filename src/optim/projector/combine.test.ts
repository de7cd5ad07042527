import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entries, matricesOf } from '../../../property-tests/arbitraries/matrices.ts';
import {
  formingAndApplying,
  qrFormError,
  ridgeSlack,
  singularVectors,
} from '../../../property-tests/kit/projector-rounding.ts';
import { assertAtMost, assertWithin, gamma, u } from '../../../property-tests/kit/within.ts';
import { array } from '../../../spec/array.ts';
import { combinedProjector } from '../../../spec/method/combine.ts';
import { ShapeError, UsageError } from '../../errors.ts';
import { eigh } from '../../linalg/eigh.ts';
import type { Matrix } from '../../linalg/matrix.ts';
import {
  frobeniusNorm,
  fromColumns,
  identity,
  matrix,
  multiply,
  multiplyLeftTransposed,
  norm,
} from '../../linalg/matrix.ts';
import { svd } from '../../linalg/svd.ts';
import { foldIn, key } from '../../random.ts';
import { omoeDefaults } from '../options.ts';
import { buildProjectors, type ProjectorOptions, recorded } from './build.ts';
import { hardRank, randomRotation, sources, stackedColumns } from './combine.ts';
import type { Projector } from './projector.ts';
import { projectColumns, projectRows, toDense } from './projector.ts';
import { ridge } from './ridge.ts';
import { ExpertColumns } from './statistics.ts';

const defaults: ProjectorOptions = omoeDefaults;

/** E experts with matrices of one height and any width, 0 included; and how to combine them. */
const cases = (least = 1) =>
  fc
    .record({
      rows: fc.integer({ min: 1, max: 6 }),
      widths: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: least, maxLength: 4 }),
      alpha: fc.constantFrom(1e-6, 1e-3, 1),
      alphaMode: fc.constantFrom<'relative' | 'absolute'>('relative', 'absolute'),
      energy: fc.constantFrom(0.5, 0.95, 1),
    })
    .chain(({ rows, widths, ...options }) =>
      fc.record({
        rows: fc.constant(rows),
        columns: fc.tuple(...widths.map((width) => matricesOf(rows, width, [-6, 0, 6]))),
        options: fc.constant(options),
      }),
    );

const recorders = (rows: number, columns: readonly Matrix[], cap = 0): ExpertColumns[] =>
  columns.map((a) => {
    const expert = new ExpertColumns(rows, cap);
    expert.add(a);
    return expert;
  });

const build = (rows: number, columns: readonly Matrix[], options: Partial<ProjectorOptions>, cap = 0): Projector[] =>
  buildProjectors(recorders(rows, columns, cap), { ...defaults, ...options }, key(3));

const stacked = (rows: number, columns: readonly Matrix[]): Matrix =>
  stackedColumns(
    columns.map((a) => ({ columns: a, squaredNorm: 0, sketchError: 0 })),
    rows,
  );

const imageOf = (q: Projector, a: Matrix, j: number) => {
  const column = Float64Array.from({ length: a.rows }, (_, i) => a.data[i * a.cols + j]!);
  return { column, image: projectRows(q, matrix(a.rows, 1, column)).data };
};

const absoluteRidge = (options: Pick<ProjectorOptions, 'alpha' | 'alphaMode'>, a: Matrix): number =>
  ridge(options.alpha, options.alphaMode, frobeniusNorm(a) ** 2, a.rows);

/** The norm as an operator, from the singular values. */
const operatorNorm = (m: Matrix): number => svd(m).s[0] ?? 0;

const minus = (a: Matrix, b: Matrix): Matrix =>
  matrix(
    a.rows,
    a.cols,
    a.data.map((x, k) => x - b.data[k]!),
  );

describe('law 3: the bounds of each combination', () => {
  it('span: ‖Q_i a‖ <= √α_i/2 and aᵀQ_i a <= α_i for every column of another', () => {
    fc.assert(
      fc.property(cases(2), ({ rows, columns, options }) => {
        build(rows, columns, { ...options, combine: 'span' }).forEach((q, i) => {
          const others = columns.filter((_, j) => j !== i);
          const all = stacked(rows, others);
          const alpha = absoluteRidge(options, all);
          const slack = ridgeSlack(all, alpha);
          for (let j = 0; j < all.cols; j++) {
            const { column, image } = imageOf(q, all, j);
            assertAtMost(norm(image), Math.sqrt(alpha) / 2, slack, '‖Qa‖');
            const along = image.reduce((sum, x, k) => sum + x * column[k]!, 0);
            assertAtMost(along, alpha, 2 * slack * norm(column), 'aᵀQa');
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it('mean: ‖Q_i a‖ <= ((E − 2)‖a‖ + √α_j/2)/(E − 1) for every column a of expert j', () => {
    fc.assert(
      fc.property(cases(2), ({ rows, columns, options }) => {
        const experts = columns.length;
        build(rows, columns, options).forEach((q, i) => {
          columns.forEach((a, j) => {
            if (j === i) return;
            const alpha = absoluteRidge(options, a);
            for (let c = 0; c < a.cols; c++) {
              const { column, image } = imageOf(q, a, c);
              const limit = ((experts - 2) * norm(column) + Math.sqrt(alpha) / 2) / (experts - 1);
              // P_j adds its own rounding; the other P and the averaging a multiple of u·‖a‖ each.
              const width = Math.max(...columns.map((each) => each.cols));
              assertAtMost(
                norm(image),
                limit,
                ridgeSlack(a, alpha) + 2 * formingAndApplying(rows, width + experts) * norm(column),
                '‖Qa‖',
              );
            }
          });
        });
      }),
      { numRuns: 300 },
    );
  });

  it('hard: ‖Q_i a‖ <= σ_{r+1}; Q² = Q = Qᵀ; r as the energy says; Q = 0 once the others fill the space', () => {
    fc.assert(
      fc.property(cases(2), ({ rows, columns, options }) => {
        build(rows, columns, { ...options, combine: 'hard' }).forEach((q, i) => {
          const all = stacked(
            rows,
            columns.filter((_, j) => j !== i),
          );
          const { s } = svd(all);
          const slack = (singularVectors(rows, all.cols) + formingAndApplying(rows, all.cols)) * frobeniusNorm(all);
          for (let j = 0; j < all.cols; j++) {
            assertAtMost(norm(imageOf(q, all, j).image), s[q.rank] ?? 0, slack, '‖Qa‖');
          }
          const dense = toDense(q);
          const rounding = 2 * singularVectors(rows, all.cols) + formingAndApplying(rows, all.cols);
          assertWithin(multiply(dense, dense).data, dense.data, rounding, 'Q²');
          assertWithin([q.trace], [rows - q.rank], rows * rounding, 'trace');
          if (options.energy < 1 && q.rank > 0) {
            // One fewer would not reach the share (nor would it if it only just does: the boundary is rounding's).
            const before = s.slice(0, q.rank - 1).reduce((sum, x) => sum + x * x, 0);
            assertAtMost(
              before,
              options.energy * frobeniusNorm(all) ** 2,
              slack * frobeniusNorm(all),
              'energy below r',
            );
          }
          if (q.rank === rows) assertWithin(dense.data, new Float64Array(rows * rows), rounding, 'Q');
        });
      }),
      { numRuns: 300 },
    );
  });

  it('the span bound fails for mean from three experts on: what one of two others saw is only halved', () => {
    const columns = [matrix(3, 0), fromColumns(3, [[1, 0, 0]]), fromColumns(3, [[0, 1, 0]])];
    const options = { alpha: 1e-6, alphaMode: 'absolute' } as const;
    const a = columns[1]!;
    expect(norm(imageOf(build(3, columns, { ...options, combine: 'span' })[0]!, a, 0).image)).toBeLessThan(1e-3 / 2);
    expect(norm(imageOf(build(3, columns, options)[0]!, a, 0).image)).toBeGreaterThan(0.49);
  });
});

describe('laws 2 and 5 for every combination, control and set of columns', () => {
  it('symmetric, spectrum in [0, 1], never longer, never backwards, on both sides', () => {
    const switches = fc.record({
      combine: fc.constantFrom<ProjectorOptions['combine']>('mean', 'span', 'hard'),
      columns: fc.constantFrom<ProjectorOptions['columns']>('others', 'own', 'shared'),
      control: fc.constantFrom<ProjectorOptions['control']>('none', 'rotated'),
    });
    fc.assert(
      fc.property(
        cases(),
        switches,
        fc.array(entries(), { minLength: 24, maxLength: 24 }),
        ({ rows, columns, options }, choice, values) => {
          const width = columns.reduce((sum, a) => sum + a.cols, columns.length);
          // The rotation is one more QR and two products, each within formingAndApplying(rows, rows).
          const slack =
            2 * (formingAndApplying(rows, width) + singularVectors(rows, width) + 3 * formingAndApplying(rows, rows));
          const g = matrix(
            rows,
            2,
            Float64Array.from({ length: 2 * rows }, (_, k) => values[k]!),
          );
          for (const q of build(rows, columns, { ...options, ...choice })) {
            const { values: spectrum } = eigh(toDense(q));
            assertAtMost(values[rows - 1]!, 1, slack, 'largest eigenvalue');
            assertAtMost(-values[0]!, 0, slack, '−smallest eigenvalue');
            assertWithin([q.trace], [values.reduce((sum, x) => sum + x, 0)], 2 * rows * slack, 'trace');
            const projected = projectRows(q, g);
            const length = frobeniusNorm(g);
            assertAtMost(frobeniusNorm(projected), length, slack * length, '‖QG‖');
            assertAtMost(
              -projected.data.reduce((sum, x, k) => sum + x * g.data[k]!, 0),
              0,
              slack * length ** 2,
              '−⟨QG, G⟩',
            );
            const mirrored = projectColumns(
              matrix(
                1,
                rows,
                g.data.filter((_, k) => k % 2 === 0),
              ),
              q,
            );
            assertWithin(
              mirrored.data,
              projected.data.filter((_, k) => k % 2 === 0),
              slack * length,
              'gᵀQ',
            );
            assertWithin(projected.data, multiply(toDense(q), g).data, slack * length, 'law 12');
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('what equals what', () => {
  it('the naive definition in spec/, for mean and span', () => {
    const choices = fc.record({
      combine: fc.constantFrom<'mean' | 'span'>('mean', 'span'),
      columns: fc.constantFrom<ProjectorOptions['columns']>('others', 'own', 'shared'),
    });
    fc.assert(
      fc.property(cases(), choices, ({ rows, columns, options }, choice) => {
        const sketches = columns.map((a) => ({
          columns: array(a.data, [a.rows, a.cols]),
          delta: 0,
          squaredNorm: recorded(recorders(rows, [a])[0]!).squaredNorm,
        }));
        build(rows, columns, { ...options, ...choice }).forEach((q, i) => {
          const expected = combinedProjector(sketches, i, rows, { ...options, ...choice, form: 'qr' });
          const from = sources(i, columns.length, choice.columns);
          const parts =
            choice.combine === 'mean'
              ? from.map((j) => columns[j]!)
              : [
                  stacked(
                    rows,
                    from.map((j) => columns[j]!),
                  ),
                ];
          const bound = parts.reduce((most, a) => {
            const alpha = absoluteRidge(options, a);
            return alpha === 0 ? most : Math.max(most, qrFormError(a, alpha));
          }, columns.length * u);
          // Once for each side's QR form. The spec's Gram-Schmidt loses no more, as its stack is never rank-deficient.
          assertWithin(toDense(q).data, expected.data, 2 * bound, 'Q');
        });
      }),
      { numRuns: 60 },
    );
  });

  it('the naive definition in spec/, for hard, where the rank is not in doubt', () => {
    let checked = 0;
    fc.assert(
      fc.property(cases(2), ({ rows, columns, options }) => {
        const hard = { ...options, combine: 'hard', columns: 'others', energy: 1 } as const;
        const sketches = recorders(rows, columns).map(recorded);
        const naive = sketches.map((part) => ({
          columns: array(part.columns.data, [rows, part.columns.cols]),
          delta: 0,
          squaredNorm: part.squaredNorm,
        }));
        build(rows, columns, hard).forEach((q, i) => {
          const all = stacked(
            rows,
            columns.filter((_, j) => j !== i),
          );
          const { s } = svd(all);
          const least = s[q.rank - 1] ?? 1;
          const next = s[q.rank] ?? 0;
          if (least < 1e-3 * (s[0] ?? 0) || next > 1e-12 * (s[0] ?? 0)) return;
          checked++;
          // A backward error E turns the span of singular values >= least by at most ‖E‖/(least − next) (Wedin), on either side.
          const bound =
            2 * formingAndApplying(rows, all.cols) +
            (4 * singularVectors(rows, all.cols) * frobeniusNorm(all)) / (least - next);
          const expected = combinedProjector(naive, i, rows, { ...hard, form: 'qr' });
          assertWithin(toDense(q).data, expected.data, bound, 'Q');
        });
      }),
      { numRuns: 60 },
    );
    expect(checked).toBeGreaterThan(20);
  });

  it('the form asked for is the form used, and all three agree', () => {
    const columns = [
      fromColumns(3, [
        [1, 2, 0],
        [0, 1, 1],
      ]),
      fromColumns(3, [[2, 0, 1]]),
      fromColumns(3, [[1, 1, 1]]),
    ];
    for (const combine of ['mean', 'span'] as const) {
      const [qr, closed, recursion] = (['qr', 'closed', 'recursion'] as const).map((form) =>
        build(3, columns, { combine, form }),
      );
      // κ = 1 + rows/alpha = 3001 at most, so the other two forms are off by κ and κ² roundings at most, times their sizes.
      qr!.forEach((q, i) => {
        assertWithin(toDense(closed![i]!).data, toDense(q).data, 4e3 * formingAndApplying(3, 5), `${combine}, closed`);
        assertWithin(toDense(recursion![i]!).data, toDense(q).data, 20 * 4e3 ** 2 * gamma(7), `${combine}, recursion`);
        expect(toDense(recursion![i]!)).not.toEqual(toDense(q));
        expect(toDense(closed![i]!)).not.toEqual(toDense(q));
      });
    }
  });

  it('mean is span for two experts; own, with one', () => {
    fc.assert(
      fc.property(cases(2), ({ rows, columns, options }) => {
        const two = columns.slice(0, 2);
        const mean = build(rows, two, options).map(toDense);
        expect(mean).toEqual(build(rows, two, { ...options, combine: 'span' }).map(toDense));
        const own = build(rows, two, { ...options, columns: 'own' }).map(toDense);
        expect(own).toEqual([mean[1], mean[0]]);
      }),
    );
  });

  it('one expert has no others: Q = I; its own columns still give one', () => {
    const a = fromColumns(2, [[1, 1]]);
    for (const combine of ['mean', 'span', 'hard'] as const) {
      expect(build(2, [a], { combine })[0]!.identity).toBe(true);
      expect(build(2, [a], { combine, control: 'rotated' })[0]!.identity).toBe(true);
      expect(build(2, [a], { combine, columns: 'own' })[0]!.identity).toBe(false);
      expect(build(2, [matrix(2, 0), matrix(2, 3)], { combine })[0]!.identity).toBe(true);
    }
    expect(build(2, [], {})).toEqual([]);
  });

  it('permuting the experts permutes the projectors (law 6), within rounding', () => {
    fc.assert(
      fc.property(cases(2), fc.nat(3), ({ rows, columns, options }, by) => {
        const turn = <T>(list: readonly T[]): T[] => list.map((_, i) => list[(i + by) % list.length]!);
        for (const combine of ['mean', 'span'] as const) {
          const turned = build(rows, turn(columns), { ...options, combine });
          turn(build(rows, columns, { ...options, combine })).forEach((q, i) => {
            const alphas = columns.map((a) => absoluteRidge(options, a)).filter((alpha) => alpha > 0);
            if (alphas.length === 0) return;
            const bound = 2 * qrFormError(stacked(rows, columns), Math.min(...alphas));
            assertWithin(toDense(turned[i]!).data, toDense(q).data, bound, combine);
          });
        }
      }),
      { numRuns: 100 },
    );
  });

  it('shared columns give every expert the same projector', () => {
    const columns = [fromColumns(4, [[1, 0, 0, 0]]), fromColumns(4, [[0, 1, 0, 0]]), matrix(4, 0)];
    for (const combine of ['mean', 'span', 'hard'] as const) {
      const [first, ...rest] = build(4, columns, { combine, columns: 'shared' });
      for (const q of rest) expect(q).toBe(first);
    }
  });
});

describe('law 12: sketched projectors', () => {
  it('equal below the cap; above it ‖Q_B − Q_A‖ <= δ/(α + δ) for span, the average of these for mean', () => {
    let above = 0;
    fc.assert(
      fc.property(cases(2), fc.integer({ min: 1, max: 4 }), ({ rows, columns, options }, cap) => {
        const sketches = recorders(rows, columns, cap).map(recorded);
        for (const combine of ['span', 'mean'] as const) {
          const exact = build(rows, columns, { ...options, combine });
          build(rows, columns, { ...options, combine }, cap).forEach((q, i) => {
            const from = sources(i, columns.length, 'others');
            if (from.every((j) => columns[j]!.cols <= cap)) {
              expect(q).toEqual(exact[i]);
              return;
            }
            if (q.sketchError > 0) above++;
            const all = stacked(
              rows,
              from.map((j) => columns[j]!),
            );
            const joint = combine === 'span';
            const alphas = joint ? [absoluteRidge(options, all)] : from.map((j) => absoluteRidge(options, columns[j]!));
            const deltas = joint ? [q.sketchError] : from.map((j) => sketches[j]!.sketchError);
            const limit =
              alphas.reduce((sum, a, k) => sum + (a === 0 ? 0 : deltas[k]! / (a + deltas[k]!)), 0) / alphas.length;
            const least = Math.min(...alphas.filter((alpha) => alpha > 0));
            // The shrinks move BBᵀ by 2·(their error)·‖A‖²_F each, hence Q by that over α; both Q carry the form's error.
            const shrinks = (2 * Math.ceil(5 / cap) + 2) * singularVectors(rows, 2 * cap) * frobeniusNorm(all) ** 2;
            const slack = shrinks / least + 2 * qrFormError(all, least) + gamma(500);
            assertAtMost(operatorNorm(minus(toDense(q), toDense(exact[i]!))), limit, slack, `${combine}: ‖Q_B − Q_A‖`);
          });
        }
      }),
      { numRuns: 300 },
    );
    expect(above).toBeGreaterThan(50);
  });

  it('span on a sketch: ‖Q_B a‖ <= α/(2√(α − δ)) or √δ, and aᵀQ_B a <= max(α, δ), for every true column', () => {
    fc.assert(
      fc.property(cases(2), fc.integer({ min: 1, max: 3 }), ({ rows, columns, options }, cap) => {
        build(rows, columns, { ...options, combine: 'span' }, cap).forEach((q, i) => {
          const all = stacked(
            rows,
            columns.filter((_, j) => j !== i),
          );
          const alpha = absoluteRidge(options, all);
          if (alpha === 0) return;
          const delta = q.sketchError;
          const limit = delta <= alpha / 2 ? alpha / (2 * Math.sqrt(alpha - delta)) : Math.sqrt(delta);
          // The measured δ is itself off by e = 2·(error of a shrink)·‖A‖²_F; √(δ + e) <= √δ + √e.
          const e = (2 * Math.ceil(5 / cap) + 2) * singularVectors(rows, 2 * cap) * frobeniusNorm(all) ** 2;
          const slack = 2 * ridgeSlack(all, alpha) + Math.sqrt(2 * e);
          for (let j = 0; j < all.cols; j++) {
            const { column, image } = imageOf(q, all, j);
            assertAtMost(norm(image), limit, slack, '‖Q_B a‖');
            const along = image.reduce((sum, x, k) => sum + x * column[k]!, 0);
            assertAtMost(along, Math.max(alpha, delta), 2 * slack * norm(column), 'aᵀQ_B a');
          }
        });
      }),
      { numRuns: 300 },
    );
  });
});

describe('controls', () => {
  it('rotated: the spectrum of the original, in directions that differ by expert and are set by the key', () => {
    const columns = [
      fromColumns(5, [[1, 0, 0, 0, 0]]),
      fromColumns(5, [
        [0, 2, 1, 0, 0],
        [1, 1, 1, 1, 1],
      ]),
      fromColumns(5, [[0, 0, 0, 1, 0]]),
    ];
    for (const combine of ['mean', 'span', 'hard'] as const) {
      const plain = build(5, columns, { combine });
      const turned = build(5, columns, { combine, control: 'rotated' });
      expect(build(5, columns, { combine, control: 'rotated' })).toEqual(turned);
      plain.forEach((q, i) => {
        const slack = 8 * formingAndApplying(5, 5) + gamma(1200);
        assertWithin(eigh(toDense(turned[i]!)).values, eigh(toDense(q)).values, slack, `${combine}: spectrum`);
        expect(turned[i]!.trace).toBe(q.trace);
        expect(operatorNorm(minus(toDense(turned[i]!), toDense(q)))).toBeGreaterThan(0.01);
      });
    }
    const alike = build(3, [matrix(3, 1, [1, 0, 0]), matrix(3, 1, [1, 0, 0])], { control: 'rotated' });
    expect(operatorNorm(minus(toDense(alike[0]!), toDense(alike[1]!)))).toBeGreaterThan(0.01);
  });

  it('randomRotation is orthogonal, and even: the mean of each entry is 0, of each square 1/n', () => {
    const n = 3;
    const draws = 4000;
    const sums = new Float64Array(n * n);
    const squares = new Float64Array(n * n);
    for (let k = 0; k < draws; k++) {
      const q = randomRotation(n, foldIn(key(0), k));
      if (k < 20) assertWithin(multiplyLeftTransposed(q, q).data, identity(n).data, formingAndApplying(n, n), 'QᵀQ');
      q.data.forEach((x, at) => {
        sums[at]! += x / draws;
        squares[at]! += (x * x) / draws;
      });
    }
    // Five standard errors: of x, √(1/3)/√draws; of x², uniform on the sphere, √(1/5 − 1/9)/√draws.
    assertWithin(sums, new Float64Array(n * n), (5 * Math.sqrt(1 / 3)) / Math.sqrt(draws), 'mean');
    assertWithin(
      squares,
      new Float64Array(n * n).fill(1 / n),
      (5 * Math.sqrt(1 / 5 - 1 / 9)) / Math.sqrt(draws),
      'mean square',
    );
  });
});

describe('hardRank and bad input', () => {
  it('counts to the share, at energy 1 to the numerical rank', () => {
    const s = Float64Array.of(3, 1, 1e-3, 1e-17, 0);
    const total = 10 + 1e-6;
    expect(hardRank(s, total, 0.5, 5)).toBe(1);
    expect(hardRank(s, total, 0.95, 5)).toBe(2);
    expect(hardRank(s, total, 0.99999999, 5)).toBe(3);
    expect(hardRank(s, total, 1, 5)).toBe(3);
    expect(hardRank(s, 100, 0.95, 5)).toBe(3); // a sketch that lost the rest gives all it has
    expect(hardRank(new Float64Array(2), 0, 1, 2)).toBe(0);
    for (const energy of [0, 1.5, Number.NaN]) expect(() => hardRank(s, total, energy, 5)).toThrow(UsageError);
  });

  it('sizes and options', () => {
    expect(() => buildProjectors([new ExpertColumns(2), new ExpertColumns(3)], defaults, key(0))).toThrow(ShapeError);
    const seen = [matrix(2, 1, [1, 0]), matrix(2, 1, [1, 0])];
    expect(() => build(2, seen, { alpha: -1 })).toThrow(UsageError);
    expect(() => build(2, seen, { combine: 'hard', energy: 2 })).toThrow(UsageError);
  });
});
