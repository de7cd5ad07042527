import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matricesOf } from '../../property-tests/arbitraries/matrices.ts';
import { claimAtMost, claimWithin } from '../../property-tests/kit/within.ts';
import { array, fromFunction, type Real, SpecError, toFlat } from '../array.ts';
import {
  hardBound,
  meanBound,
  sketchedMeanDistance,
  sketchedSpanBound,
  sketchedSpanDistance,
  sketchedSpanQuadraticBound,
  sketchLossBound,
  spanBound,
  spanQuadraticBound,
} from './bounds.ts';
import { type CombineOptions, combinedProjector, hardRank, rotated, sources } from './combine.ts';
import {
  beside,
  cols,
  column,
  gamma,
  identity,
  inner,
  minus,
  norm,
  plus,
  product,
  rows,
  scaled,
  spectralNorm,
  svd,
  trace,
  transpose,
} from './linear-algebra.ts';
import {
  applyFactored,
  closedForm,
  dualForm,
  qrFactor,
  qrForm,
  recursion,
  ridge,
  ridgeProjector,
  squaredNorm,
  stacked,
} from './projector.ts';
import { exactSketch, type Sketch, sketchOf } from './sketch.ts';
import { accumulate, noStatistics, stepColumns } from './statistics.ts';

/** Matrices of the kinds that break things: low rank, duplicate and zero columns, columns of very different lengths. */
const columns = (size: number, most = 4, scales: readonly number[] = [-6, 0, 6]): fc.Arbitrary<Real> =>
  fc
    .integer({ min: 0, max: most })
    .chain((m) => matricesOf(size, m, scales))
    .map((a) => array(a.data, [a.rows, a.cols]));
const experts = (size: number, E: number, scales?: readonly number[]) =>
  fc.array(columns(size, 3, scales), { minLength: E, maxLength: E });
const sketches = (parts: readonly Real[]): Sketch[] => parts.map(exactSketch);
const standard: CombineOptions = {
  combine: 'span',
  columns: 'others',
  alpha: 1e-3,
  alphaMode: 'relative',
  energy: 0.95,
  form: 'qr',
};
/** The smallest eigenvalue of a symmetric matrix: shift so that all are above 0, then look at the singular values. */
const smallestEigenvalue = (s: Real): number => {
  const shift = 2 * norm(s) + 1;
  return (svd(plus(s, scaled(identity(rows(s)), shift))).sigma.at(-1) ?? shift) - shift;
};

/**
 * What rounding adds to ‖Q a‖, in the QR form. Gram–Schmidt gives the exact factor of a stack that is off by E, and
 * (I − Q₁Q₁ᵀ)a then exceeds its bound by at most 2‖E‖. Each of m columns passes 2m projections, each a dot product and an
 * update of n + m terms: ‖E‖ ≤ γ ‖[A; √α I]‖ with γ of 4m(n + m + 2) roundings. Twice that for the orthogonality of Q₁.
 */
const qrRounding = (a: Real, alpha: number): number => {
  const [n, m] = [rows(a), cols(a)];
  return 4 * gamma(4 * (m + 1) * (n + m + 2)) * Math.sqrt(squaredNorm(a) + m * alpha);
};

describe('statistics', () => {
  const seen = array([1, 2, 3, 6], [2, 2]);
  it('takes the mean, or every token, and augments by 1', () => {
    expect(toFlat(stepColumns(seen, 'mean', false))).toEqual([2, 4]);
    expect(toFlat(stepColumns(seen, 'mean', true))).toEqual([2, 4, 1]);
    const each = stepColumns(seen, 'tokens', true);
    expect([each.shape, toFlat(each)]).toEqual([
      [3, 2],
      [1, 3, 2, 6, 1, 1],
    ]);
  });
  it('an expert without tokens keeps what it has, also under forgetting', () => {
    const none = stepColumns(array([], [0, 2]), 'mean', true);
    expect(none.shape).toEqual([3, 0]);
    const a = array([1, 2, 3], [3, 1]);
    expect(toFlat(accumulate(a, none, 0.25))).toEqual([1, 2, 3]);
  });
  it('forgets by √λ, so that AAᵀ shrinks by λ', () => {
    expect(toFlat(accumulate(array([2, 4], [2, 1]), array([1, 1], [2, 1]), 0.25))).toEqual([1, 1, 2, 1]);
    expect(() => accumulate(noStatistics(2), array([1, 1], [2, 1]), 0)).toThrow(SpecError);
  });
});

describe('ridge projectors', () => {
  it('of a = (3, 4) and α = 25: along a it is 25/(25 + 25), across 1', () => {
    const a = array([3, 4], [2, 1]);
    // I − a aᵀ/50
    const byHand = [1 - 9 / 50, -12 / 50, -12 / 50, 1 - 16 / 50];
    for (const form of [closedForm, dualForm, recursion, qrForm]) {
      claimWithin(toFlat(form(a, 25)), byHand, gamma(40), form.name);
    }
  });
  it('the relative ridge is alpha · ‖A‖²_F / rows', () => {
    expect(ridge(0.5, 'relative', squaredNorm(array([3, 4], [2, 1])), 2)).toBe(6.25);
    expect(ridge(0.5, 'absolute', 99, 2)).toBe(0.5);
    for (const bad of [0, -1, Number.NaN]) expect(() => ridge(bad, 'absolute', 1, 1)).toThrow(SpecError);
  });
  it('is I without columns and for zero columns, whatever the form', () => {
    for (const form of ['closed', 'recursion', 'qr'] as const) {
      expect(toFlat(ridgeProjector(noStatistics(2), 0, form))).toEqual([1, 0, 0, 1]);
      expect(toFlat(ridgeProjector(array([0, 0], [2, 1]), 1, form))).toEqual([1, 0, 0, 1]);
    }
  });
  it('all forms agree, in any order of the columns', () => {
    const cases = columns(5, 4, [0]).filter((a) => spectralNorm(a) < 30);
    fc.assert(
      fc.property(cases, (a) => {
        const kappa = 1 + spectralNorm(a) ** 2;
        const reference = qrForm(a, 1);
        // α = 1. Solving: growth ≤ 2⁴ times 3·5·γ_5 backward, times κ forward, times ‖A‖‖(…)⁻¹Aᵀ‖ ≤ √κ/2. Recursion: a step's
        // own error √κ·γ_20 is carried on by P_m P_k⁻¹ from both sides, at most κ² — 4 steps.
        const solving = 16 * gamma(100) * kappa ** 1.5;
        const stepping = 4 * gamma(20) * kappa ** 2.5;
        claimWithin(toFlat(closedForm(a, 1)), toFlat(reference), solving, 'closed');
        claimWithin(toFlat(dualForm(a, 1)), toFlat(reference), solving * Math.sqrt(kappa), 'dual');
        claimWithin(toFlat(recursion(a, 1)), toFlat(reference), stepping, 'recursion');
        const reversed = fromFunction(a.shape, ([i, j]) => a.get(i, cols(a) - 1 - j));
        claimWithin(toFlat(recursion(reversed, 1)), toFlat(reference), stepping, 'reversed');
      }),
      { numRuns: 60 },
    );
  });
  it('is symmetric with spectrum in [0, 1], and its trace falls with each column', () => {
    fc.assert(
      fc.property(columns(4, 4), fc.constantFrom(1e-3, 1), (a, alpha) => {
        const rounding = gamma(64 * 8);
        let before = rows(a);
        for (let m = 1; m <= cols(a); m++) {
          const some = fromFunction([rows(a), m], ([i, j]) => a.get(i, j));
          const p = qrForm(some, alpha);
          claimWithin(toFlat(p), toFlat(transpose(p)), rounding, 'symmetry');
          claimAtMost(spectralNorm(p), 1, rounding, 'largest eigenvalue');
          claimAtMost(-smallestEigenvalue(p), 0, rounding * 8, 'smallest eigenvalue');
          claimAtMost(trace(p), before, rounding * rows(a), 'trace');
          before = trace(p);
        }
      }),
      { numRuns: 60 },
    );
  });
  it('P G = G − Q₁(Q₁ᵀG)', () => {
    const a = array([1, 2, 3, 4, 5, 6], [3, 2]);
    const g = array([1, -1, 2, 0, 3, 1], [3, 2]);
    claimWithin(toFlat(applyFactored(qrFactor(a, 2), g)), toFlat(product(qrForm(a, 2), g)), gamma(40) * 10, 'P G');
  });
});

describe('combining the others', () => {
  it('takes j ≠ i; controls take i, or all', () => {
    expect(sources(1, 3, 'others')).toEqual([0, 2]);
    expect(sources(1, 3, 'own')).toEqual([1]);
    expect(sources(1, 3, 'shared')).toEqual([0, 1, 2]);
    expect(() => sources(3, 3, 'others')).toThrow(SpecError);
  });
  it('E = 1: Q = I for the method, not for the controls', () => {
    const one = sketches([array([1, 0], [2, 1])]);
    for (const combine of ['mean', 'span', 'hard'] as const) {
      expect(toFlat(combinedProjector(one, 0, 2, { ...standard, combine }))).toEqual([1, 0, 0, 1]);
      expect(combinedProjector(one, 0, 2, { ...standard, combine, columns: 'own' }).get(0, 0)).toBeLessThan(0.01);
    }
  });
  it('E = 2: mean is span', () => {
    fc.assert(
      fc.property(experts(4, 2), (parts) => {
        const all = sketches(parts);
        const mean = combinedProjector(all, 0, 4, { ...standard, combine: 'mean' });
        expect(toFlat(mean)).toEqual(toFlat(combinedProjector(all, 0, 4, standard)));
      }),
      { numRuns: 40 },
    );
  });
  it('mean of two projectors by hand: e₁ seen by one of two others is damped to 1/2', () => {
    const all = sketches([noStatistics(2), array([1e9, 0], [2, 1]), noStatistics(2)]);
    const q = combinedProjector(all, 0, 2, { ...standard, combine: 'mean', alphaMode: 'absolute', alpha: 1e-9 });
    claimWithin(toFlat(q), [0.5, 0, 0, 1], gamma(16), 'Q');
  });
  it('hard removes the fewest directions that hold the energy; all of the rank at energy 1', () => {
    expect(hardRank([3, 1], 10, 0.9, 2)).toBe(1);
    expect(hardRank([3, 1], 10, 0.91, 2)).toBe(2);
    expect(hardRank([3, 1, 1e-17], 10, 1, 3)).toBe(2);
    expect(hardRank([], 0, 1, 3)).toBe(0);
    // A sketch that lost more than 1 − energy gives all that it has.
    expect(hardRank([3, 1], 100, 0.95, 2)).toBe(2);
    expect(() => hardRank([1], 1, 0, 1)).toThrow(SpecError);
  });
  it('a rotated projector has the same spectrum', () => {
    const rotation = array([0.6, -0.8, 0.8, 0.6], [2, 2]);
    const q = qrForm(array([1, 0], [2, 1]), 1);
    claimWithin(svd(rotated(q, rotation)).sigma, svd(q).sigma, gamma(64), 'σ');
    expect(rotated(q, rotation).get(0, 1)).not.toBe(0);
  });
});

describe('the bounds, for every column of another expert', () => {
  const settings = fc.tuple(fc.constantFrom(1e-3, 0.1, 1), fc.constantFrom('relative' as const, 'absolute' as const));
  it('span: ‖Q a‖ ≤ √α/2 and aᵀQa ≤ α', () => {
    fc.assert(
      fc.property(experts(5, 3), settings, (parts, [alpha, alphaMode]) => {
        const all = sketches(parts);
        const a = stacked([parts[1], parts[2]], 5);
        fc.pre(norm(a) > 0);
        const ridgeOfAll = ridge(alpha, alphaMode, all[1].squaredNorm + all[2].squaredNorm, 5);
        const q = combinedProjector(all, 0, 5, { ...standard, alpha, alphaMode });
        const rounding = qrRounding(a, ridgeOfAll);
        for (let j = 0; j < cols(a); j++) {
          const image = product(q, column(a, j));
          claimAtMost(norm(image), spanBound(ridgeOfAll), rounding, `‖Q a‖, column ${j}`);
          const quadratic = inner(column(a, j), image);
          claimAtMost(quadratic, spanQuadraticBound(ridgeOfAll), rounding * norm(column(a, j)), `aᵀQa, column ${j}`);
        }
      }),
      { numRuns: 50 },
    );
  });
  it('span: the bound is reached at ‖a‖ = √α', () => {
    const image = product(qrForm(array([2, 0], [2, 1]), 4), array([2, 0], [2, 1]));
    claimWithin([norm(image)], [spanBound(4)], gamma(20), '‖Q a‖');
  });
  it('mean: ‖Q a‖ ≤ ((E − 2)‖a‖ + √α_j/2)/(E − 1)', () => {
    fc.assert(
      fc.property(experts(4, 4), settings, (parts, [alpha, alphaMode]) => {
        const all = sketches(parts);
        const q = combinedProjector(all, 0, 4, { ...standard, combine: 'mean', alpha, alphaMode });
        for (const j of [1, 2, 3]) {
          const own = ridge(alpha, alphaMode, all[j].squaredNorm, 4);
          for (let c = 0; c < cols(parts[j]); c++) {
            const a = column(parts[j], c);
            claimAtMost(norm(product(q, a)), meanBound(4, own, norm(a)), qrRounding(parts[j], own), `${j}, ${c}`);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
  it('mean does not have the bound of span: for E = 3 a long column that one other saw is only halved', () => {
    const a = array([1000, 0], [2, 1]);
    const all = sketches([noStatistics(2), a, noStatistics(2)]);
    const options = { ...standard, alphaMode: 'absolute' as const, alpha: 1 };
    expect(norm(product(combinedProjector(all, 0, 2, { ...options, combine: 'mean' }), a))).toBeGreaterThan(499);
    expect(norm(product(combinedProjector(all, 0, 2, options), a))).toBeLessThanOrEqual(spanBound(1));
  });
  it('hard: ‖Q a‖ ≤ σ_{r+1}, 0 at the rank, and Q² = Q = Qᵀ', () => {
    fc.assert(
      fc.property(experts(5, 3), fc.constantFrom(0.5, 0.95, 1), (parts, energy) => {
        const a = stacked([parts[1], parts[2]], 5);
        const q = combinedProjector(sketches(parts), 0, 5, { ...standard, combine: 'hard', energy });
        // U is orthonormal to 16·rows·u (where Jacobi stops, then the products): Q² = Q within a few of these.
        claimWithin(toFlat(product(q, q)), toFlat(q), gamma(400), 'Q²');
        claimWithin(toFlat(q), toFlat(transpose(q)), 0, 'Qᵀ');
        const { sigma } = svd(a);
        const removed = Math.round(5 - trace(q));
        // What counts as rank leaves σ up to max(rows, cols)·u·σ₁; γ_400 covers that and the rounding of U.
        for (let j = 0; j < cols(a); j++) {
          claimAtMost(norm(product(q, column(a, j))), hardBound(sigma, removed), gamma(400) * norm(a), `column ${j}`);
        }
      }),
      { numRuns: 50 },
    );
  });
  it('at equal absolute α: Q_span ≼ Q_mean ≼ I', () => {
    fc.assert(
      fc.property(experts(4, 3, [0]), fc.constantFrom(0.01, 1), (parts, alpha) => {
        const options = { ...standard, alphaMode: 'absolute' as const, alpha };
        const span = combinedProjector(sketches(parts), 0, 4, options);
        const mean = combinedProjector(sketches(parts), 0, 4, { ...options, combine: 'mean' });
        // Eigenvalues of numbers of size 1 after a shift by about 10: 4·γ_512 covers both factorisations and the SVD.
        const rounding = 10 * gamma(512);
        claimAtMost(-smallestEigenvalue(minus(mean, span)), 0, rounding, 'mean − span');
        claimAtMost(-smallestEigenvalue(minus(identity(4), mean)), 0, rounding, 'I − mean');
      }),
      { numRuns: 60 },
    );
  });
  it('under relative α that order can fail: one other loud along e₁, the other quiet along e₂', () => {
    const all = sketches([noStatistics(2), array([1, 0], [2, 1]), array([0, 1e-3], [2, 1])]);
    const span = combinedProjector(all, 0, 2, standard);
    const mean = combinedProjector(all, 0, 2, { ...standard, combine: 'mean' });
    // α of span comes from the loud one and leaves e₂ nearly free; the quiet one's own α protects it by half.
    expect(span.get(1, 1)).toBeGreaterThan(0.99);
    expect(mean.get(1, 1)).toBeLessThan(0.51);
    expect(smallestEigenvalue(minus(mean, span))).toBeLessThan(-0.4);
  });
});

describe('Frequent Directions', () => {
  const many = columns(4, 7, [0]).filter((a) => norm(a) > 0);
  it('0 ≼ AAᵀ − BBᵀ ≼ δI with δ ≤ ‖A‖²_F/(ℓ + 1), and δ = 0 while rows ≤ ℓ', () => {
    fc.assert(
      fc.property(many, fc.integer({ min: 1, max: 5 }), fc.constantFrom(1, 0.9), (a, cap, forgetting) => {
        const sketch = sketchOf(a, cap, forgetting);
        const truth = sketchOf(a, 0, forgetting);
        expect(cols(sketch.columns)).toBeLessThanOrEqual(cap);
        const gap = minus(
          product(truth.columns, transpose(truth.columns)),
          product(sketch.columns, transpose(sketch.columns)),
        );
        // Each of up to 7 shrinks is an SVD of at most 6 columns (130·6 roundings, squared: twice). The smallest eigenvalue
        // is found after a shift by 2‖gap‖ + 1, which brings roundings of that size.
        const rounding = 7 * gamma(2 * 130 * 6) * squaredNorm(a) + gamma(64) * (3 * norm(gap) + 1);
        claimAtMost(-smallestEigenvalue(gap), 0, rounding, 'AAᵀ − BBᵀ from below');
        claimAtMost(spectralNorm(gap), sketch.delta, rounding, 'AAᵀ − BBᵀ from above');
        claimAtMost(sketch.delta, sketchLossBound(truth.squaredNorm, cap), rounding, 'δ');
        claimWithin([sketch.squaredNorm], [squaredNorm(truth.columns)], gamma(60) * squaredNorm(a), '‖A‖²_F');
        if (cap >= 4) expect(sketch.delta).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
  it('the projectors of a sketch keep the sketched bounds', () => {
    const cases = fc.tuple(many, many, fc.integer({ min: 1, max: 3 }), fc.constantFrom(0.1, 1, 10));
    fc.assert(
      fc.property(cases, ([a1, a2, cap, alpha]) => {
        fc.pre(norm(a1) < 30 && norm(a2) < 30);
        const parts = [noStatistics(4), a1, a2];
        const [exact, compressed] = [sketches(parts), parts.map((a) => sketchOf(a, cap))];
        const options = { ...standard, alphaMode: 'absolute' as const, alpha };
        const both = beside(a1, a2);
        const deltas = [compressed[1].delta, compressed[2].delta];
        const delta = deltas[0] + deltas[1];
        // δ itself is measured with the error of 14 SVDs; relative to α ≥ 0.1 and ‖A‖ < 43 it moves Q by this much.
        const rounding =
          (14 * gamma(2 * 130 * 6) * squaredNorm(both)) / alpha + qrRounding(both, alpha) / Math.sqrt(alpha);

        const spanA = combinedProjector(exact, 0, 4, options);
        const spanB = combinedProjector(compressed, 0, 4, options);
        claimAtMost(spectralNorm(minus(spanB, spanA)), sketchedSpanDistance(alpha, delta), rounding, 'span distance');
        const meanA = combinedProjector(exact, 0, 4, { ...options, combine: 'mean' });
        const meanB = combinedProjector(compressed, 0, 4, { ...options, combine: 'mean' });
        const limit = sketchedMeanDistance([alpha, alpha], deltas);
        claimAtMost(spectralNorm(minus(meanB, meanA)), limit, rounding, 'mean distance');
        for (let j = 0; j < cols(both); j++) {
          const a = column(both, j);
          const image = product(spanB, a);
          claimAtMost(norm(image), sketchedSpanBound(alpha, delta), rounding * (norm(a) + 1), `‖Q a‖, column ${j}`);
          const quadratic = sketchedSpanQuadraticBound(alpha, delta);
          claimAtMost(inner(a, image), quadratic, rounding * (norm(a) + 1) ** 2, `aᵀQa, column ${j}`);
        }
      }),
      { numRuns: 30 },
    );
  });
  it('one shrink by hand: (3, 0) and (0, 1) with ℓ = 1 become (√8, 0), δ = 1', () => {
    const { columns: b, delta } = sketchOf(array([3, 0, 0, 1], [2, 2]), 1);
    claimWithin(toFlat(b).map(Math.abs), [Math.sqrt(8), 0], gamma(20) * 3, 'B');
    claimWithin([delta], [1], gamma(20) * 9, 'δ');
  });
  it('the sketched bounds meet the exact ones at δ = 0, and each other at δ = α/2', () => {
    expect(sketchedSpanBound(4, 0)).toBe(spanBound(4));
    expect(sketchedSpanQuadraticBound(4, 0)).toBe(spanQuadraticBound(4));
    claimWithin([sketchedSpanBound(4, 2)], [Math.SQRT2], gamma(4) * 2, 'δ = α/2');
    claimWithin([sketchedSpanBound(4, 2.000001)], [Math.SQRT2], 1e-6, 'just above');
  });
});

describe('a badly scaled stack', () => {
  it('leaves the spectrum in [0, 1]: two columns of length 1e6 that differ by 1e-3, at α = 1e-3', () => {
    const a = array([1e6, 1e6, 1e6, 1e6 + 1e-3], [2, 2]);
    const q = qrForm(a, 1e-3);
    // 4 × 2 stack: 4·3·6 roundings for the factor, squared in Q₁Q₁ᵀ, then a handful in the singular values.
    claimAtMost(spectralNorm(q), 1, gamma(512), 'largest eigenvalue');
    claimAtMost(-smallestEigenvalue(q), 0, gamma(512), 'smallest eigenvalue');
  });
});
