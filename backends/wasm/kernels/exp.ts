import { at, horner, pair } from './lanewise';

/**
 * eˣ = 2ᵏ eʳ with k = x/ln 2 rounded to a whole number and r = x − k ln 2, |r| ≤ ln 2/2.
 *
 * Float32: ln 2 = 0.693359375 − 0.000212194440, so that k times the first part is exact (k has 8 bits, the part 9) and so is
 * the subtraction; the second part's error is below 2⁻³² of x. eʳ = 1 + r + r² P(r), P of degree 4, off by 3.2e-9 of eʳ
 * (minimax). Beyond [−104, 89] the result is 0 or ∞ anyway.
 *
 * Adding 1.5·2²³ + 254 rounds to a whole number and leaves k + 254 in the low bits. Half of it, and what is left, are the
 * exponents of two powers of two, 127 being that of 1: 2ᵏ may be too small or too large for one when the result is not.
 */
const rounding = memory.data<f32>([89.0, -104.0, <f32>Math.LOG2E, 12583166.0, 0.693359375, 0.00021219444, 1.0]);
const highest: i32 = 0;
const lowest: i32 = 1;
const inverse: i32 = 2;
const rounder: i32 = 3;
const high: i32 = 4;
const low: i32 = 5;
const one: i32 = 6;
/** P, from the highest power down. */
const P = memory.data<f32>([0.0013950547, 0.00836891757, 0.041666205, 0.166665186, 0.50000001]);

function expOf4(x: v128): v128 {
  const inRange = f32x4.pmax(f32x4.pmin(x, at<f32>(rounding, highest)), at<f32>(rounding, lowest)); // NaN stays
  const shifted = horner<f32>(inRange, at<f32>(rounding, inverse), rounding, rounder);
  const k = f32x4.sub(shifted, at<f32>(rounding, rounder));
  const exact = f32x4.sub(inRange, f32x4.mul(k, at<f32>(rounding, high)));
  const r = f32x4.add(exact, f32x4.mul(k, at<f32>(rounding, low)));
  let p = at<f32>(P, 0);
  p = horner<f32>(p, r, P, 1);
  p = horner<f32>(p, r, P, 2);
  p = horner<f32>(p, r, P, 3);
  p = horner<f32>(p, r, P, 4);
  const y = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), at<f32>(rounding, one));
  const half = i32x4.shr_u(shifted, 1);
  const first = i32x4.shl(half, 23);
  const second = i32x4.shl(i32x4.sub(shifted, half), 23);
  return f32x4.mul(f32x4.mul(y, first), second);
}

/** eˣ in each lane; Float64 lane by lane by the standard library. */
export function exp<T>(x: v128): v128 {
  if (sizeof<T>() === 8)
    return pair(NativeMath.exp(f64x2.extract_lane(x, 0)), NativeMath.exp(f64x2.extract_lane(x, 1)));
  return expOf4(x);
}
