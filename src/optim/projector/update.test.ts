import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matricesOf } from '../../../property-tests/arbitraries/matrices.ts';
import { claimAtMost, claimWithin, gamma, u } from '../../../property-tests/kit/within.ts';
import { ShapeError, UsageError } from '../../errors.ts';
import type { Matrix } from '../../linalg/matrix.ts';
import { dot, frobeniusNorm, fromColumns, matrix, norm } from '../../linalg/matrix.ts';
import { hardProjector } from './combine.ts';
import { leakage, traceShare } from './leakage.ts';
import { identityProjector, projectColumns, projectRows } from './projector.ts';
import { normKept, normMatched, renorm } from './renorm.ts';
import { projectAgainstUpdates, projectAllAgainstUpdates } from './update-side.ts';

const columnsOf = (a: Matrix): Float64Array[] =>
  Array.from({ length: a.cols }, (_, j) => Float64Array.from({ length: a.rows }, (_, i) => a.data[i * a.cols + j]!));

/** Updates of 2 … 5 experts and what each has learnt: dependent, equal and zero vectors among them. */
const cases = () =>
  fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 2, max: 5 }))
    .chain(([n, experts]) => fc.tuple(matricesOf(n, experts, [-6, 0, 6]), matricesOf(n, experts, [-6, 0, 6])))
    .map(([updates, learnt]) => ({ updates: columnsOf(updates), learnt: columnsOf(learnt) }));

describe('update side', () => {
  it('⟨ΔW_i, W_j − W_j,base⟩ = 0 for j ≠ i; never longer, never backwards; what it took lay in the others’ span', () => {
    fc.assert(
      fc.property(cases(), ({ updates, learnt }) => {
        const n = updates[0]!.length;
        const m = learnt.length;
        // The QR's backward error on unit columns, its own orthogonality, two passes, and columns dropped at n·m·u·√m.
        const rounding = gamma(4 * m * (n + 10) + 4 * n * m) + n * m * Math.sqrt(m) * u;
        projectAllAgainstUpdates(updates, learnt).forEach((projected, i) => {
          const update = updates[i]!;
          const length = norm(update);
          const others = learnt.filter((_, j) => j !== i);
          for (const other of others) {
            claimAtMost(Math.abs(dot(projected, 0, other, 0, n)), 0, rounding * length * norm(other), '|⟨ΔW, other⟩|');
          }
          claimAtMost(norm(projected), length, rounding * length, '‖projected‖');
          claimAtMost(-dot(projected, 0, update, 0, n), 0, rounding * length ** 2, '−⟨projected, update⟩');
          const taken = update.map((x, k) => x - projected[k]!);
          const left = projectAgainstUpdates(taken, others);
          if (others.some((other) => norm(other) > 0))
            claimAtMost(norm(left), 0, 2 * rounding * length, 'taken outside the span');
        });
      }),
      { numRuns: 400 },
    );
  });

  it('rank 0 leaves the update as it is; duplicates and lengths do not matter', () => {
    const update = Float64Array.of(1, 2, 3);
    expect(projectAgainstUpdates(update, [])).toBe(update);
    expect(projectAgainstUpdates(update, [new Float64Array(3), new Float64Array(3)])).toBe(update);
    const long = Float64Array.of(1e9, 0, 0);
    const short = Float64Array.of(0, 1e-9, 0);
    const both = projectAgainstUpdates(update, [long, short, long, new Float64Array(3)]);
    claimWithin(both, [0, 0, 3], gamma(200) * 4, 'projected');
    expect(update).toEqual(Float64Array.of(1, 2, 3));
  });

  it('bad input', () => {
    expect(() => projectAgainstUpdates(new Float64Array(2), [new Float64Array(3)])).toThrow(ShapeError);
    expect(() => projectAgainstUpdates(Float64Array.of(1, 1), [Float64Array.of(1, Number.NaN)])).toThrow(UsageError);
    expect(() => projectAllAgainstUpdates([new Float64Array(2)], [])).toThrow(ShapeError);
    const [two, three] = [new Float64Array(2), new Float64Array(3)];
    expect(() => projectAllAgainstUpdates([two, three], [two, two])).toThrow(ShapeError);
    expect(() => projectAllAgainstUpdates([two, two], [two, three])).toThrow(ShapeError);
  });
});

describe('renorm', () => {
  it('brings back ‖ΔW‖, by at most the limit, and leaves the rounding of a vanished update alone', () => {
    const update = Float64Array.of(3, 4);
    expect(renorm(Float64Array.of(3, 0), update, 10)).toMatchObject({ normKept: 0.6, vanished: false });
    claimWithin(renorm(Float64Array.of(3, 0), update, 10).update, [5, 0], gamma(10) * 5, 'renormed');
    expect(renorm(Float64Array.of(0.05, 0), update, 10)).toMatchObject({ factor: 10, vanished: false });
    const gone = Float64Array.of(4e-6, 0);
    expect(renorm(gone, update, 10)).toMatchObject({ factor: 1, vanished: true });
    expect(renorm(gone, update, 10).update).toBe(gone);
    expect(renorm(update, update, 10)).toEqual({ update, factor: 1, normKept: 1, vanished: false });
    const zero = new Float64Array(2);
    expect(renorm(zero, zero, 10)).toEqual({ update: zero, factor: 1, normKept: 1, vanished: false });
  });

  it('norm-matched keeps the direction of the base update and the length of the projected one', () => {
    const matched = normMatched(Float64Array.of(0, 2.5), Float64Array.of(3, 4));
    claimWithin(matched, [1.5, 2], gamma(10) * 2, 'matched');
    expect(normMatched(new Float64Array(2), new Float64Array(2))).toEqual(new Float64Array(2));
  });

  it('bad input', () => {
    expect(() => renorm(new Float64Array(2), new Float64Array(3), 10)).toThrow(ShapeError);
    for (const limit of [0.5, Number.NaN])
      expect(() => renorm(new Float64Array(2), new Float64Array(2), limit)).toThrow(UsageError);
    expect(() => normKept(new Float64Array(2), new Float64Array(3))).toThrow(ShapeError);
  });
});

describe('leakage', () => {
  it('is 1 for an update along one column, 0 after `hard` at energy 1, and lies between', () => {
    const shapes = fc.tuple(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 6 }),
    );
    const pairs = shapes.chain(([rows, cols, width]) =>
      fc.tuple(matricesOf(rows, cols, [-150, -6, 0, 6, 150]), matricesOf(rows, width, [-6, 0, 6])),
    );
    fc.assert(
      fc.property(pairs, ([a, delta]) => {
        const leaked = leakage(a, delta, 'input');
        if (frobeniusNorm(a) === 0 || frobeniusNorm(delta) === 0) {
          expect(leaked).toBeNull();
          return;
        }
        claimAtMost(leaked!, 1, gamma(60), 'leakage');
        const other = matrix(
          delta.cols,
          delta.rows,
          columnsOf(delta).flatMap((column) => Array.from(column)),
        );
        claimWithin([leakage(a, other, 'output')!], [leaked!], gamma(80), 'the transposed update on the output side');
        const q = hardProjector([{ columns: a, squaredNorm: Number.NaN, sketchError: 0 }], a.rows, 1);
        // Both sides: Jacobi's and the product's rounding, relative to ‖A‖‖ΔW‖ (see `singularVectors`); the largest here.
        const leakedAfter = (side: 'input' | 'output', m: Matrix) => leakage(a, matrix(m.rows, m.cols, m.data), side);
        const bound = (gamma(2000) * frobeniusNorm(delta)) / (frobeniusNorm(projectRows(q, delta)) || 1);
        claimAtMost(leakedAfter('input', projectRows(q, delta)) ?? 0, 0, bound, 'after projection, input side');
        claimAtMost(leakedAfter('output', projectColumns(other, q)) ?? 0, 0, bound, 'after projection, output side');
      }),
      { numRuns: 200 },
    );
    const a = fromColumns(2, [[3, 4]]);
    claimWithin(
      [
        leakage(
          a,
          fromColumns(2, [
            [6, 8],
            [-3, -4],
          ]),
          'input',
        )!,
      ],
      [1],
      gamma(20),
      'along a',
    );
    expect(() => leakage(a, matrix(3, 3), 'input')).toThrow(ShapeError);
    expect(() => leakage(a, matrix(2, 3), 'output')).toThrow(ShapeError);
  });

  it('traceShare', () => {
    expect(traceShare(identityProjector(4))).toBe(1);
    expect(traceShare(identityProjector(0))).toBe(1);
    const q = hardProjector([{ columns: fromColumns(4, [[1, 0, 0, 0]]), squaredNorm: 1, sketchError: 0 }], 4, 1);
    claimWithin([traceShare(q)], [3 / 4], gamma(100), 'trace(Q)/rows');
  });
});
