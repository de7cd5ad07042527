import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entries } from '../../../property-tests/arbitraries/matrices.ts';
import {
  absoluteRidge,
  build,
  imageOf,
  recordedExperts,
  stacked,
} from '../../../property-tests/arbitraries/recorded-experts.ts';
import {
  formingAndApplying,
  ridgeSlack,
  singularVectors,
  singularVectorsOf,
} from '../../../property-tests/kit/projector-rounding.ts';
import { claimAtMost, claimWithin } from '../../../property-tests/kit/within.ts';
import { eigh } from '../../linalg/eigh.ts';
import { frobeniusNorm, fromColumns, matrix, multiply, norm } from '../../linalg/matrix.ts';
import { svd } from '../../linalg/svd.ts';
import type { ProjectorOptions } from './build.ts';
import { projectColumns, projectRows, toDense } from './projector.ts';

describe('law 3: the bounds of each combination', () => {
  it('span: ‖Q_i a‖ <= √α_i/2 and aᵀQ_i a <= α_i for every column of another', () => {
    fc.assert(
      fc.property(recordedExperts(2), ({ rows, columns, options }) => {
        build(rows, columns, { ...options, combine: 'span' }).forEach((q, i) => {
          const others = columns.filter((_, j) => j !== i);
          const all = stacked(rows, others);
          const alpha = absoluteRidge(options, all);
          const slack = ridgeSlack(all, alpha);
          for (let j = 0; j < all.cols; j++) {
            const { column, image } = imageOf(q, all, j);
            claimAtMost(norm(image), Math.sqrt(alpha) / 2, slack, '‖Qa‖');
            const along = image.reduce((sum, x, k) => sum + x * column[k]!, 0);
            claimAtMost(along, alpha, 2 * slack * norm(column), 'aᵀQa');
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it('mean: ‖Q_i a‖ <= ((E − 2)‖a‖ + √α_j/2)/(E − 1) for every column a of expert j', () => {
    fc.assert(
      fc.property(recordedExperts(2), ({ rows, columns, options }) => {
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
              claimAtMost(
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
      fc.property(recordedExperts(2), ({ rows, columns, options }) => {
        build(rows, columns, { ...options, combine: 'hard' }).forEach((q, i) => {
          const all = stacked(
            rows,
            columns.filter((_, j) => j !== i),
          );
          const { s } = svd(all);
          const slack = (singularVectorsOf(all) + formingAndApplying(rows, all.cols)) * frobeniusNorm(all);
          for (let j = 0; j < all.cols; j++) {
            claimAtMost(norm(imageOf(q, all, j).image), s[q.rank] ?? 0, slack, '‖Qa‖');
          }
          const dense = toDense(q);
          const rounding = 2 * singularVectorsOf(all) + formingAndApplying(rows, all.cols);
          claimWithin(multiply(dense, dense).data, dense.data, rounding, 'Q²');
          claimWithin([q.trace], [rows - q.rank], rows * rounding, 'trace');
          if (options.energy < 1 && q.rank > 0) {
            // One fewer would not reach the share (nor would it if it only just does: the boundary is rounding's).
            const before = s.slice(0, q.rank - 1).reduce((sum, x) => sum + x * x, 0);
            claimAtMost(before, options.energy * frobeniusNorm(all) ** 2, slack * frobeniusNorm(all), 'energy below r');
          }
          if (q.rank === rows) claimWithin(dense.data, new Float64Array(rows * rows), rounding, 'Q');
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
        recordedExperts(),
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
            claimAtMost(spectrum[rows - 1]!, 1, slack, 'largest eigenvalue');
            claimAtMost(-spectrum[0]!, 0, slack, '−smallest eigenvalue');
            claimWithin([q.trace], [spectrum.reduce((sum, x) => sum + x, 0)], 2 * rows * slack, 'trace');
            const projected = projectRows(q, g);
            const length = frobeniusNorm(g);
            claimAtMost(frobeniusNorm(projected), length, slack * length, '‖QG‖');
            claimAtMost(
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
            claimWithin(
              mirrored.data,
              projected.data.filter((_, k) => k % 2 === 0),
              slack * length,
              'gᵀQ',
            );
            claimWithin(projected.data, multiply(toDense(q), g).data, slack * length, 'law 12');
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
