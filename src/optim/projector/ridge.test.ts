import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entries, matrices } from '../../../property-tests/arbitraries/matrices.ts';
import {
  conditionNumber,
  formingAndApplying,
  qrFormError,
  ridgeSlack,
} from '../../../property-tests/kit/projector-rounding.ts';
import { assertAtMost, assertWithin, gamma } from '../../../property-tests/kit/within.ts';
import { OmoeError, UsageError } from '../../errors.ts';
import { NotPositiveDefiniteError } from '../../linalg/cholesky.ts';
import { eigh } from '../../linalg/eigh.ts';
import type { Matrix } from '../../linalg/matrix.ts';
import {
  frobeniusNorm,
  fromColumns,
  fromRows,
  identity,
  leadingColumns,
  matrix,
  multiply,
  norm,
  transpose,
} from '../../linalg/matrix.ts';
import { projectColumns, projectRows, toDense } from './projector.ts';
import { recursionStep, ridge, ridgeProjector } from './ridge.ts';

/** A and an absolute α of its own scale or far from it. */
const cases = () =>
  fc.record({
    a: matrices({ minRows: 1, maxRows: 7, maxCols: 9, scales: [-6, -3, 0, 3, 6] }),
    alpha: fc.integer({ min: -9, max: 6 }).map((k) => 10 ** k),
  });

/** The same with α between 1e-4 and 10 times the mean square of a row, where the recursion can be held to its bound. */
const mildCases = () =>
  fc
    .record({
      a: matrices({ minRows: 1, maxRows: 6, minCols: 1, maxCols: 6, scales: [-6, 0, 6] }),
      relative: fc.constantFrom(1e-3, 1e-1, 10),
    })
    .map(({ a, relative }) => ({ a, alpha: (frobeniusNorm(a) ** 2 / a.rows || 1) * relative }));

const columnsOf = (a: Matrix): Float64Array[] =>
  Array.from({ length: a.cols }, (_, j) => Float64Array.from({ length: a.rows }, (_, i) => a.data[i * a.cols + j]!));

/**
 * The recursion. f(P) = P − hhᵀ/(α + s), h = Pr, s = rᵀh, is (P⁻¹ + rrᵀ/α)⁻¹; its derivative is E ↦ W E Wᵀ with
 * W = f(P)P⁻¹. An error ε made at step k therefore reaches the end as ‖P_m P_k⁻¹‖²ε, and as P_m ≼ P_k,
 * ‖P_m P_k⁻¹‖ <= ‖P_k⁻¹‖^½ <= √κ. Locally: ‖δh‖ <= γ_n√n‖r‖, which enters by 2‖δh‖‖h‖/(α + s) <= ‖δh‖/√α because
 * ‖h‖² <= s; δs <= γ_n(1 + √n)‖r‖² enters by ‖h‖²δs/(α + s)² <= δs/(4α). Together ε <= 2√n·κ·γ_{n+4} at most.
 * m steps: m·κ·ε = 2m√n·κ²·γ_{n+4}, to first order: it holds where κ times it is small against 1, and is claimed only there.
 */
const recursionError = (a: Matrix, alpha: number): number =>
  2 * a.cols * Math.sqrt(a.rows) * conditionNumber(a, alpha) ** 2 * gamma(a.rows + 4);

/**
 * The closed form: L̂L̂ᵀ = AᵀA + αI + Δ, ‖Δ‖ <= γ(‖A‖²_F + mα) from the product and Cholesky, which moves P by at most
 * ‖Δ‖/α/(1 − ‖Δ‖/α); the triangular solve by 2γ_m‖L̂‖_F/√α. All under 4γκ', κ' = κ + m, while 4γκ' < 1/2.
 */
const closedError = (a: Matrix, alpha: number): number =>
  4 * formingAndApplying(a.rows, a.cols) * (conditionNumber(a, alpha) + a.cols);

describe('law 1: the three forms are one', () => {
  it('closed form against QR form, wherever Cholesky can be trusted', () => {
    let checked = 0;
    fc.assert(
      fc.property(cases(), ({ a, alpha }) => {
        const bound = closedError(a, alpha);
        if (bound > 1 / 2) return;
        checked++;
        const closed = toDense(ridgeProjector(a, alpha, 'closed'));
        assertWithin(
          closed.data,
          toDense(ridgeProjector(a, alpha, 'qr')).data,
          bound + qrFormError(a, alpha),
          'closed',
        );
      }),
      { numRuns: 400 },
    );
    expect(checked).toBeGreaterThan(100);
  });

  it('recursion against QR form, in any order of the columns, a block at a time or one by one', () => {
    let checked = 0;
    fc.assert(
      fc.property(mildCases(), fc.nat(), ({ a, alpha }, seed) => {
        const bound = recursionError(a, alpha);
        if (bound * conditionNumber(a, alpha) > 1 / 4) return;
        checked++;
        const slack = bound + qrFormError(a, alpha);
        const p = toDense(ridgeProjector(a, alpha, 'qr'));
        assertWithin(toDense(ridgeProjector(a, alpha, 'recursion')).data, p.data, slack, 'recursion');
        const columns = columnsOf(a);
        const turned = columns.map((_, j) => columns[(j + seed) % columns.length]!).reverse();
        const other = ridgeProjector(fromColumns(a.rows, turned), alpha, 'recursion');
        assertWithin(toDense(other).data, p.data, slack, 'recursion in another order');
        const first = seed % (a.cols + 1);
        const half = toDense(ridgeProjector(leadingColumns(a, first), alpha, 'qr'));
        const whole = matrix(a.rows, a.rows, half.data.slice());
        for (const column of columns.slice(first)) recursionStep(whole, column, alpha);
        // The block's own error travels on as one step's does: times κ.
        assertWithin(
          whole.data,
          p.data,
          slack + conditionNumber(a, alpha) * qrFormError(a, alpha) * 2,
          'block, then steps',
        );
      }),
      { numRuns: 400 },
    );
    expect(checked).toBeGreaterThan(100);
  });

  it('one column by hand: r = 3e₁, α = 1 leaves 1/10 of e₁ and all of e₂', () => {
    for (const form of ['qr', 'closed', 'recursion'] as const) {
      const p = toDense(ridgeProjector(fromColumns(2, [[3, 0]]), 1, form));
      assertWithin(p.data, [0.1, 0, 0, 1], gamma(20), form);
    }
  });
});

describe('law 2: a symmetric contraction', () => {
  it('symmetric to the bit, spectrum in [0, 1] at every α and scale, and its trace', () => {
    fc.assert(
      fc.property(cases(), ({ a, alpha }) => {
        const p = ridgeProjector(a, alpha);
        const dense = toDense(p);
        const n = a.rows;
        for (let i = 0; i < n; i++)
          for (let j = 0; j < i; j++) expect(dense.data[i * n + j]).toBe(dense.data[j * n + i]);
        const slack = formingAndApplying(n, a.cols) + gamma(200 * (n + 1)); // the second is eigh's own
        const { values } = eigh(dense);
        assertAtMost(values[n - 1]!, 1, slack, 'largest eigenvalue');
        assertAtMost(-values[0]!, 0, slack, '−smallest eigenvalue');
        assertWithin([values.reduce((sum, x) => sum + x, 0)], [p.trace], n * slack, 'trace');
      }),
      { numRuns: 300 },
    );
  });

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
          assertAtMost(frobeniusNorm(projected), before, slack * before, '‖PG‖');
          const along = projected.data.reduce((sum, x, k) => sum + x * g.data[k]!, 0);
          assertAtMost(-along, 0, slack * before ** 2, '−⟨PG, G⟩');
          const mirrored = projectColumns(transpose(g), p);
          assertWithin(transpose(mirrored).data, projected.data, 2 * slack * before, 'GᵀP against (PG)ᵀ');
        },
      ),
      { numRuns: 300 },
    );
  });

  it('the trace never rises as columns are added, at fixed α', () => {
    fc.assert(
      fc.property(cases(), ({ a, alpha }) => {
        let last = a.rows;
        for (let c = 1; c <= a.cols; c++) {
          const { trace } = ridgeProjector(leadingColumns(a, c), alpha);
          // Each trace is a sum of `rows` eigenvalues, each off by at most the form's error (never more than 1).
          assertAtMost(trace, last, 2 * a.rows * Math.min(1, qrFormError(a, alpha)), `trace with ${c} columns`);
          last = trace;
        }
      }),
    );
  });
});

describe('law 3: the bound √α/2', () => {
  it('‖Pa‖ <= √α/2 and aᵀPa <= α for every column, whatever its length', () => {
    fc.assert(
      fc.property(cases(), ({ a, alpha }) => {
        const p = ridgeProjector(a, alpha);
        for (const column of columnsOf(a)) {
          const image = projectRows(p, matrix(a.rows, 1, column)).data;
          const slack = ridgeSlack(a, alpha);
          assertAtMost(norm(image), Math.sqrt(alpha) / 2, slack, '‖Pa‖');
          const along = image.reduce((sum, x, k) => sum + x * column[k]!, 0);
          assertAtMost(along, alpha, 2 * slack * norm(column), 'aᵀPa');
        }
      }),
      { numRuns: 400 },
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
        assertWithin(projectRows(p, g).data, multiply(toDense(p), g).data, bound, 'factored');
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
    assertAtMost(norm(projectRows(p, a).data), 0, 2 * ridgeSlack(a, 1e-30), '‖PA‖');
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
      assertWithin(at(scale), at(1), 2 * qrFormError(a, ridge(1e-3, 'relative', frobeniusNorm(a) ** 2, 3)), `${scale}`);
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
