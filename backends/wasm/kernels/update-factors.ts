import { updateStretch } from './blocks';

/** What lengths before and after a projection make of an update, where it is computed the plain way: they are measured by `norm`. */

/** √(x² + y²) */
function hypotenuse(x: f64, y: f64): f64 {
  const largest = max(x, y);
  if (largest === 0 || largest === Infinity) return largest;
  const a = x / largest;
  const b = y / largest;
  return largest * sqrt(a * a + b * b);
}

/** What experts kept. Norms are four rows of `experts`: of ΔW and Δb before, and of both after; that of Δb counts if `whole`. */
function factors<T>(
  norms: usize,
  experts: i32,
  kept: usize,
  factor: usize,
  vanished: usize,
  whole: i32,
  renorm: i32,
  limit: f64,
  first: i32,
  last: i32,
): void {
  const row = <usize>experts * sizeof<T>();
  for (let expert = first; expert < last; expert++) {
    const at = <usize>expert * sizeof<T>();
    let before = <f64>load<T>(norms + at);
    let after = <f64>load<T>(norms + at + 2 * row);
    if (whole) {
      before = hypotenuse(before, <f64>load<T>(norms + at + row));
      after = hypotenuse(after, <f64>load<T>(norms + at + 3 * row));
    }
    const gone = before !== 0 && after <= 1e-6 * before;
    store<T>(kept + at, before === 0 ? <T>1 : <T>(after / before));
    store<T>(factor + at, renorm !== 0 && before !== 0 && !gone ? <T>min(before / after, limit) : <T>1);
    store<u8>(vanished + <usize>expert, gone ? 1 : 0);
  }
}

/** x ← factor · x. Work items are stretches of the matrices, each of `length`, of experts. */
function scaleExperts<T>(x: usize, factor: usize, length: i32, stretches: i32, first: i32, last: i32): void {
  for (let item = first; item < last; item++) {
    const expert = item / stretches;
    const begin = (item - expert * stretches) * updateStretch;
    const by = load<T>(factor + <usize>expert * sizeof<T>());
    const at = x + <usize>(expert * length + begin) * sizeof<T>();
    const end = at + <usize>min(updateStretch, length - begin) * sizeof<T>();
    for (let p = at; p < end; p += sizeof<T>()) store<T>(p, load<T>(p) * by);
  }
}

/** Work items are experts. */
export function updateFactorsF32(
  norms: usize,
  experts: i32,
  kept: usize,
  factor: usize,
  vanished: usize,
  whole: i32,
  renorm: i32,
  limit: f64,
  first: i32,
  last: i32,
): void {
  factors<f32>(norms, experts, kept, factor, vanished, whole, renorm, limit, first, last);
}
export function updateFactorsF64(
  norms: usize,
  experts: i32,
  kept: usize,
  factor: usize,
  vanished: usize,
  whole: i32,
  renorm: i32,
  limit: f64,
  first: i32,
  last: i32,
): void {
  factors<f64>(norms, experts, kept, factor, vanished, whole, renorm, limit, first, last);
}
export function updateScaleF32(x: usize, factor: usize, length: i32, stretches: i32, first: i32, last: i32): void {
  scaleExperts<f32>(x, factor, length, stretches, first, last);
}
export function updateScaleF64(x: usize, factor: usize, length: i32, stretches: i32, first: i32, last: i32): void {
  scaleExperts<f64>(x, factor, length, stretches, first, last);
}
