import { normStretch } from './blocks';

/**
 * Lengths of rows, √Σ x². A row is cut in stretches of fixed length, whatever the number of threads; each leaves a scale m and
 * Σ (x/m)², both in Float64, and the row's length is M √Σ (m/M)² Σ (x/m)², M the largest scale. Squares of Float32 numbers
 * neither over- nor underflow in Float64: there m is 1. For Float64 it is the stretch's largest |x| (1 for ∞; 0 has no share).
 */

/** Σ x² of Float32 numbers in Float64, in four sums. */
export function squaresF32(x: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  let at = x;
  const end = x + ((<usize>(count & ~3)) << 2);
  for (; at < end; at += 16) {
    const four = v128.load(at);
    const a = f64x2.promote_low_f32x4(four);
    const b = f64x2.promote_low_f32x4(v128.shuffle<f32>(four, four, 2, 3, 0, 1));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  const both = f64x2.add(low, high);
  let sum = f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
  for (let i = count & ~3; i < count; i++, at += 4) {
    const value = <f64>load<f32>(at);
    sum += value * value;
  }
  return sum;
}

/** Work items are stretches: of row r the items from r·stretches on. */
export function normStretchesF32(x: usize, parts: usize, length: i32, stretches: i32, first: i32, last: i32): void {
  for (let item = first; item < last; item++) {
    const row = item / stretches;
    const begin = (item - row * stretches) * normStretch;
    const at = x + ((<usize>row * length + begin) << 2);
    const part = parts + ((<usize>item) << 4);
    store<f64>(part, 1);
    store<f64>(part, squaresF32(at, min(normStretch, length - begin)), 8);
  }
}

export function normStretchesF64(x: usize, parts: usize, length: i32, stretches: i32, first: i32, last: i32): void {
  for (let item = first; item < last; item++) {
    const row = item / stretches;
    const begin = (item - row * stretches) * normStretch;
    const at = x + ((<usize>row * length + begin) << 3);
    const end = at + ((<usize>min(normStretch, length - begin)) << 3);
    let scale: f64 = 0;
    for (let p = at; p < end; p += 8) scale = max(scale, abs(load<f64>(p)));
    if (scale === Infinity) scale = 1;
    let sum: f64 = 0;
    if (scale !== 0) {
      for (let p = at; p < end; p += 8) {
        const share = load<f64>(p) / scale;
        sum += share * share;
      }
    }
    const part = parts + ((<usize>item) << 4);
    store<f64>(part, scale);
    store<f64>(part, sum, 8);
  }
}

/** The length of a row from its stretches. */
function joined(parts: usize, stretches: i32, row: i32): f64 {
  const from = parts + ((<usize>row * stretches) << 4);
  const end = from + ((<usize>stretches) << 4);
  let largest: f64 = 0;
  for (let p = from; p < end; p += 16) largest = max(largest, load<f64>(p));
  if (largest === 0) return 0;
  let sum: f64 = 0;
  for (let p = from; p < end; p += 16) {
    const share = load<f64>(p) / largest;
    const squares = load<f64>(p, 8);
    // ∞ · 0 would be NaN.
    sum += squares === Infinity ? squares : squares * share * share;
  }
  return largest * sqrt(sum);
}

/** Work items are rows. */
export function normJoinF32(parts: usize, y: usize, stretches: i32, first: i32, last: i32): void {
  for (let row = first; row < last; row++) store<f32>(y + ((<usize>row) << 2), <f32>joined(parts, stretches, row));
}
export function normJoinF64(parts: usize, y: usize, stretches: i32, first: i32, last: i32): void {
  for (let row = first; row < last; row++) store<f64>(y + ((<usize>row) << 3), joined(parts, stretches, row));
}
