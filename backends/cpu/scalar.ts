/** Functions of one number that `Math` lacks, in Float64. */

// erf x = 2/√π ∫₀ˣ e^{-t²} dt, by three exact expansions (Abramowitz & Stegun, chapter 7):
//   |x| < 1/2         Maclaurin series, so that small values keep their relative accuracy
//   1/2 ≤ |x| < 6     Taylor series around the nearest multiple of 1/8
//   |x| ≥ 6           ±1, since 1 - erf 6 = 2e-17 is less than half a unit in the last place of 1
const twoOverRootPi = 2 / Math.sqrt(Math.PI);
const cellsPerUnit = 8;
const erfIsOneFrom = 6;
const terms = 12; // of each series; the first one left out is below 1e-17 of the value

// 2/√π Σ (-1)ⁿ x^{2n+1} / (n! (2n+1))
const maclaurin = Float64Array.from({ length: terms }, (_, n) => {
  let factorial = 1;
  for (let i = 2; i <= n; i++) factorial *= i;
  return ((n % 2 === 0 ? 1 : -1) * twoOverRootPi) / (factorial * (2 * n + 1));
});

/** erf c = 2/√π c e^{-c²} Σ (2c²)ⁿ / (1·3·5···(2n+1)): all terms positive, summed from the innermost bracket. */
function erfSeries(c: number): number {
  let sum = 1;
  for (let n = 200; n >= 1; n--) sum = 1 + (sum * 2 * c * c) / (2 * n + 1);
  return twoOverRootPi * c * Math.exp(-c * c) * sum;
}

/** erfc c = e^{-c²}/√π · 1/(c + (1/2)/(c + 1/(c + (3/2)/(c + …)))), evaluated from the inside. */
function erfcFraction(c: number): number {
  let fraction = c;
  for (let n = 200; n >= 1; n--) fraction = c + n / 2 / fraction;
  return (twoOverRootPi / 2) * (Math.exp(-c * c) / fraction);
}

/**
 * Row k holds the Taylor coefficients of erf around c = k/8. With f = erf' : f' = -2x f, hence for f(c + h) = Σ dₙ hⁿ
 * (n + 1) dₙ₊₁ = -2 (c dₙ + dₙ₋₁), and erf(c + h) = erf c + Σ dₙ hⁿ⁺¹/(n + 1).
 */
const taylor = ((): Float64Array => {
  const cells = erfIsOneFrom * cellsPerUnit + 1;
  const table = new Float64Array(cells * terms);
  for (let cell = 0; cell < cells; cell++) {
    const c = cell / cellsPerUnit;
    table[cell * terms] = c < 2 ? erfSeries(c) : 1 - erfcFraction(c);
    let [previous, d] = [0, twoOverRootPi * Math.exp(-c * c)];
    for (let n = 0; n + 1 < terms; n++) {
      table[cell * terms + n + 1] = d / (n + 1);
      [previous, d] = [d, (-2 * (c * d + previous)) / (n + 1)];
    }
  }
  return table;
})();

/** The error function; odd, ±1 at ±∞, NaN at NaN. Relative error below 4 units in the last place (tested to 1e-15). */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 0.5) {
    const square = x * x;
    let sum = 0;
    for (let n = terms - 1; n >= 0; n--) sum = sum * square + maclaurin[n];
    return sum * x;
  }
  if (size >= erfIsOneFrom) return Math.sign(x);
  if (Number.isNaN(x)) return x;
  const cell = Math.round(size * cellsPerUnit);
  const h = size - cell / cellsPerUnit;
  let sum = 0;
  for (let n = terms - 1, at = cell * terms; n >= 0; n--) sum = sum * h + taylor[at + n];
  return x < 0 ? -sum : sum;
}

// σ(x) = 1/(1 + e^{-x}); e^{-x} may overflow to ∞, which gives the right 0
export const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

// ln(1 + e^x) = max(x, 0) + ln(1 + e^{-|x|})
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

// x Φ(x) = x (1 + erf(x/√2))/2
export const gelu = (x: number): number => 0.5 * x * (1 + erf(x * Math.SQRT1_2));

// x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
const rootTwoOverPi = Math.sqrt(2 / Math.PI);
export const geluTanh = (x: number): number => 0.5 * x * (1 + Math.tanh(rootTwoOverPi * (x + 0.044715 * x * x * x)));

// Their slopes: σ(1 − σ);  (x σ)' = σ(1 + x(1 − σ));  ln(1 + e^x)' = σ;  (x Φ)' = Φ + x φ, φ = e^{-x²/2}/√(2π)
export function sigmoidSlope(x: number): number {
  const s = logistic(x);
  return s * (1 - s);
}
export function siluSlope(x: number): number {
  const s = logistic(x);
  return s * (1 + x * (1 - s));
}
const rootTwoPi = Math.sqrt(2 * Math.PI);
export const geluSlope = (x: number): number =>
  0.5 * (1 + erf(x * Math.SQRT1_2)) + (x * Math.exp(-0.5 * x * x)) / rootTwoPi;

// (x/2 (1 + t))' = (1 + t)/2 + x/2 (1 − t²) √(2/π)(1 + 3·0.044715 x²), t = tanh(…); where t is flat, 0 · ∞ is to be 0
export function geluTanhSlope(x: number): number {
  const t = Math.tanh(rootTwoOverPi * (x + 0.044715 * x * x * x));
  const flatness = 1 - t * t;
  return 0.5 * (1 + t) + (flatness === 0 ? 0 : 0.5 * x * flatness * rootTwoOverPi * (1 + 3 * 0.044715 * x * x));
}
