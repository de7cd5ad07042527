import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, type Real, SpecError, toFlat } from './array.ts';
import { centralDifference, centralDifferenceError } from './gradients.ts';

const xs = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 1, maxLength: 5 });
const total = (x: Real, f: (v: number) => number): number => toFlat(x).reduce((s, v) => s + f(v), 0);

describe('centralDifference', () => {
  it('keeps its shape and treats every input', () => {
    const [a, b] = centralDifference(
      (x, y) => total(x, (v) => 2 * v) + total(y, (v) => -v),
      [array([1, 2], [1, 2]), array([5], [])],
    );
    expect([a.shape, b.shape]).toEqual([[1, 2], []]);
    for (const [value, exact] of [
      [toFlat(a)[1], 2],
      [toFlat(b)[0], -1],
    ]) {
      // f is linear and below 16, two roundings of it over 2h, h ≥ 4.8e-6: 16·2·2⁻⁵³/4.8e-6 < 1e-9
      expect(Math.abs(value - exact)).toBeLessThan(1e-9);
    }
  });

  it.each([
    ['sin', Math.sin, Math.cos],
    ['exp', Math.exp, Math.exp],
    ['fast sine', (v: number) => Math.sin(100 * v), (v: number) => 100 * Math.cos(100 * v)],
    ['cube', (v: number) => v ** 3, (v: number) => 3 * v * v],
  ] as const)('is within its error of the derivative: %s', (_, f, derivative) => {
    fc.assert(
      fc.property(xs, (values) => {
        const x = array(values);
        const g = (input: Real): number => total(input, f);
        // Each term one or two roundings, the sum n more, on numbers of at most 400 each: e³, 3³, and 100v inside the sine.
        const roundings = values.length + 2;
        const noise = roundings * 2 ** -53 * 400 * values.length;
        const [approximate] = centralDifference(g, [x]);
        const [error] = centralDifferenceError(g, [x], { roundings, noise });
        values.forEach((v, i) => {
          const [got, bound] = [toFlat(approximate)[i], toFlat(error)[i]];
          if (!(Math.abs(got - derivative(v)) <= bound))
            throw new Error(`∂f/∂x[${i}] = ${got}, should be ${derivative(v)} within ${bound}`);
          // And it says something: h²/2 ≤ 1e-10 on third derivatives of at most 1e6, and the noise over h is below 1e-5.
          expect(bound).toBeLessThan(2e-4);
        });
      }),
    );
  });

  it('refuses a negative error', () => {
    expect(() => centralDifferenceError(() => 0, [array([1])], { roundings: -1 })).toThrow(SpecError);
  });
});
