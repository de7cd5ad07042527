/** The measures against their definitions in `spec/method/measures`, on integers and on normal numbers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, boolArray, intArray, type Real, toFlat } from '../../../spec/array.ts';
import { norm, svd } from '../../../spec/method/linear-algebra.ts';
import * as cka from '../../../spec/method/measures/cka.ts';
import * as cosine from '../../../spec/method/measures/cosine.ts';
import * as routing from '../../../spec/method/measures/routing.ts';
import * as nmi from '../../../spec/method/measures/specialisation.ts';
import * as subspaces from '../../../spec/method/measures/subspaces.ts';
import { foldIn, key, normal } from '../../random.ts';
import {
  debiasedCka,
  type ExpertOutputs,
  effectiveRank,
  linearCka,
  normalizedMutualInformation,
  outputCosine,
  outputEffectiveRank,
  routingMeasures,
  subspaceOverlap,
  weightCosine,
  weightDeltaCosine,
} from './index.ts';

const u = Number.EPSILON / 2;
/** The definition's singular values take their time. */
const slow = { numRuns: 40 };

const size = (least: number, most: number) => fc.integer({ min: least, max: most });
/** Outputs as both sides take them; integers bring zero vectors and constants, normal numbers everything but. */
const outputs = fc
  .record({ experts: size(1, 4), tokens: size(1, 9), width: size(1, 5), seed: size(0, 1e6), whole: fc.boolean() })
  .map(({ experts, tokens, width, seed, whole }): ExpertOutputs => {
    const drawn = normal(foldIn(key(seed), 'outputs'), experts * tokens * width);
    return { experts, tokens, width, data: whole ? drawn.map((x) => Math.round(x)) : drawn };
  });
const matrices = ({ experts, tokens, width, data }: ExpertOutputs): Real[] =>
  Array.from({ length: experts }, (_, e) =>
    array(data.subarray(e * tokens * width, (e + 1) * tokens * width), [tokens, width]),
  );
const expectNear = (got: number | null, want: number | null, bound: number, what: string) => {
  if (got === null || want === null || Number.isNaN(want)) expect(got, what).toBe(want);
  else
    expect(Math.abs(got - want), `${what}: ${got}, by definition ${want}, bound ${bound}`).toBeLessThanOrEqual(bound);
};
const forPairs = (y: ExpertOutputs, f: (i: number, j: number, a: Real, b: Real) => void) => {
  const all = matrices(y);
  for (let i = 0; i < y.experts; i++) for (let j = i + 1; j < y.experts; j++) f(i, j, all[i], all[j]);
};

describe('measures and their definitions', () => {
  it('outputCosine', () => {
    fc.assert(
      fc.property(outputs, (y) => {
        const { mean, pairs } = outputCosine(y);
        // Norms and inner products of width terms on both sides: 2(3w + 16)u a token; the mean over n terms of at most 1
        // adds nu on each side, that over at most 6 pairs 6u.
        const bound = 2 * (3 * y.width + 16 + y.tokens + 6) * u;
        forPairs(y, (i, j, a, b) => expectNear(pairs[i][j], cosine.outputCosineOf(a, b), bound, `pair ${i},${j}`));
        expectNear(mean, cosine.outputCosine(matrices(y)), bound, 'mean');
      }),
    );
  });

  it('weightCosine and weightDeltaCosine', () => {
    fc.assert(
      fc.property(outputs, (y) => {
        const weights = matrices(y);
        const flat = weights.map((w) => Float64Array.from(toFlat(w)));
        const length = y.tokens * y.width;
        const bound = 2 * (3 * length + 16 + 6) * u;
        expectNear(weightCosine(flat), cosine.weightCosine(weights), bound, 'weights');
        // The same subtraction on both sides, so the deltas agree to the bit.
        const base = weights.map(() => weights[0]);
        const want = cosine.weightDeltaCosine(weights, base);
        expectNear(weightDeltaCosine(flat, flat[0]), want, bound, 'deltas');
      }),
    );
  });

  it('linearCka and debiasedCka', () => {
    fc.assert(
      fc.property(outputs, (y) => {
        const [plain, debiased] = [linearCka(y), debiasedCka(y)];
        const { tokens: n, width: d } = y;
        // Each side's numerator and denominators are off by at most R·u·S_X S_Y (`roundingOfHsic`) and centring by the
        // rounding of the mean, (n + 1)u max|x| an entry, which moves K by 2(n + 1)u·max|x|·√(nd)·√S at most.
        const spread = (x: Real) => norm(cka.centred(x)) ** 2;
        const perOwn = (x: Real, own: number) => {
          const largest = Math.max(...toFlat(x).map(Math.abs));
          const centring = (4 * (n + 1) * largest * Math.sqrt(n * d)) / Math.sqrt(spread(x));
          return ((8 * n + 6 * d + 16 + centring) * u * spread(x) ** 2) / own;
        };
        const near = (x: Real, z: Real, ownX: number, ownZ: number) => 4 * 2 * (perOwn(x, ownX) + perOwn(z, ownZ));
        forPairs(y, (i, j, a, b) => {
          const [sizeA, sizeB] = [a, b].map((x) => cka.linearCka(x, x));
          const want = cka.linearCka(a, b);
          if (sizeA === 0 || sizeB === 0 || n < 2) expect(plain.pairs[i][j]).toBe(want);
          else {
            const own = (x: Real) => spread(x) ** 2 / Math.min(n - 1, d);
            expectNear(plain.pairs[i][j], want, near(a, b, own(a), own(b)), `pair ${i},${j}`);
          }
          const wantDebiased = cka.debiasedCka(a, b);
          const own = (x: Real) => n * (n - 3) * cka.unbiasedHsic(x, x);
          const bound = wantDebiased === null ? 0 : near(a, b, own(a), own(b));
          expectNear(debiased.pairs[i][j], wantDebiased, bound, `debiased pair ${i},${j}`);
        });
      }),
    );
  });

  it('subspaceOverlap', () => {
    fc.assert(
      fc.property(outputs, fc.constantFrom(0.5, 0.95, 1), (y, energy) => {
        const { pairs, ranks } = subspaceOverlap(y, energy);
        const longest = Math.max(y.tokens, y.width);
        // Wedin: a backward error of 32·max(n, d)·u·σ₁ (QR and Jacobi on either side) turns the leading subspace by at
        // most that over the gap behind it. Where a share lies on the boundary, rounding may choose either rank.
        const turned = matrices(y).map((x, e) => {
          const { sigma } = svd(x);
          const squares = sigma.map((s) => s * s);
          const whole = squares.reduce((sum, s) => sum + s, 0);
          let held = 0;
          for (const square of squares) {
            held += square;
            if (energy < 1) fc.pre(Math.abs(held - energy * whole) > 1e-10 * whole);
          }
          return (2 * 32 * longest * u * sigma[0]) / (sigma[ranks[e] - 1] - (sigma[ranks[e]] ?? 0));
        });
        forPairs(y, (i, j, a, b) => {
          const [basisA, basisB] = [subspaces.outputSubspace(a, energy), subspaces.outputSubspace(b, energy)];
          expect([ranks[i], ranks[j]]).toEqual([basisA.shape[1], basisB.shape[1]]);
          // cos² moves by no more than twice the turn of each subspace.
          const bound = 2 * (turned[i] + turned[j]);
          expectNear(pairs[i][j], subspaces.overlap(basisA, basisB), bound, `pair ${i},${j}`);
        });
      }),
      slow,
    );
  });

  it('effectiveRank', () => {
    fc.assert(
      fc.property(outputs, (y) => {
        // Shares off by ε = 64·max(n, d)·u; r ≤ 5 terms p ln p each move by less than ε(1 − ln ε), and exp passes the sum
        // on relative to a value of at most 5.
        const epsilon = 64 * Math.max(y.tokens, y.width) * u;
        const bound = 5 * 5 * epsilon * (1 - Math.log(epsilon));
        const { experts } = outputEffectiveRank(y);
        matrices(y).forEach((x, e) => {
          expectNear(experts[e], subspaces.effectiveRank(x), bound, `expert ${e}`);
          expectNear(effectiveRank(svd(x).sigma), subspaces.effectiveRank(x), bound, `spectrum ${e}`);
        });
      }),
      slow,
    );
  });

  it('routingMeasures', () => {
    const routed = fc.record({ experts: size(1, 5), tokens: size(0, 12), seed: size(0, 1e6) }).chain((sizes) => {
      const slots = fc.shuffledSubarray([...new Array(sizes.experts).keys()], { minLength: 1 });
      const kinds = fc.array(fc.tuple(slots, fc.constantFrom('full', 'cut', 'dropped', 'padding')), {
        minLength: sizes.tokens,
        maxLength: sizes.tokens,
      });
      return fc.tuple(fc.constant(sizes), kinds, fc.integer({ min: 1, max: sizes.experts }));
    });
    fc.assert(
      fc.property(routed, ([{ experts, tokens, seed }, kinds, topK]) => {
        const chosen = kinds.flatMap(([slots, kind]) =>
          Array.from({ length: topK }, (_, k) =>
            kind === 'padding' || kind === 'dropped' || (kind === 'cut' && k === 0) ? -1 : (slots[k] ?? -1),
          ),
        );
        const mask = kinds.map(([, kind]) => (kind === 'padding' ? 0 : 1));
        const logits = normal(foldIn(key(seed), 'logits'), tokens * experts, 0, 3);
        const probabilities = logits.map((z, index) => {
          const row = logits.subarray(index - (index % experts), index - (index % experts) + experts);
          return Math.exp(z) / row.reduce((sum, other) => sum + Math.exp(other), 0);
        });
        const got = routingMeasures({ tokens, experts, topK, probabilities, chosen: Int32Array.from(chosen), mask });
        const slots = intArray(chosen, [tokens, topK]);
        const load = routing.loads(slots, experts);
        // n·E terms of one sign, whose mean is at most ln 5, summed in two orders; the other three are the same few
        // operations on the same integers, E terms each.
        const wantEntropy = routing.routingEntropy(array(probabilities, [tokens, experts]), boolArray(mask));
        expectNear(got.entropy, wantEntropy, 2 * (tokens * experts + 4) * u * Math.log(5), 'entropy');
        expectNear(got.loadEntropy, routing.loadEntropy(load), 2 * (experts + 4) * u * Math.log(5), 'load entropy');
        expectNear(got.loadCv, routing.loadCv(load), 2 * (experts + 4) * u * 2, 'load CV');
        expectNear(got.maxViolation, routing.maxViolation(load), 8 * u * 5, 'MaxVio');
        expect(got.deadExperts).toBe(routing.deadExperts(load));
        expect(got.load).toEqual(toFlat(load));
        expect(got.coactivation.flat()).toEqual(toFlat(routing.coactivation(slots, experts)));
      }),
    );
  });

  it('normalizedMutualInformation', () => {
    const items = fc.array(fc.tuple(size(0, 4), size(0, 4)), { maxLength: 40 });
    fc.assert(
      fc.property(items, (pairs) => {
        const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
        // The definition adds up shares 1/n, n roundings each: three entropies of n ≤ 40 items are off by at most
        // 3·(n + 44)·4·u together, ours by less; over a mean entropy of at least H(1/40)/1 > 0.1.
        const bound = (2 * 3 * 84 * 4 * u) / 0.1;
        expectNear(normalizedMutualInformation(a, b), nmi.normalizedMutualInformation(a, b), bound, 'NMI');
      }),
    );
  });
});
