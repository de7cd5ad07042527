import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  absoluteRidge,
  build,
  defaults,
  minus,
  operatorNorm,
  recordedExperts,
  recorders,
  stacked,
} from '../../../property-tests/arbitraries/recorded-experts.ts';
import { formingAndApplying, qrFormError, singularVectorsOf } from '../../../property-tests/kit/projector-rounding.ts';
import { claimWithin, gamma, u } from '../../../property-tests/kit/within.ts';
import { array } from '../../../spec/array.ts';
import { combinedProjector } from '../../../spec/method/combine.ts';
import { ShapeError, UsageError } from '../../errors.ts';
import { eigh } from '../../linalg/eigh.ts';
import { frobeniusNorm, fromColumns, identity, matrix, multiplyLeftTransposed } from '../../linalg/matrix.ts';
import { svd } from '../../linalg/svd.ts';
import { foldIn, key } from '../../random.ts';
import { buildProjectors, type ProjectorOptions, recorded } from './build.ts';
import { hardRank, randomRotation, sources } from './combine.ts';
import { toDense } from './projector.ts';
import { ExpertColumns } from './statistics.ts';

describe('what equals what', () => {
  it('the naive definition in spec/, for mean and span', () => {
    const choices = fc.record({
      combine: fc.constantFrom<'mean' | 'span'>('mean', 'span'),
      columns: fc.constantFrom<ProjectorOptions['columns']>('others', 'own', 'shared'),
    });
    fc.assert(
      fc.property(recordedExperts(), choices, ({ rows, columns, options }, choice) => {
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
          claimWithin(toDense(q).data, expected.data, 2 * bound, 'Q');
        });
      }),
      { numRuns: 40 },
    );
  });

  it('the naive definition in spec/, for hard, where the rank is not in doubt', () => {
    let checked = 0;
    fc.assert(
      fc.property(recordedExperts(2), ({ rows, columns, options }) => {
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
            2 * formingAndApplying(rows, all.cols) + (4 * singularVectorsOf(all) * frobeniusNorm(all)) / (least - next);
          const expected = combinedProjector(naive, i, rows, { ...hard, form: 'qr' });
          claimWithin(toDense(q).data, expected.data, bound, 'Q');
        });
      }),
      { numRuns: 40 },
    );
    expect(checked).toBeGreaterThan(10);
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
        claimWithin(toDense(closed![i]!).data, toDense(q).data, 4e3 * formingAndApplying(3, 5), `${combine}, closed`);
        claimWithin(toDense(recursion![i]!).data, toDense(q).data, 20 * 4e3 ** 2 * gamma(7), `${combine}, recursion`);
        expect(toDense(recursion![i]!)).not.toEqual(toDense(q));
        expect(toDense(closed![i]!)).not.toEqual(toDense(q));
      });
    }
  });

  it('mean is span for two experts; own, with one', () => {
    fc.assert(
      fc.property(recordedExperts(2), ({ rows, columns, options }) => {
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
      fc.property(recordedExperts(2), fc.nat(3), ({ rows, columns, options }, by) => {
        const turn = <T>(list: readonly T[]): T[] => list.map((_, i) => list[(i + by) % list.length]!);
        for (const combine of ['mean', 'span'] as const) {
          const turned = build(rows, turn(columns), { ...options, combine });
          turn(build(rows, columns, { ...options, combine })).forEach((q, i) => {
            const alphas = columns.map((a) => absoluteRidge(options, a)).filter((alpha) => alpha > 0);
            if (alphas.length === 0) return;
            const bound = 2 * qrFormError(stacked(rows, columns), Math.min(...alphas));
            claimWithin(toDense(turned[i]!).data, toDense(q).data, bound, combine);
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
        claimWithin(eigh(toDense(turned[i]!)).values, eigh(toDense(q)).values, slack, `${combine}: spectrum`);
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
      if (k < 20) claimWithin(multiplyLeftTransposed(q, q).data, identity(n).data, formingAndApplying(n, n), 'QᵀQ');
      q.data.forEach((x, at) => {
        sums[at]! += x / draws;
        squares[at]! += (x * x) / draws;
      });
    }
    // Five standard errors: of x, √(1/3)/√draws; of x², uniform on the sphere, √(1/5 − 1/9)/√draws.
    claimWithin(sums, new Float64Array(n * n), (5 * Math.sqrt(1 / 3)) / Math.sqrt(draws), 'mean');
    claimWithin(
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
