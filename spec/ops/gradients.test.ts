import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, at, boolArray, fromFunction, intArray, type Real, type Shape, SpecError, toFlat } from '../array.ts';
import { centralDifference, centralDifferenceError } from '../gradients.ts';
import { activationGradient, activationSlopes, type DifferentiableActivation } from './activation.ts';
import { attention, attentionGradient, attentionWeights } from './attention.ts';
import { crossEntropy, crossEntropyGradient } from './cross-entropy.ts';
import { unary } from './elementwise.ts';
import { layerNorm, layerNormGradient } from './layer-norm.ts';
import { softmax, softmaxGradient } from './softmax.ts';

/** What flows back is defined on its own; here it is the derivative of what it flows through, f = Σ g y. */

const drawn = (...shape: number[]): fc.Arbitrary<Real> => {
  const size = shape.reduce((product, n) => product * n, 1);
  const value = fc.integer({ min: -(2 ** 20), max: 2 ** 20 }).map((k) => k / 2 ** 19);
  return fc.array(value, { minLength: size, maxLength: size }).map((values) => array(values, shape));
};
const ones = (shape: Shape): Real => fromFunction(shape, () => 1);

/**
 * Values of f are sums of at most 64 products of numbers below 64, each of a few dozen roundings: 2¹² · 2⁶ roundings of numbers of
 * size 1 are granted as its noise.
 */
function requireDerivative(f: (...inputs: Real[]) => number, inputs: readonly Real[], stated: readonly Real[]): void {
  const noise = 2 ** 18 * 2 ** -53;
  const [exact, error] = [centralDifference(f, inputs), centralDifferenceError(f, inputs, { roundings: 64, noise })];
  exact.forEach((difference, which) => {
    expect(stated[which].shape).toEqual(difference.shape);
    toFlat(difference).forEach((value, i) => {
      const [got, bound] = [toFlat(stated[which])[i], toFlat(error[which])[i]];
      if (!(Math.abs(got - value) <= bound))
        throw new Error(`input ${which}[${i}]: ${got}, should be ${value} within ${bound}`);
      expect(bound).toBeLessThan(1e-4);
    });
  });
}
const weighted = (g: Real, y: Real): number => toFlat(y).reduce((sum, value, i) => sum + toFlat(g)[i] * value, 0);
const check = <T>(inputs: fc.Arbitrary<T>, body: (drawn: T) => void) =>
  fc.assert(fc.property(inputs, body), { numRuns: 40 });

describe('what flows back is the derivative', () => {
  it.each(['sigmoid', 'silu', 'softplus', 'gelu', 'geluTanh', 'relu'] as DifferentiableActivation[])('%s', (name) =>
    check(fc.tuple(drawn(2, 3), drawn(2, 3)), ([g, z]) => {
      // away from the kink of relu
      const x = fromFunction(z.shape, (index) => at(z, index) + (at(z, index) < 0 ? -0.25 : 0.25));
      requireDerivative((input) => weighted(g, unary(name, input)), [x], [activationGradient(name, g, x)]);
    }),
  );

  it('softmax', () =>
    check(fc.tuple(drawn(2, 3), drawn(2, 3), fc.constantFrom(0, 1)), ([g, x, axis]) =>
      requireDerivative(
        (input) => weighted(g, softmax(input, axis)),
        [x],
        [softmaxGradient(softmax(x, axis), g, axis)],
      ),
    ));

  it('layer norm', () =>
    check(fc.tuple(drawn(2, 3), drawn(2, 3), drawn(3), drawn(3)), ([g, x, w, b]) =>
      requireDerivative(
        (input, weight, bias) => weighted(g, layerNorm(input, weight, bias, 0.5)),
        [x, w, b],
        layerNormGradient(x, w, g, 0.5),
      ),
    ));

  it('cross entropy', () =>
    check(fc.tuple(drawn(2), drawn(2, 3), fc.nat(2), fc.nat(2)), ([g, z, c, d]) => {
      const labels = intArray([c, d]);
      requireDerivative((input) => weighted(g, crossEntropy(input, labels)), [z], [crossEntropyGradient(z, labels, g)]);
    }));

  it('attention, through its output and its weights', () => {
    const [heads, square] = [
      [2, 1, 3, 2],
      [2, 1, 3, 3],
    ];
    const inputs = fc.tuple(drawn(...heads), drawn(...heads), drawn(...heads), drawn(...heads), drawn(...square));
    // a whole sentence, and one with padding
    const mask = boolArray([1, 1, 1, 1, 0, 1], [2, 3]);
    check(inputs, ([q, k, v, g, gw]) => {
      const weights = attentionWeights(q, k, mask);
      requireDerivative(
        (a, b, c) => weighted(g, attention(a, b, c, mask)) + weighted(gw, attentionWeights(a, b, mask)),
        [q, k, v],
        attentionGradient(weights, q, k, v, g, gw),
      );
    });
  });
});

describe('at the edges', () => {
  it('relu is flat at its kink, and geluTanh far out', () => {
    expect(activationSlopes.relu(0)).toBe(0);
    expect([-1e200, 1e200].map(activationSlopes.geluTanh)).toEqual([0, 1]);
  });
  it('a label that is no class is none of them', () => {
    const z = array([0, 0, 0, 0], [2, 2]);
    expect(toFlat(crossEntropyGradient(z, intArray([-1, 2]), ones([2])))).toEqual([0.5, 0.5, 0.5, 0.5]);
  });
  it('a sentence of padding has weights 0, and nothing flows through it', () => {
    const x = ones([1, 1, 2, 1]);
    const weights = attentionWeights(x, x, boolArray([0, 0], [1, 2]));
    expect(toFlat(weights)).toEqual([0, 0, 0, 0]);
    expect(attentionGradient(weights, x, x, x, x).map(toFlat)).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });
  it('refuses shapes that do not fit', () => {
    const x = ones([2, 2]);
    expect(() => activationGradient('gelu', x, ones([2]))).toThrow(SpecError);
    expect(() => softmaxGradient(x, ones([2]))).toThrow(SpecError);
    expect(() => layerNormGradient(x, ones([3]), x, 1)).toThrow(SpecError);
    expect(() => layerNormGradient(x, ones([2]), x, -1)).toThrow(SpecError);
    expect(() => crossEntropyGradient(x, intArray([0, 0]), ones([3]))).toThrow(SpecError);
  });
});
