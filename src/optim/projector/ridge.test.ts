import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entries, matrices } from '../../../property-tests/arbitraries/matrices.ts';
import { formingAndApplying, qrFormError, ridgeSlack } from '../../../property-tests/kit/projector-rounding.ts';
import { claimAtMost, claimWithin, gamma } from '../../../property-tests/kit/within.ts';
import { OmoeError, UsageError } from '../../errors.ts';
import { NotPositiveDefiniteError } from '../../linalg/cholesky.ts';
import {
  frobeniusNorm,
  fromColumns,
  fromRows,
  identity,
  matrix,
  multiply,
  norm,
  transpose,
} from '../../linalg/matrix.ts';
import { projectColumns, projectRows, toDense } from './projector.ts';
import { recursionStep, ridge, ridgeProjector } from './ridge.ts';

/** Laws 1 to 3 of the forms are properties of the kit (property-tests/laws/projectors.ts); here are hand cases and the ends of the range. */

/** A and an absolute α of its own scale or far from it. */
const cases = () =>
  fc.record({
    a: matrices({ minRows: 1, maxRows: 7, maxCols: 9, scales: [-6, -3, 0, 3, 6] }),
    alpha: fc.integer({ min: -9, max: 6 }).map((k) => 10 ** k),
  });

describe('the three forms', () => {
  it('one column by hand: r = 3e₁, α = 1 leaves 1/10 of e₁ and all of e₂', () => {
    for (const form of ['qr', 'closed', 'recursion'] as const) {
      const p = toDense(ridgeProjector(fromColumns(2, [[3, 0]]), 1, form));
      claimWithin(p.data, [0.1, 0, 0, 1], gamma(20), form);
    }
  });
});

describe('law 5 of one ridge projector', () => {
  it('never lengthens, and never turns against (law 5), on either side', () => {
    fc.assert(
      fc.property(
        cases(),
        fc.nat(3),
        fc.array(entries(), { minLength: 24, maxLength: 24 }),
        ({ a, alpha }, width, values) => {
          const g = matrix(
            a.rows,
            width,
            Float64Array.from({ length: a.rows * width }, (_, k) => values[k]!),
          );
          const p = ridgeProjector(a, alpha);
          const before = frobeniusNorm(g);
          const slack = formingAndApplying(a.rows, a.cols);
          const projected = projectRows(p, g);
          claimAtMost(frobeniusNorm(projected), before, slack * before, '‖PG‖');
          const along = projected.data.reduce((sum, x, k) => sum + x * g.data[k]!, 0);
          claimAtMost(-along, 0, slack * before ** 2, '−⟨PG, G⟩');
          const mirrored = projectColumns(transpose(g), p);
          claimWithin(transpose(mirrored).data, projected.data, 2 * slack * before, 'GᵀP against (PG)ᵀ');
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('ends of the range', () => {
  it('nothing seen: the identity, without factorising', () => {
    for (const form of ['qr', 'closed', 'recursion'] as const) {
      for (const a of [matrix(3, 0), matrix(3, 4), matrix(0, 0)]) {
        const p = ridgeProjector(a, 1e-3, form);
        expect([p.identity, p.factor, p.dense, p.trace]).toEqual([true, null, null, a.rows]);
        expect(toDense(p)).toEqual(identity(a.rows));
      }
    }
  });

  it('factored below rows / 2 columns, dense from there on, and the same either way (law 12)', () => {
    fc.assert(
      fc.property(cases(), ({ a, alpha }) => {
        const p = ridgeProjector(a, alpha);
        if (!p.identity) expect(p.factor !== null).toBe(2 * a.cols < a.rows);
        const g = identity(a.rows);
        const bound = formingAndApplying(a.rows, a.cols);
        claimWithin(projectRows(p, g).data, multiply(toDense(p), g).data, bound, 'factored');
      }),
    );
  });

  it('where the ridge vanishes, the QR form stands, and the others say so', () => {
    const a = fromRows([
      [2, 2],
      [0, 0],
    ]); // AᵀA is exactly singular, and 4 + 1e-30 is 4
    expect(() => ridgeProjector(a, 1e-30, 'closed')).toThrow(NotPositiveDefiniteError);
    const p = ridgeProjector(a, 1e-30);
    claimAtMost(norm(projectRows(p, a).data), 0, 2 * ridgeSlack(a, 1e-30), '‖PA‖');
    const noisy = matrix(2, 2, [1, 0, 0, -1e-10]); // a P that rounding has made negative
    expect(() => recursionStep(noisy, Float64Array.of(0, 1), 1e-12)).toThrow(OmoeError);
  });

  it('1e±100: relative α makes the projector independent of scale', () => {
    const a = fromRows([
      [1, 2],
      [0.5, -1],
      [3, 0],
    ]);
    const at = (scale: number) => {
      const scaled = matrix(
        3,
        2,
        a.data.map((x) => x * scale),
      );
      return toDense(ridgeProjector(scaled, ridge(1e-3, 'relative', frobeniusNorm(scaled) ** 2, 3))).data;
    };
    for (const scale of [1e-100, 1e-6, 1e6, 1e100]) {
      claimWithin(at(scale), at(1), 2 * qrFormError(a, ridge(1e-3, 'relative', frobeniusNorm(a) ** 2, 3)), `${scale}`);
    }
  });

  it('bad input', () => {
    expect(() => ridge(0, 'relative', 1, 1)).toThrow(UsageError);
    expect(() => ridge(Number.NaN, 'absolute', 1, 1)).toThrow(UsageError);
    expect(() => ridgeProjector(matrix(2, 1, [1, 1]), -1)).toThrow(UsageError);
    expect(() => ridgeProjector(matrix(2, 1, [1, Number.NaN]), 1)).toThrow(UsageError);
    expect(() => projectRows(ridgeProjector(identity(2), 1), identity(3))).toThrow(OmoeError);
    expect(() => projectColumns(identity(3), ridgeProjector(identity(2), 1))).toThrow(OmoeError);
    expect(() => recursionStep(identity(2), Float64Array.of(1), 1)).toThrow(OmoeError);
  });
});
