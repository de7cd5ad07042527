/**
 * The error function erf x = 2/√π ∫₀ˣ e^{−t²} dt and its complement erfc x = 1 − erf x, each to about 1e-15 of its value.
 */

/** e^{−x²} without the error of a rounded x²: with h = x to 24 bits h² is exact, and x² = h² + (x − h)(x + h). */
function expMinusSquare(x: number): number {
  const h = Math.fround(x);
  return Math.exp(-h * h) * Math.exp(-(x - h) * (x + h));
}

/** Terms of the series; the first one left out, 1/(24!·49), is below 2⁻⁸⁴. */
const TERMS = 24;

/**
 * For small x, e^{−t²} integrated term by term (Abramowitz & Stegun 7.1.5), from the innermost bracket outwards:
 * erf x = 2/√π · Σ_{n ≥ 0} (−1)ⁿ x^{2n+1} / (n!(2n+1)) = 2x/√π · (1 − x²/1 · (1/3 − x²/2 · (1/5 − x²/3 · (…))))
 *
 * Each bracket is the difference of 1/(2n+1) and a share of it, at x = 1: 0.25, 0.24, 0.20, … of it. So bracket n, off by e_n
 * units roundoff u, is (to first order) off by one for the difference, and relative to its value by the quotient's one and by
 * e_{n+1} + 3 for x², the division and the product of the share: e_3 ≤ 3.5, e_2 ≤ 3.9, e_1 ≤ 4.5, and e_0 ≤ 3.6 as 1 is exact.
 * The constant and two products make it 6.6u, and less for smaller x: under 4 units in the last place, 8u at most.
 */
function series(x: number): number {
  let bracket = 0;
  for (let n = TERMS - 1; n >= 0; n--) bracket = 1 / (2 * n + 1) - ((x * x) / (n + 1)) * bracket;
  return (2 / Math.sqrt(Math.PI)) * x * bracket;
}

/**
 * For large x, the continued fraction (Abramowitz & Stegun 7.1.14):
 * √π e^{x²} erfc x = 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + 2/(x + …))))), evaluated from level 200 upwards.
 */
function continuedFraction(x: number): number {
  let tail = x;
  for (let level = 200; level >= 1; level--) tail = x + level / 2 / tail;
  return expMinusSquare(x) / (Math.sqrt(Math.PI) * tail);
}

/** Beyond it the series loses erfc = 1 − erf to cancellation; from it on 200 levels of the fraction are enough. */
const SMALL = 1;
/** erfc 28 < 2⁻¹⁰⁷⁴ / 2, the least number Float64 tells from 0. */
const LARGE = 28;

/** Within 4 units of 2u of its value: the series above; from 1 on 1 − erfc, of which erfc ≤ 0.19(1 − erfc) is off by under 20u. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return Number.NaN;
  if (x < 0) return -erf(-x);
  if (x === 0) return x;
  return x < SMALL ? series(x) : 1 - erfc(x);
}

export function erfc(x: number): number {
  if (x < SMALL) return 1 - erf(x);
  if (x >= LARGE) return 0;
  return continuedFraction(x);
}

/**
 * Φ(x) = erfc(−x/√2)/2, the probability that a standard normal number is below x.
 * Far below 0 it magnifies the two roundings of x/√2 by x²: its relative error grows to 2x²u.
 */
export const normalCdf = (x: number): number => erfc(-x / Math.SQRT2) / 2;
