import { madd, sumOfLanes } from './arithmetic';
import { squaresF32 } from './norm';

/** Sums of squares of pieces of an update that lie in the first cache, or are read into it. */

/** In these bounds no square of a Float32 sum of them was lost or overflowed to any effect. */
const least: f32 = 8.271806e-25; // 2⁻⁸⁰

/**
 * Σ x² of at most 256 elements: in Float32, at most 34 roundings for each, and where that might lose anything in Float64.
 */
export function squares(x: usize, count: i32): f64 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let at = x;
  let left = count;
  for (; left >= 8; left -= 8) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    s0 = madd<f32>(a, a, s0);
    s1 = madd<f32>(b, b, s1);
    at += 32;
  }
  let sum = sumOfLanes<f32>(f32x4.add(s0, s1));
  for (; left > 0; left--, at += 4) {
    const value = load<f32>(at);
    sum += value * value;
  }
  return sum > least && sum < f32.MAX_VALUE ? <f64>sum : squaresF32(x, count);
}

/** x ← factor · x, and Σ x² of the new ones as above. */
export function scaledSquares(x: usize, count: i32, factor: f32): f64 {
  const by = f32x4.splat(factor);
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let at = x;
  let left = count;
  for (; left >= 8; left -= 8) {
    const a = f32x4.mul(v128.load(at), by);
    const b = f32x4.mul(v128.load(at, 16), by);
    v128.store(at, a);
    v128.store(at, b, 16);
    s0 = madd<f32>(a, a, s0);
    s1 = madd<f32>(b, b, s1);
    at += 32;
  }
  let sum = sumOfLanes<f32>(f32x4.add(s0, s1));
  for (; left > 0; left--, at += 4) {
    const value = load<f32>(at) * factor;
    store<f32>(at, value);
    sum += value * value;
  }
  return sum > least && sum < f32.MAX_VALUE ? <f64>sum : squaresF32(x, count);
}
