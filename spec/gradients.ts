/**
 * The oracle of every gradient: the central difference
 *
 *   ∂f/∂xᵢ ≈ D(h) = (f(x + h eᵢ) − f(x − h eᵢ)) / 2h.
 *
 * Two errors pull in opposite directions. Taylor: D(h) − ∂f/∂xᵢ = h²/6 · ∂³f/∂xᵢ³ + O(h⁴), so h should be small. Rounding:
 * each of the two values of f is off by some ρ, so D(h) is off by ρ/h, and h should be large. The sum h²/6·|f‴| + ρ/h is
 * least near h³ = 3ρ/|f‴|; with ρ ≈ u|f| and f, f‴ of one size this is h ≈ u^{1/3}, about 5e-6 in Float64, scaled with x.
 * What is left is about u^{2/3} ≈ 2e-11 of the size of f: ten correct digits at best, and only away from kinks and jumps.
 */
import { array, precondition, type Real, toFlat } from './array.ts';

/** A function of several arrays with one number as its value, computed in Float64. */
export type ScalarFunction = (...inputs: Real[]) => number;

/** Unit roundoff of Float64. */
const U = 2 ** -53;

/** h for a coordinate x: u^{1/3}·max(1, |x|), then the nearest number for which x + h is exact. */
function stepAt(x: number): number {
  const h = Math.cbrt(U) * Math.max(1, Math.abs(x));
  return x + h - x;
}

/** f with element `flat` of input `which` replaced by `value`. */
function valueAt(f: ScalarFunction, inputs: readonly Real[], which: number, flat: number, value: number): number {
  const moved = inputs.map((input, i) => {
    const elements = toFlat(input);
    if (i === which) elements[flat] = value;
    return array(elements, input.shape);
  });
  return f(...moved);
}

function eachCoordinate(inputs: readonly Real[], g: (which: number, flat: number, x: number) => number): Real[] {
  return inputs.map((input, which) => {
    const elements = toFlat(input);
    return array(
      elements.map((x, flat) => g(which, flat, x)),
      input.shape,
    );
  });
}

/** D(h) for every element of every input; one array for each input, of its shape. */
export const centralDifference = (f: ScalarFunction, inputs: readonly Real[]): Real[] =>
  eachCoordinate(inputs, (which, flat, x) => {
    const h = stepAt(x);
    return (valueAt(f, inputs, which, flat, x + h) - valueAt(f, inputs, which, flat, x - h)) / (2 * h);
  });

/**
 * How far `centralDifference` may be from the gradient, element by element.
 * Taylor: D(2h) − D(h) = 3 · h²/6·f‴ + O(h⁴), three times the first error of D(h). That difference, as computed, is taken
 * whole, so two thirds of it are in hand for the fourth order; rounding blurs it by at most ρ/h + ρ/2h.
 * Rounding: one value of f is off by ρ = noise + roundings·u·max|f|, as the caller derives it from the operations in f
 * (`roundings`: their number along the longest path where nothing cancels; `noise`: an absolute part where f can be near 0).
 * D(h) is then off by ρ/h. Together: |D(2h) − D(h)| + 3ρ/h.
 */
export function centralDifferenceError(
  f: ScalarFunction,
  inputs: readonly Real[],
  { roundings, noise = 0 }: { readonly roundings: number; readonly noise?: number },
): Real[] {
  precondition(roundings >= 0 && noise >= 0, 'an error is not negative');
  return eachCoordinate(inputs, (which, flat, x) => {
    const h = stepAt(x);
    const [near, far] = [h, 2 * h].map((step) =>
      [x + step, x - step].map((value) => valueAt(f, inputs, which, flat, value)),
    );
    const truncation = Math.abs((far[0] - far[1]) / (4 * h) - (near[0] - near[1]) / (2 * h));
    const rho = noise + roundings * U * Math.max(...[...near, ...far].map(Math.abs));
    return truncation + (3 * rho) / h;
  });
}
