import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError, UsageError } from '../../errors.ts';
import { type RoutingRecord, routingMeasures } from './routing.ts';

const u = Number.EPSILON / 2;

const record = (experts: number, topK: number, probabilities: number[][], chosen: number[][]): RoutingRecord => ({
  tokens: chosen.length,
  experts,
  topK,
  probabilities: Float64Array.from(probabilities.flat()),
  chosen: Int32Array.from(chosen.flat()),
});

const even = (experts: number) => new Array<number>(experts).fill(1 / experts);

/** Tokens with probabilities that are whole shares of 64, each choosing k different experts or, rarely, fewer. */
const arbitraryRecord = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 12 }))
  .chain(([experts, k, tokens]) => {
    const topK = Math.min(experts, k);
    const token = fc
      .tuple(
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: experts - 1, maxLength: experts - 1 }),
        fc.shuffledSubarray([...even(experts).keys()], { minLength: topK, maxLength: topK }),
        fc.boolean(),
      )
      .map(([shares, slots, dropped]) => ({
        p: [64 - shares.reduce((sum, share) => sum + share, 0), ...shares].map((share) => share / 64),
        slots: dropped && topK > 1 ? [...slots.slice(0, -1), -1] : slots,
      }));
    return fc.array(token, { minLength: tokens, maxLength: tokens }).map((all) =>
      record(
        experts,
        topK,
        all.map(({ p }) => p),
        all.map(({ slots }) => slots),
      ),
    );
  });

describe('routingMeasures', () => {
  it('has the values of a worked example', () => {
    // Loads 3, 2, 1, 0 over four experts: mean 1.5, variance (2.25 + 0.25 + 0.25 + 2.25)/4 = 1.25.
    const got = routingMeasures(
      record(
        4,
        2,
        [
          [0.5, 0.5, 0, 0],
          [1, 0, 0, 0],
          [0.25, 0.25, 0.25, 0.25],
        ],
        [
          [0, 1],
          [0, 1],
          [0, 2],
        ],
      ),
    );
    expect(got.load).toEqual([3, 2, 1, 0]);
    expect(got.entropy).toBeCloseTo((Math.log(2) + 0 + Math.log(4)) / 3, 15);
    // H(1/2, 1/3, 1/6)
    expect(got.loadEntropy).toBeCloseTo(Math.log(2) / 2 + Math.log(3) / 3 + Math.log(6) / 6, 15);
    expect(got.loadCv).toBeCloseTo(Math.sqrt(1.25) / 1.5, 15);
    expect(got.maxViolation).toBe(1);
    expect(got.deadExperts).toBe(1);
    expect(got.coactivation).toEqual([
      [3, 2, 1, 0],
      [2, 2, 0, 0],
      [1, 0, 1, 0],
      [0, 0, 0, 0],
    ]);
  });

  it('counts all pairs of a token, not only neighbours among its slots', () => {
    const { coactivation } = routingMeasures(record(3, 3, [even(3)], [[2, 0, 1]]));
    expect(coactivation).toEqual([
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ]);
  });

  it('reads 0 at an even load', () => {
    const got = routingMeasures(record(2, 1, [even(2), even(2)], [[0], [1]]));
    expect(got).toMatchObject({ loadCv: 0, maxViolation: 0, deadExperts: 0 });
    expect(got.entropy).toBeCloseTo(Math.LN2, 15);
    expect(got.loadEntropy).toBeCloseTo(Math.LN2, 15);
  });

  it('has nothing to say without tokens', () => {
    const empty = {
      entropy: Number.NaN,
      loadEntropy: Number.NaN,
      loadCv: Number.NaN,
      maxViolation: Number.NaN,
      deadExperts: 2,
      load: [0, 0],
      coactivation: [
        [0, 0],
        [0, 0],
      ],
    };
    expect(routingMeasures(record(2, 1, [], []))).toEqual(empty);
    expect(routingMeasures(record(2, 2, [even(2)], [[-1, -1]]))).toEqual(empty);
  });

  it('knows a real token whose slots were all dropped by the mask', () => {
    const dropped = { ...record(2, 1, [even(2)], [[-1]]), mask: [1] };
    const got = routingMeasures(dropped);
    expect(got.entropy).toBeCloseTo(Math.LN2, 15);
    expect(got.loadCv).toBeNaN();
    expect(got.deadExperts).toBe(2);
  });

  it('does not change, to the bit, when padding is added anywhere', () => {
    fc.assert(
      fc.property(arbitraryRecord, fc.nat(), fc.boolean(), (plain, where, masked) => {
        const at = where % (plain.tokens + 1);
        const insert = (values: ArrayLike<number>, row: number, filler: number) => {
          const list = Array.from(values);
          list.splice(at * row, 0, ...new Array<number>(row).fill(filler));
          return list;
        };
        const padded: RoutingRecord = {
          tokens: plain.tokens + 1,
          experts: plain.experts,
          topK: plain.topK,
          // Whatever the router makes of padding; NaN would show if it were looked at.
          probabilities: Float64Array.from(insert(plain.probabilities, plain.experts, Number.NaN)),
          // With a mask not even an expert in a padded slot counts.
          chosen: Int32Array.from(insert(plain.chosen, plain.topK, -1)).map((expert, index) =>
            masked && index === at * plain.topK ? 0 : expert,
          ),
          ...(masked ? { mask: insert(new Array<number>(plain.tokens).fill(1), 1, 0) } : {}),
        };
        expect(routingMeasures(padded)).toEqual(routingMeasures(plain));
      }),
    );
  });

  it('permutes load and co-activation when the experts are permuted, and nothing else', () => {
    fc.assert(
      fc.property(arbitraryRecord, (plain) => {
        const last = plain.experts - 1;
        const probabilities = plain.probabilities.slice();
        for (let t = 0; t < plain.tokens; t++) {
          probabilities.subarray(t * plain.experts, (t + 1) * plain.experts).reverse();
        }
        const before = routingMeasures(plain);
        const after = routingMeasures({
          ...plain,
          probabilities,
          chosen: plain.chosen.map((expert) => (expert === -1 ? -1 : last - expert)),
        });
        expect(after.load).toEqual([...before.load].reverse());
        expect(after.coactivation).toEqual(before.coactivation.map((row) => [...row].reverse()).reverse());
        expect(after.deadExperts).toBe(before.deadExperts);
        expect(after.maxViolation).toBe(before.maxViolation);
        // Sums of E terms, all of one sign, in another order, each of at most ln E for E ≤ 5: 2 E u relative.
        expect(Math.abs(after.entropy - before.entropy)).toBeLessThanOrEqual(2 * 5 * u * Math.log(5));
        expect(Math.abs(after.loadEntropy - before.loadEntropy)).toBeLessThanOrEqual(2 * 5 * u * Math.log(5));
        expect(Math.abs(after.loadCv - before.loadCv)).toBeLessThanOrEqual(2 * 5 * u * before.loadCv);
      }),
    );
  });

  it('keeps its ranges and its identities', () => {
    fc.assert(
      fc.property(arbitraryRecord, (plain) => {
        const got = routingMeasures(plain);
        const { experts, topK, tokens } = plain;
        const slots = got.load.reduce((sum, load) => sum + load, 0);
        const bound = Math.log(experts) + 8 * experts * u;
        expect(got.entropy).toBeGreaterThanOrEqual(0);
        expect(got.entropy).toBeLessThanOrEqual(bound);
        expect(got.loadEntropy).toBeLessThanOrEqual(bound);
        // All slots on one expert: MaxVio = E − 1 and CV = √(E − 1) are the largest there can be.
        expect(got.maxViolation).toBeLessThanOrEqual((experts - 1) * (1 + 8 * u));
        expect(got.loadCv).toBeLessThanOrEqual(Math.sqrt(experts - 1) * (1 + 8 * experts * u));
        expect(slots).toBe(plain.chosen.filter((expert) => expert >= 0).length);
        got.coactivation.forEach((row, i) => {
          expect(row[i]).toBe(got.load[i]);
          row.forEach((count, j) => {
            expect(count).toBe(got.coactivation[j][i]);
          });
        });
        const pairs = got.coactivation.flat().reduce((sum, count) => sum + count, 0) - slots;
        if (slots === tokens * topK) expect(pairs).toBe(tokens * topK * (topK - 1));
      }),
    );
  });

  it('shows a NaN probability', () => {
    const got = routingMeasures(record(2, 1, [[Number.NaN, Number.NaN]], [[0]]));
    expect(got.entropy).toBeNaN();
    expect(got.load).toEqual([1, 0]);
  });

  it('refuses what is no routing', () => {
    const good = record(2, 1, [even(2)], [[0]]);
    expect(() => routingMeasures({ ...good, tokens: 2 })).toThrow(ShapeError);
    expect(() => routingMeasures({ ...good, experts: 0 })).toThrow(ShapeError);
    expect(() => routingMeasures({ ...good, topK: 3 })).toThrow(ShapeError);
    expect(() => routingMeasures({ ...good, mask: [1, 1] })).toThrow(/a mask of 2/);
    expect(() => routingMeasures(record(2, 1, [even(2)], [[2]]))).toThrow(UsageError);
    expect(() => routingMeasures(record(2, 1, [even(2)], [[-2]]))).toThrow(UsageError);
    expect(() => routingMeasures(record(2, 2, [even(2)], [[1, 1]]))).toThrow(/different experts/);
    expect(() => routingMeasures(record(2, 1, [[3.1, -0.2]], [[0]]))).toThrow(/not the logits/);
    expect(() => routingMeasures(record(2, 1, [[1.5, -0.5]], [[0]]))).toThrow(/not the logits/);
  });
});
