import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, boolArray, intArray, SpecError, toFlat } from '../array.ts';
import { erf, erfc, normalCdf } from './error-function.ts';
import * as ops from './index.ts';

/** |value − exact| ≤ relative·|exact| */
function near(value: number, exact: number, relative: number): void {
  if (!(Math.abs(value - exact) <= relative * Math.abs(exact))) {
    throw new Error(`${value}, should be ${exact} within ${relative} of it: off by ${Math.abs(value / exact - 1)}`);
  }
}

describe('erf and erfc', () => {
  // By the series in 150-digit decimal arithmetic, rounded to Float64. 1e-15 is nine units of roundoff: a rounding each in the
  // exponential, the constant, the products, and those of the sum or the fraction, whose errors shrink at every level.
  it.each([
    [1e-300, 1.1283791670955126e-300, 1],
    [0.1, 0.1124629160182849, 0.8875370839817152],
    [0.5, 0.5204998778130465, 0.4795001221869535],
    [1, 0.8427007929497149, 0.15729920705028513],
    [1.5, 0.9661051464753108, 0.033894853524689274],
    [2, 0.9953222650189527, 0.004677734981047266],
    [3, 0.9999779095030014, 2.209049699858544e-5],
    [5, 0.9999999999984626, 1.537459794428035e-12],
    [10, 1, 2.088487583762545e-45],
  ])('at %f', (x, exact, complement) => {
    near(erf(x), exact, 1e-15);
    near(erfc(x), complement, 1e-15);
    near(erf(-x), -exact, 1e-15);
    near(erfc(-x), 1 + exact, 1e-15);
  });

  it('at the ends', () => {
    expect([erf(Infinity), erf(-Infinity), erfc(Infinity), erfc(-Infinity), erf(Number.NaN)]).toEqual([
      1,
      -1,
      0,
      2,
      Number.NaN,
    ]);
    expect(Object.is(erf(-0), -0)).toBe(true);
  });

  it('series and fraction meet without a step', () => {
    near(erf(1 - 2 ** -53), erf(1), 1e-15);
  });

  it('Φ(x) + Φ(−x) = 1', () => {
    // each term to 1e-15 of itself, their sum below 2
    fc.assert(
      fc.property(fc.double({ min: -30, max: 30, noNaN: true }), (x) => near(normalCdf(x) + normalCdf(-x), 1, 2e-15)),
    );
  });
});

describe('functions of one number', () => {
  it.each([
    ['negative', 2, -2],
    ['abs', -2, 2],
    ['sign', -2, -1],
    ['sign', 0, 0],
    ['exp', 1, Math.E],
    ['log', Math.E, 1],
    ['log', 0, -Infinity],
    ['log', -1, Number.NaN],
    ['sqrt', 9, 3],
    ['sqrt', -1, Number.NaN],
    ['tanh', 1, 0.7615941559557649],
    ['reciprocal', 4, 0.25],
    ['reciprocal', 0, Infinity],
    ['square', -3, 9],
    ['relu', -3, 0],
    ['relu', 3, 3],
    ['relu', Number.NaN, Number.NaN],
    ['gelu', 1, 0.8413447460685429],
    ['gelu', -1, -0.15865525393145705],
    ['gelu', -10, -7.619853024160526e-23],
    ['geluTanh', 1, 0.8411919906082767],
    ['sigmoid', 0, 0.5],
    ['sigmoid', -800, 0],
    ['sigmoid', 800, 1],
    ['silu', 1, 0.7310585786300049],
    ['softplus', 0, Math.LN2],
    ['softplus', 1000, 1000],
    ['softplus', -40, 4.248354255291589e-18],
  ] as const)('%s(%f) = %f', (name, x, exact) => {
    const [value] = toFlat(ops.unary(name, array([x])));
    // At most eight operations, each to one unit in the last place (2u): 2e-15. In the tail gelu is x² times as sensitive to
    // x/√2 as to x, and that has two roundings.
    const tail = name === 'gelu' ? 2 * x * x * 2 ** -53 : 0;
    if (Number.isFinite(exact)) near(value, exact, 2e-15 + tail);
    else expect(value).toBe(exact);
  });

  it('silu(x) − silu(−x) = x and softplus(x) − softplus(−x) = x', () => {
    fc.assert(
      fc.property(fc.double({ min: -50, max: 50, noNaN: true }), (x) => {
        const of = (name: ops.UnaryName, v: number): number => ops.unaryFunctions[name](v);
        // terms no larger than |x| + 1, a handful of roundings each
        const bound = 8 * 2 ** -53 * (Math.abs(x) + 1);
        expect(Math.abs(of('silu', x) - of('silu', -x) - x)).toBeLessThanOrEqual(bound);
        expect(Math.abs(of('softplus', x) - of('softplus', -x) - x)).toBeLessThanOrEqual(bound);
        expect(Math.abs(of('gelu', x) - of('gelu', -x) - x)).toBeLessThanOrEqual(bound);
      }),
    );
  });
});

describe('functions of two numbers', () => {
  const [a, b] = [array([1, -2, 3], [3, 1]), array([2, 3])];

  it('broadcast', () => {
    expect(toFlat(ops.add(a, b))).toEqual([3, 4, 0, 1, 5, 6]);
    expect(toFlat(ops.subtract(a, b))).toEqual([-1, -2, -4, -5, 1, 0]);
    expect(toFlat(ops.multiply(a, b))).toEqual([2, 3, -4, -6, 6, 9]);
    expect(toFlat(ops.divide(array([1, 0]), array([0, 0])))).toEqual([Infinity, Number.NaN]);
    expect(toFlat(ops.power(a, b))).toEqual([1, 1, 4, -8, 9, 27]);
    expect(toFlat(ops.maximum(a, b))).toEqual([2, 3, 2, 3, 3, 3]);
    expect(toFlat(ops.minimum(a, b))).toEqual([1, 1, -2, -2, 2, 3]);
    expect(ops.add(array([], [0, 1]), b).shape).toEqual([0, 2]);
    expect(() => ops.add(array([1, 2, 3]), b)).toThrow(SpecError);
  });

  it('maximum and minimum propagate NaN', () => {
    const nan = array([Number.NaN]);
    expect(toFlat(ops.maximum(nan, array([1])))).toEqual([Number.NaN]);
    expect(toFlat(ops.minimum(array([1]), nan))).toEqual([Number.NaN]);
  });

  it('compare', () => {
    const [x, y] = [array([1, 2, 3, Number.NaN]), array([2, 2, 2, Number.NaN])];
    expect(toFlat(ops.equal(x, y))).toEqual([0, 1, 0, 0]);
    expect(toFlat(ops.notEqual(x, y))).toEqual([1, 0, 1, 1]);
    expect(toFlat(ops.less(x, y))).toEqual([1, 0, 0, 0]);
    expect(toFlat(ops.lessEqual(x, y))).toEqual([1, 1, 0, 0]);
    expect(toFlat(ops.greater(x, y))).toEqual([0, 0, 1, 0]);
    expect(toFlat(ops.greaterEqual(x, y))).toEqual([0, 1, 1, 0]);
    expect(toFlat(ops.equal(intArray([1, 2]), intArray([1])))).toEqual([1, 0]);
  });

  it('logic and choice', () => {
    const [p, q] = [boolArray([0, 0, 1, 1]), boolArray([0, 1, 0, 1])];
    expect(toFlat(ops.logicalAnd(p, q))).toEqual([0, 0, 0, 1]);
    expect(toFlat(ops.logicalOr(p, q))).toEqual([0, 1, 1, 1]);
    expect(toFlat(ops.logicalNot(p))).toEqual([1, 1, 0, 0]);
    // what is not chosen does not matter
    expect(toFlat(ops.where(p, array([Number.NaN, Number.NaN, 1, 2]), array([9])))).toEqual([9, 9, 1, 2]);
  });
});
