import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrices } from '../../../property-tests/arbitraries/matrices.ts';
import { singularVectors } from '../../../property-tests/kit/projector-rounding.ts';
import { claimAtMost, claimWithin, gamma } from '../../../property-tests/kit/within.ts';
import { DivergedError, ShapeError, UsageError } from '../../errors.ts';
import { eigh } from '../../linalg/eigh.ts';
import { frobeniusNorm, fromColumns, leadingColumns, matrix, outerGram } from '../../linalg/matrix.ts';
import { recorded } from './build.ts';
import { compress } from './sketch.ts';
import { ExpertColumns } from './statistics.ts';

const scales = [-6, 0, 6];

describe('ExpertColumns', () => {
  it('holds what was added, in order, and ‖A‖²_F', () => {
    fc.assert(
      fc.property(matrices({ maxRows: 5, maxCols: 9, scales }), fc.nat(9), (a, first) => {
        const expert = new ExpertColumns(a.rows);
        const split = Math.min(first, a.cols);
        expert.add(leadingColumns(a, split));
        for (let j = split; j < a.cols; j++) {
          expert.add(Float64Array.from({ length: a.rows }, (_, i) => a.data[i * a.cols + j]!));
        }
        expect(expert.matrix()).toEqual(a);
        expect(expert.count).toBe(a.cols);
        const squared = frobeniusNorm(a) ** 2;
        claimWithin([expert.squaredNorm], [squared], gamma(2 * a.data.length + 8) * squared, '‖A‖²');
        expect(expert.sketchError).toBe(0);
      }),
    );
  });

  it('forgets by √λ a step: AAᵀ ← λAAᵀ', () => {
    const expert = new ExpertColumns(2);
    expert.add(Float64Array.of(1, 2));
    expert.forget(0.25);
    expert.add(Float32Array.of(3, 4));
    expert.forget(1);
    expect(expert.matrix()).toEqual(
      fromColumns(2, [
        [0.5, 1],
        [3, 4],
      ]),
    );
    expect(expert.squaredNorm).toBe(5 / 4 + 25);
    expert.reset();
    expect([expert.count, expert.squaredNorm, expert.matrix().cols]).toEqual([0, 0, 0]);
  });

  it('goes on from its state as if never stopped', () => {
    fc.assert(
      fc.property(matrices({ minRows: 3, maxRows: 6, maxCols: 14 }), fc.nat(3), fc.nat(14), (a, cap, at) => {
        const whole = new ExpertColumns(a.rows, cap);
        let resumed = new ExpertColumns(a.rows, cap);
        for (let j = 0; j < a.cols; j++) {
          const column = Float64Array.from({ length: a.rows }, (_, i) => a.data[i * a.cols + j]!);
          whole.add(column);
          if (j === at) resumed = ExpertColumns.from(resumed.state());
          resumed.add(column);
        }
        expect(resumed.state()).toEqual(whole.state());
        expect(recorded(resumed)).toEqual(recorded(whole));
      }),
    );
  });

  it('rejects what would be silent nonsense', () => {
    const expert = new ExpertColumns(2);
    expect(() => expert.add(Float64Array.of(1))).toThrow(ShapeError);
    expect(() => expert.add(matrix(3, 1))).toThrow(ShapeError);
    expect(() => expert.add(Float64Array.of(1, Number.NaN))).toThrow(DivergedError);
    expect(() => expert.add(Float64Array.of(1, 1e200))).toThrow(DivergedError);
    expect(expert.count).toBe(0); // nothing of it was kept
    expect(expert.squaredNorm).toBe(0);
    expect(() => expert.forget(0)).toThrow(UsageError);
    expect(() => expert.forget(1.1)).toThrow(UsageError);
    expect(() => new ExpertColumns(-1)).toThrow(UsageError);
    expect(() => new ExpertColumns(2, 0.5)).toThrow(UsageError);
    expect(() => ExpertColumns.from({ ...expert.state(), columns: new Float64Array(3) })).toThrow(ShapeError);
  });
});

describe('Frequent Directions', () => {
  it('0 ≼ AAᵀ − BBᵀ ≼ δI with δ <= ‖A‖²_F/(ℓ + 1); at most ℓ columns; lossless when rows <= ℓ', () => {
    let lossy = 0;
    fc.assert(
      fc.property(
        matrices({ minRows: 1, maxRows: 7, maxCols: 24, scales }),
        fc.integer({ min: 1, max: 8 }),
        (a, cap) => {
          const expert = new ExpertColumns(a.rows, cap);
          expert.add(a);
          const { columns: b, squaredNorm, sketchError } = recorded(expert);
          expect(b.cols).toBeLessThanOrEqual(cap);
          if (sketchError > 0) lossy++;
          if (a.rows <= cap) expect(sketchError).toBe(0);
          // Each of at most cols/ℓ + 1 shrinks rebuilds BBᵀ from singular vectors: twice their error, of ‖A‖²_F.
          const shrinks = Math.ceil(a.cols / cap) + 1;
          const n = a.rows;
          const slack =
            (2 * shrinks * singularVectors(n, 2 * cap) + gamma(2 * (a.cols + 2 * cap) + 200 * (n + 1))) *
            frobeniusNorm(a) ** 2;
          const gap = outerGram(a).data.map((x, k) => x - outerGram(b).data[k]!);
          const { values } = eigh(matrix(n, n, gap));
          claimAtMost(-values[0]!, 0, slack, '−smallest eigenvalue of AAᵀ − BBᵀ');
          claimAtMost(values[n - 1]!, sketchError, slack, 'largest eigenvalue of AAᵀ − BBᵀ');
          claimAtMost(sketchError, squaredNorm / (cap + 1), slack, 'δ');
          claimWithin([squaredNorm], [frobeniusNorm(a) ** 2], gamma(2 * a.data.length + 8) * squaredNorm, 'true ‖A‖²');
        },
      ),
      { numRuns: 400 },
    );
    expect(lossy).toBeGreaterThan(50);
  });

  it('one shrink by hand: σ = 3, 2, 1 at ℓ = 2 leaves √8, √3 and gives up 1', () => {
    const { columns, loss } = compress(matrix(3, 3, [3, 0, 0, 0, 2, 0, 0, 0, 1]), 2);
    claimWithin([loss], [1], gamma(40), 'δ');
    claimWithin(columns.data.map(Math.abs), [Math.sqrt(8), 0, 0, Math.sqrt(3), 0, 0], gamma(60) * 3, 'B');
  });

  it('forgetting scales δ as it scales the squares', () => {
    const expert = new ExpertColumns(3, 1);
    expert.add(matrix(3, 3, [3, 0, 0, 0, 2, 0, 0, 0, 1]));
    const before = recorded(expert);
    expert.forget(0.5);
    expect([expert.squaredNorm, expert.sketchError]).toEqual([before.squaredNorm / 2, before.sketchError / 2]);
  });
});
