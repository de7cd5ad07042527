/**
 * What every kernel is written with. A kernel is generic in its element, f32 or f64; its SIMD paths work on the 16 bytes of a
 * v128, which hold four of the one or two of the other.
 */

/** Elements of type T in a v128. */
export function lanes<T>(): i32 {
  return 16 / sizeof<T>();
}

/**
 * a·b + c in each lane. Relaxed SIMD rounds once where the processor has a fused multiply-add, plain SIMD rounds twice; this
 * is the only operation in which the two builds differ.
 */
export function madd<T>(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<T>(a, b, c);
  return v128.add<T>(c, v128.mul<T>(a, b));
}

/** The sum of the lanes, pairwise: for four ((0 + 2) + (1 + 3)). */
export function sumOfLanes<T>(x: v128): T {
  if (sizeof<T>() === 8) return <T>(f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1));
  const pairs = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return <T>(f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1));
}
