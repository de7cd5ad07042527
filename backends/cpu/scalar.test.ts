import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { erf, gelu, geluTanh, logistic, softplus } from './scalar.ts';

/** Reference: erf in integers scaled by 2³⁰⁰, independent of every floating-point expansion. */
const bits = 300n;
const one = 1n << bits;

/** A Float64 as a scaled integer, exactly (its lowest bit is at least 2⁻³⁰⁰ for the arguments below). */
function exact(x: number): bigint {
  let shift = 0n;
  let scaled = x;
  for (; !Number.isInteger(scaled); scaled *= 2) shift++;
  return (BigInt(scaled) << bits) >> shift;
}

// π = 16 arctan(1/5) − 4 arctan(1/239)
function arctanOfInverse(n: bigint): bigint {
  let sum = 0n;
  for (let power = one / n, k = 1n; power !== 0n; power /= -(n * n), k += 2n) sum += power / k;
  return sum;
}
const pi = 16n * arctanOfInverse(5n) - 4n * arctanOfInverse(239n);

function squareRoot(x: bigint): bigint {
  let root = x;
  for (let next = (root + 1n) / 2n; next < root; next = (root + x / root) / 2n) root = next;
  return root;
}
const rootOfPi = squareRoot(pi << bits);

// 2/√π Σ (−1)ⁿ x^{2n+1}/(n! (2n+1)); the terms stay below e³⁶ < 2⁵², so 300 bits leave more than 240 for the sum
function exactErf(x: number): bigint {
  const argument = exact(x);
  const square = (argument * argument) >> bits;
  let sum = 0n;
  for (let term = argument, n = 0n; term !== 0n && term !== -1n; n++, term = -((term * square) >> bits) / n) {
    sum += term / (2n * n + 1n);
  }
  return ((2n * sum) << bits) / rootOfPi;
}

/** The distance of `actual` from the truth in units in the last place of the truth. */
function ulpsFrom(truth: bigint, actual: number): number {
  const value = Number(truth) / 2 ** Number(bits);
  const ulp = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 52);
  return Number(exact(actual) - truth) / 2 ** Number(bits) / ulp;
}

describe('erf', () => {
  it('stays within the 4 units in the last place that the backend declares', () => {
    // Where the three expansions meet, where cells meet (odd sixteenths), and in between.
    const edges = [0.5, 6, ...Array.from({ length: 96 }, (_, i) => i / 16)].flatMap((x) => [x - 1e-15, x, x + 1e-15]);
    const argument = fc.oneof(
      fc.double({ min: 1e-9, max: 6.5, noNaN: true }),
      fc.constantFrom(...edges.filter((x) => x > 0)),
    );
    fc.assert(
      fc.property(argument, (x) => {
        const away = ulpsFrom(exactErf(x), erf(x));
        expect(Math.abs(away), `erf(${x}) = ${erf(x)} is ${away} ulp away`).toBeLessThan(4);
      }),
      { numRuns: 2000 },
    );
  });

  it('is odd, keeps the sign of zero, and ends at ±1 and NaN', () => {
    fc.assert(fc.property(fc.double(), (x) => Object.is(erf(-x), -erf(x))));
    expect([erf(0), erf(-0), erf(Number.POSITIVE_INFINITY), erf(7), erf(Number.NaN)]).toEqual([
      0,
      -0,
      1,
      1,
      Number.NaN,
    ]);
    expect(erf(Number.MIN_VALUE)).toBeGreaterThan(0);
  });
});

describe('the activations', () => {
  it('neither overflow nor leave their range', () => {
    expect([logistic(-1000), logistic(1000), softplus(-1000), softplus(1000)]).toEqual([0, 1, 0, 1000]);
    expect([gelu(40), geluTanh(40)]).toEqual([40, 40]);
    expect([gelu(-40), geluTanh(-40)]).toEqual([-0, -0]);
    expect(gelu(Number.NaN)).toBeNaN();
  });
});
