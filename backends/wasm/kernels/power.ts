import { pair } from './lanewise';

/** aᵇ in each lane, one by one by the standard library, which computes that of Float32 in Float64. As in JavaScript 1^∞ is NaN. */
export function power<T>(a: v128, b: v128): v128 {
  if (sizeof<T>() === 8)
    return pair(
      NativeMath.pow(f64x2.extract_lane(a, 0), f64x2.extract_lane(b, 0)),
      NativeMath.pow(f64x2.extract_lane(a, 1), f64x2.extract_lane(b, 1)),
    );
  let y = f32x4.splat(NativeMathf.pow(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0)));
  y = f32x4.replace_lane(y, 1, NativeMathf.pow(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)));
  y = f32x4.replace_lane(y, 2, NativeMathf.pow(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)));
  return f32x4.replace_lane(y, 3, NativeMathf.pow(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)));
}
