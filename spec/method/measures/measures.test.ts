import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimWithin } from '../../../property-tests/kit/within.ts';
import { array, boolArray, fromFunction, intArray, SpecError, toFlat } from '../../array.ts';
import { gamma, identity, product } from '../linear-algebra.ts';
import { debiasedCka, linearCka, unbiasedHsic } from './cka.ts';
import { accuracy, matthews } from './classification.ts';
import { outputCosine, weightCosine, weightDeltaCosine } from './cosine.ts';
import { leakage, leakageBound, normKept, traceShare } from './optimizer.ts';
import { coactivation, deadExperts, loadCv, loadEntropy, loads, maxViolation, routingEntropy } from './routing.ts';
import { normalizedMutualInformation } from './specialisation.ts';
import { effectiveRank, outputSubspace, overlap, principalCosines } from './subspaces.ts';

const ROUNDING = gamma(64); // a few dozen roundings of numbers of size 1
const outputs = (tokens: number, width: number, most = 32) =>
  fc
    .array(fc.integer({ min: -most, max: most }), { minLength: tokens * width, maxLength: tokens * width })
    .map((values) => array(values, [tokens, width]));

describe('cosine', () => {
  it('is the mean over tokens and pairs: 1 and 0 for the first pair, −1 and 3/5 …', () => {
    const a = array([1, 0, 3, 4], [2, 2]);
    const b = array([2, 0, 4, -3], [2, 2]);
    const c = array([-1, 0, 1, 0], [2, 2]);
    // pairs (a, b): 1, 0;  (a, c): −1, 3/5;  (b, c): −1, 4/5
    claimWithin([outputCosine([a, b, c])], [(0.5 + -0.2 + -0.1) / 3], ROUNDING, 'mean');
  });
  it('counts a zero output as 0, has no pair for E = 1, and nothing to say without tokens', () => {
    expect(outputCosine([array([0, 0], [1, 2]), array([0, 0], [1, 2])])).toBe(0);
    expect(outputCosine([array([1, 0], [1, 2])])).toBeNaN();
    expect(outputCosine([array([], [0, 2]), array([], [0, 2])])).toBeNaN();
  });
  it('of weights stays near 1 after upcycling; of their changes it does not', () => {
    const base = array([100, 100]);
    const moved = [array([101, 100]), array([100, 101])];
    expect(weightCosine(moved)).toBeGreaterThan(0.9999);
    expect(weightDeltaCosine(moved, [base, base])).toBe(0);
    expect(weightDeltaCosine([base, base], [base, base])).toBeNull();
  });
});

describe('CKA', () => {
  it('is 1 for a rotated, scaled and shifted copy', () => {
    fc.assert(
      fc.property(outputs(6, 2), (x) => {
        fc.pre(!Number.isNaN(linearCka(x, x)) && linearCka(x, x) > 0);
        const turned = product(x, array([0.6, -0.8, 0.8, 0.6], [2, 2]));
        const copy = fromFunction(x.shape, ([t, j]) => 3 * turned.get(t, j) + 7);
        // The shift by 7 of entries up to 45·3 costs a few units; integers centred over 6 tokens differ by at least 1/6.
        claimWithin([linearCka(x, copy)], [1], gamma(4000), 'CKA');
      }),
      { numRuns: 50 },
    );
  });
  it('by hand: x = (1, −1, 0, 0), y = (1, 0, −1, 0) have xᵀy = 1, ‖x‖² = ‖y‖² = 2', () => {
    const [x, y] = [array([1, -1, 0, 0], [4, 1]), array([1, 0, -1, 0], [4, 1])];
    claimWithin([linearCka(x, y)], [0.25], ROUNDING, 'CKA');
    // K̃ = −1 at (0, 1), L̃ = −1 at (0, 2), both ways: tr = 0, 1ᵀK̃1 = 1ᵀL̃1 = −2, row sums meet in row 0: 1.
    claimWithin([unbiasedHsic(x, y)], [(0 + 4 / 6 - 1) / 4], ROUNDING, 'HSIC');
    // HSIC(x, x): tr = 2, 4/6, −(1 + 1): 2/3
    claimWithin([debiasedCka(x, y)!], [-1 / 3 / (2 / 3)], ROUNDING, 'debiased');
  });
  it('is 0 for constant outputs, NaN for one token; debiased: null for either, and below 4 tokens', () => {
    const constant = array([1, 2, 1, 2, 1, 2, 1, 2], [4, 2]);
    const other = array([1, 0, 5, 2, 3, 1, 0, 2], [4, 2]);
    expect(linearCka(constant, other)).toBe(0);
    expect(linearCka(array([1], [1, 1]), array([1], [1, 1]))).toBeNaN();
    expect(debiasedCka(constant, other)).toBeNull();
    const butOne = array([9, 2, 1, 2, 1, 2, 1, 2], [4, 2]);
    expect(debiasedCka(butOne, other)).toBeNull();
    expect(debiasedCka(array([1, 2, 3], [3, 1]), array([1, 2, 3], [3, 1]))).toBeNull();
  });
  it('both are in range, symmetric, and do not mind the order of the tokens', () => {
    fc.assert(
      fc.property(outputs(5, 2, 3), outputs(5, 2, 3), (x, y) => {
        const cka = linearCka(x, y);
        expect(cka).toBeGreaterThanOrEqual(0);
        expect(cka).toBeLessThanOrEqual(1 + ROUNDING);
        const debiased = debiasedCka(x, y);
        if (debiased === null) return;
        // Of whole numbers up to 3, 120·HSIC₁ is whole, so at least 1 where it is not 0, while its terms reach 120·2·90²/10.
        // About a hundred roundings of these, three times, are below γ of 1e8 of the quotient.
        expect(Math.abs(debiased)).toBeLessThanOrEqual(1 + gamma(1e8));
        claimWithin([debiasedCka(y, x)!], [debiased], gamma(1e8), 'symmetry');
        const flip = (m: typeof x) => fromFunction(m.shape, ([t, j]) => m.get(4 - t, j));
        claimWithin([debiasedCka(flip(x), flip(y))!], [debiased], gamma(1e8), 'order');
      }),
      { numRuns: 60 },
    );
  });
});

describe('subspaces', () => {
  it('principal cosines of the plane xy with the plane through x and (0, 3, 4)/5: 1 and 3/5', () => {
    const u = array([1, 0, 0, 1, 0, 0], [3, 2]);
    const v = array([1, 0, 0, 0.6, 0, 0.8], [3, 2]);
    claimWithin(principalCosines(u, v), [1, 0.6], ROUNDING, 'cos θ');
    claimWithin([overlap(u, v)], [(1 + 0.36) / 2], ROUNDING, 'overlap');
    expect(overlap(u, array([], [3, 0]))).toBeNaN();
  });
  it('keeps the leading directions that hold the energy; the rank at energy 1', () => {
    const y = array([3, 0, 0, 1, 0, 0], [3, 2]);
    expect(outputSubspace(y, 0.9).shape).toEqual([2, 1]);
    expect(outputSubspace(y, 0.91).shape).toEqual([2, 2]);
    expect(outputSubspace(array([1, 2, 2, 4], [2, 2]), 1).shape).toEqual([2, 1]);
    expect(outputSubspace(array([0, 0], [1, 2]), 0.95).shape).toEqual([2, 0]);
    expect(() => outputSubspace(y, 0)).toThrow(SpecError);
  });
  it('effective rank: n for I, 1 for one direction, e^H in between', () => {
    claimWithin([effectiveRank(identity(4))], [4], ROUNDING * 4, 'I');
    claimWithin([effectiveRank(array([1, 2, 2, 4], [2, 2]))], [1], gamma(2000), 'rank one');
    const h = -0.75 * Math.log(0.75) - 0.25 * Math.log(0.25);
    claimWithin([effectiveRank(array([3, 0, 0, 1], [2, 2]))], [Math.exp(h)], ROUNDING * 2, '3 : 1');
    expect(effectiveRank(array([0, 0], [1, 2]))).toBeNaN();
  });
});

describe('routing', () => {
  const chosen = intArray([0, 1, 0, 2, 0, 1, -1, -1], [4, 2]);
  it('loads 3, 2, 1, 0 by hand', () => {
    const load = loads(chosen, 4);
    expect(toFlat(load)).toEqual([3, 2, 1, 0]);
    claimWithin([loadCv(load)], [Math.sqrt(1.25) / 1.5], ROUNDING, 'CV');
    expect(maxViolation(load)).toBe(1);
    expect(deadExperts(load)).toBe(1);
    const h = -(0.5 * Math.log(0.5) + (1 / 3) * Math.log(1 / 3) + (1 / 6) * Math.log(1 / 6));
    claimWithin([loadEntropy(load)], [h], ROUNDING, 'H(load)');
  });
  it('counts every chosen pair, the load on the diagonal', () => {
    expect(toFlat(coactivation(chosen, 3))).toEqual([3, 2, 1, 2, 2, 0, 1, 0, 1]);
    const all = intArray([2, 0, 1], [1, 3]);
    expect(toFlat(coactivation(all, 3))).toEqual(new Array(9).fill(1));
  });
  it('entropy: ln E when indifferent, 0 when certain; padding does not count', () => {
    const p = array([0.25, 0.25, 0.25, 0.25, 1, 0, 0, 0], [2, 4]);
    claimWithin([routingEntropy(p)], [Math.log(4) / 2], ROUNDING, 'both');
    expect(routingEntropy(p, boolArray([0, 1]))).toBe(0);
    expect(routingEntropy(p, boolArray([0, 0]))).toBeNaN();
  });
});

describe('NMI', () => {
  it('is 1 for a renaming, 0 for independence and for a single value', () => {
    claimWithin([normalizedMutualInformation([0, 0, 1, 2], [5, 5, 9, 7])], [1], ROUNDING, 'renamed');
    claimWithin([normalizedMutualInformation([0, 0, 1, 1], [0, 1, 0, 1])], [0], ROUNDING, 'independent');
    expect(normalizedMutualInformation([0, 0], [0, 1])).toBe(0);
    expect(normalizedMutualInformation([], [])).toBeNaN();
  });
  it('by hand: (0,0) (0,0) (0,1) (1,1)', () => {
    const h = (...p: number[]) => -p.reduce((sum, x) => sum + x * Math.log(x), 0);
    const [a, b, both] = [h(0.75, 0.25), h(0.5, 0.5), h(0.5, 0.25, 0.25)];
    const expected = (a + b - both) / ((a + b) / 2);
    claimWithin([normalizedMutualInformation([0, 0, 0, 1], [0, 0, 1, 1])], [expected], ROUNDING, 'NMI');
  });
});

describe('optimizer measures', () => {
  const delta = array([3, 0, 0, 4], [2, 2]);
  it('trace, norm kept, leakage by hand', () => {
    expect(traceShare(array([1, 0, 0, 0.5], [2, 2]))).toBe(0.75);
    expect(normKept(delta, array([3, 0, 0, 0], [2, 2]))).toBe(0.6);
    expect(leakage(array([2, 0], [2, 1]), delta, 'input')).toBe(0.6);
    // Δ a = (4, 3) · 2, though aᵀΔ would be (0, 3) · 2
    expect(leakage(array([0, 2], [2, 1]), array([0, 4, 0, 3], [2, 2]), 'output')).toBe(1);
    expect(leakage(array([0, 2], [2, 1]), array([0, 4, 0, 3], [2, 2]), 'input')).toBe(0.6);
    // Not square, so that the wrong side cannot pass: a of in = 2 for an update [2, 1].
    expect(leakage(array([1, 0], [2, 1]), array([0, 1], [2, 1]), 'input')).toBe(0);
    expect(leakage(array([0, 0], [2, 1]), delta, 'input')).toBeNull();
  });
  it('of a sketch, what it gave up counts in full', () => {
    // Of the columns 2e₁ and e₂ a cap of 1 keeps √3 e₁ and gives up δ = 1 of ‖A‖² = 5.
    const sketch = { columns: array([Math.sqrt(3), 0], [2, 1]), delta: 1, squaredNorm: 5 };
    const along = (x: number, y: number) => leakageBound(sketch, array([x, y], [2, 1]), 'input')!;
    const exact = (x: number, y: number) => leakage(array([2, 0, 0, 1], [2, 2]), array([x, y], [2, 1]), 'input')!;
    for (const [x, y] of [
      [3, 0],
      [0, 2],
      [1, 1],
      [-4, 3],
    ])
      claimWithin([along(x, y)], [exact(x, y)], ROUNDING, 'BBᵀ + δI is AAᵀ here');
    claimWithin([leakageBound(sketch, array([0, 7], [1, 2]), 'output')!], [Math.sqrt(1 / 5)], ROUNDING, 'output side');
    // Never above 1, whatever δ says.
    const elsewhere = { columns: array([1, 0], [2, 1]), delta: 3, squaredNorm: 2 };
    expect(leakageBound(elsewhere, array([0, 1], [2, 1]), 'input')).toBe(1);
    expect(leakageBound({ ...sketch, squaredNorm: 0 }, delta, 'input')).toBeNull();
    expect(leakageBound(sketch, array([0, 0], [2, 1]), 'input')).toBeNull();
  });
});

describe('classification', () => {
  it('accuracy and Matthews correlation of TP 2, TN 1, FP 1, FN 1', () => {
    const [predicted, actual] = [
      [1, 1, 0, 1, 0],
      [1, 1, 0, 0, 1],
    ];
    expect(accuracy(predicted, actual)).toBe(0.6);
    claimWithin([matthews(predicted, actual)], [(2 * 1 - 1 * 1) / Math.sqrt(3 * 3 * 2 * 2)], ROUNDING, 'Matthews');
    expect(matthews([1, 1], [1, 0])).toBe(0);
    expect(matthews([0, 1], [1, 0])).toBe(-1);
    expect(() => matthews([2], [1])).toThrow(SpecError);
  });
});
