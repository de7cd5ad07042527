/**
 * The error function erf x = 2/√π ∫₀ˣ e^{−t²} dt and its complement erfc x = 1 − erf x, each to about 1e-15 of its value.
 */

/** e^{−x²} without the error of a rounded x²: with h = x to 24 bits h² is exact, and x² = h² + (x − h)(x + h). */
function expMinusSquare(x: number): number {
  const h = Math.fround(x);
  return Math.exp(-h * h) * Math.exp(-(x - h) * (x + h));
}

/**
 * For small x, all terms of one sign, so nothing cancels (Abramowitz & Stegun 7.1.6):
 * erf x = 2/√π · e^{−x²} · Σ_{n ≥ 0} 2ⁿ x^{2n+1} / (1·3·5⋯(2n+1))
 */
function series(x: number): number {
  let term = x;
  let sum = 0;
  for (let n = 0; sum + term !== sum; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * expMinusSquare(x) * sum;
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
