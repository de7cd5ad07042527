import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../errors.ts';
import { normalizedMutualInformation, specialisation } from './specialisation.ts';

const u = Number.EPSILON / 2;
/**
 * Entropies and information of n ≤ 40 items: at most 40 terms of at most ln 40 < 4, each with four roundings, so an
 * absolute error below 44·4·u each; over a mean entropy that is at least H(1/40) > 0.1 when it is not 0.
 */
const bound = (3 * 44 * 4 * u) / 0.1;

const labels = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })), {
  minLength: 1,
  maxLength: 40,
});

describe('normalizedMutualInformation', () => {
  it('has the values of a worked example', () => {
    // Joint (1/2, 0; 1/4, 1/4): H(A) = ln 2, H(B) = 2 ln 2 − (3/4) ln 3, I = H(A) + H(B) − (3/2) ln 2.
    const entropyB = 2 * Math.LN2 - 0.75 * Math.log(3);
    const information = Math.LN2 + entropyB - 1.5 * Math.LN2;
    const want = information / ((Math.LN2 + entropyB) / 2);
    expect(normalizedMutualInformation([0, 0, 1, 1], [0, 0, 0, 1])).toBeCloseTo(want, 14);
  });

  it('is 0 for independent labels, and where one of them never changes', () => {
    expect(normalizedMutualInformation([0, 0, 1, 1], [0, 1, 0, 1])).toBe(0);
    expect(normalizedMutualInformation([3, 3, 3], [0, 1, 2])).toBe(0);
    expect(normalizedMutualInformation([0, 1, 2], [7, 7, 7])).toBe(0);
    expect(normalizedMutualInformation([5, 5], [5, 5])).toBe(0);
    expect(normalizedMutualInformation([5], [5])).toBe(0);
  });

  it('is NaN of nothing, and refuses labels that do not pair', () => {
    expect(normalizedMutualInformation([], [])).toBeNaN();
    expect(() => normalizedMutualInformation([1], [1, 2])).toThrow(ShapeError);
  });

  it('lies in [0, 1], is symmetric, and does not see the names of the labels', () => {
    fc.assert(
      fc.property(labels, fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), (items, names) => {
        const a = items.map(([label]) => label);
        const b = items.map(([, label]) => label);
        const value = normalizedMutualInformation(a, b);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1);
        expect(Math.abs(normalizedMutualInformation(b, a) - value)).toBeLessThanOrEqual(bound);
        const renamed = a.map((label) => names[label]);
        expect(Math.abs(normalizedMutualInformation(renamed, b) - value)).toBeLessThanOrEqual(bound);
      }),
    );
  });

  it('is 1 for a bijection of labels', () => {
    fc.assert(
      fc.property(labels, fc.shuffledSubarray([10, 11, 12, 13, 14], { minLength: 5 }), (items, names) => {
        const a = items.map(([label]) => label);
        fc.pre(new Set(a).size > 1);
        const value = normalizedMutualInformation(
          a,
          a.map((label) => names[label]),
        );
        expect(Math.abs(value - 1), `${value}, bound ${bound}`).toBeLessThanOrEqual(bound);
      }),
    );
  });

  it('equals (H(A) + H(B) − H(A, B)) over the mean entropy', () => {
    const entropy = (values: (number | string)[]) =>
      [...new Set(values)].reduce<number>((sum, value) => {
        const p = values.filter((other) => other === value).length / values.length;
        return sum - p * Math.log(p);
      }, 0);
    fc.assert(
      fc.property(labels, (items) => {
        const a = items.map(([label]) => label);
        const b = items.map(([, label]) => label);
        const [entropyA, entropyB] = [entropy(a), entropy(b)];
        fc.pre(entropyA > 0 && entropyB > 0);
        const want = (entropyA + entropyB - entropy(items.map(String))) / ((entropyA + entropyB) / 2);
        const got = normalizedMutualInformation(a, b);
        expect(Math.abs(got - want), `${got} and ${want}, bound ${bound}`).toBeLessThanOrEqual(bound);
      }),
    );
  });
});

describe('specialisation', () => {
  const chosen = Int32Array.of(0, 1, 1, 0, 0, 1, 1, 0);
  const assignment = { tokens: 4, topK: 2, chosen };

  it('sees the first expert, or every one', () => {
    const domains = [0, 1, 0, 1];
    expect(specialisation(assignment, domains)).toBeCloseTo(1, 15);
    // With both slots every token has both experts: nothing is left to tell.
    expect(specialisation(assignment, domains, 'every')).toBeCloseTo(0, 15);
  });

  it('leaves out empty slots and tokens whose property is unknown', () => {
    const padded = { tokens: 6, topK: 2, chosen: Int32Array.of(...chosen, -1, -1, 1, 0) };
    expect(specialisation(padded, [0, 1, 0, 1, 0, -1])).toBe(specialisation(assignment, [0, 1, 0, 1]));
    // The best slot was dropped for capacity; the expert that took the token counts.
    const dropped = { tokens: 2, topK: 2, chosen: Int32Array.of(-1, 0, -1, 1) };
    expect(specialisation(dropped, [5, 6])).toBeCloseTo(1, 15);
  });

  it('is NaN where no token is left', () => {
    expect(specialisation({ tokens: 0, topK: 1, chosen: new Int32Array(0) }, [])).toBeNaN();
    expect(specialisation({ tokens: 1, topK: 1, chosen: Int32Array.of(-1) }, [0])).toBeNaN();
  });

  it('refuses sizes that do not fit', () => {
    expect(() => specialisation(assignment, [0, 1])).toThrow(ShapeError);
    expect(() => specialisation({ ...assignment, topK: 3 }, [0, 1, 0, 1])).toThrow(ShapeError);
    expect(() => specialisation({ tokens: 0, topK: 0, chosen: new Int32Array(0) }, [])).toThrow(ShapeError);
  });
});
