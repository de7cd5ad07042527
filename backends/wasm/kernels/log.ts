import { at, horner, pair } from './lanewise';

/**
 * Float32: x = 2ᵉ m with √½ ≤ m < √2, f = m − 1: ln x = e ln 2 + f − f²/2 + f³ P(f), the small terms first; P of degree 7, off by
 * 6e-9 of the logarithm (minimax). ln 2 = 0.693359375 − 0.000212194440, the first part times e is exact. Subnormal numbers
 * are multiplied by 2²³ before.
 */
const constants = memory.data<f32>([
  1.17549435e-38,
  8388608.0,
  23.0,
  1.0,
  0.5,
  0.693359375,
  -0.00021219444,
  Infinity,
  NaN,
]);
const smallestNormal: i32 = 0;
const upscale: i32 = 1;
const upscaleExponent: i32 = 2;
const one: i32 = 3;
const half: i32 = 4;
const high: i32 = 5;
const low: i32 = 6;
const infinity: i32 = 7;
const undefinedValue: i32 = 8;
/** P, from the highest power down. */
const P = memory.data<f32>([
  -0.0763462153, 0.127616277, -0.131601518, 0.142017458, -0.166233596, 0.200012278, -0.25000821, 0.333333317,
]);

function logOf4(x: v128): v128 {
  const tiny = f32x4.lt(x, at<f32>(constants, smallestNormal));
  const normal = v128.bitselect(f32x4.mul(x, at<f32>(constants, upscale)), x, tiny);
  const whole = i32x4.shr_s(i32x4.sub(normal, i32x4.splat(0x3f3504f3)), 23); // against the bits of √½
  const m = i32x4.sub(normal, i32x4.shl(whole, 23));
  const e = f32x4.sub(f32x4.convert_i32x4_s(whole), v128.and(tiny, at<f32>(constants, upscaleExponent)));
  const f = f32x4.sub(m, at<f32>(constants, one));
  let p = at<f32>(P, 0);
  p = horner<f32>(p, f, P, 1);
  p = horner<f32>(p, f, P, 2);
  p = horner<f32>(p, f, P, 3);
  p = horner<f32>(p, f, P, 4);
  p = horner<f32>(p, f, P, 5);
  p = horner<f32>(p, f, P, 6);
  p = horner<f32>(p, f, P, 7);
  const square = f32x4.mul(f, f);
  const cubic = f32x4.mul(f32x4.mul(square, f), p);
  const small = f32x4.sub(
    f32x4.add(cubic, f32x4.mul(e, at<f32>(constants, low))),
    f32x4.mul(square, at<f32>(constants, half)),
  );
  const y = f32x4.add(f32x4.add(f, small), f32x4.mul(e, at<f32>(constants, high)));
  // +∞ is its own logarithm; 0 has −∞; what is below, and NaN, has NaN.
  const inf = at<f32>(constants, infinity);
  const zero = i32x4.splat(0);
  const finite = v128.bitselect(y, x, f32x4.lt(x, inf));
  const defined = v128.bitselect(f32x4.neg(inf), finite, f32x4.eq(x, zero));
  return v128.bitselect(defined, at<f32>(constants, undefinedValue), f32x4.ge(x, zero));
}

/** ln x in each lane; Float64 lane by lane by the standard library. */
export function log<T>(x: v128): v128 {
  if (sizeof<T>() === 8)
    return pair(NativeMath.log(f64x2.extract_lane(x, 0)), NativeMath.log(f64x2.extract_lane(x, 1)));
  return logOf4(x);
}
