import { each } from './lanewise';
import { arrayOf, entryOf, keep, lengthFrom, piece, startOf, weightDecayOf } from './parameters';

/**
 * One step of gradient descent of all parameters. Work items are blocks of parameters (parameters.ts); the arrays of each are
 * θ, g and the result Δ, with momentum θ, g, v and Δ, v.
 *   g ← g + λθ;  v ← μv + g;  Δ = −η v, or with Nesterov −η (g + μv)
 * Every product and sum is rounded, so that a step gives the bits that the operations give one by one.
 */

/** The gradient with the decay, of 16 bytes or of one element. */
function decayed<T>(theta: usize, g: usize, decay: f64, whole: bool): v128 {
  const slope = piece<T>(g, whole);
  if (decay === 0.0) return slope;
  return v128.add<T>(slope, v128.mul<T>(piece<T>(theta, whole), each<T>(decay)));
}

function plain<T>(table: usize, end: usize, rate: f64, first: i32, last: i32): void {
  let entry = table;
  for (let block = first; block < last; block++) {
    entry = entryOf(block, entry, end, 3);
    const start = startOf(block, entry);
    const decay = weightDecayOf(entry);
    const theta = arrayOf<T>(0, start, entry);
    const g = arrayOf<T>(1, start, entry);
    const update = arrayOf<T>(2, start, entry);
    const bytes: usize = <usize>lengthFrom(start, entry) * sizeof<T>();
    for (let at: usize = 0; at < bytes; ) {
      const whole = at + 16 <= bytes;
      keep<T>(update + at, v128.mul<T>(decayed<T>(theta + at, g + at, decay, whole), each<T>(-rate)), whole);
      at += whole ? 16 : sizeof<T>();
    }
  }
}

function withMomentum<T>(
  table: usize,
  end: usize,
  rate: f64,
  momentum: f64,
  nesterov: i32,
  first: i32,
  last: i32,
): void {
  let entry = table;
  for (let block = first; block < last; block++) {
    entry = entryOf(block, entry, end, 5);
    const start = startOf(block, entry);
    const decay = weightDecayOf(entry);
    const theta = arrayOf<T>(0, start, entry);
    const g = arrayOf<T>(1, start, entry);
    const v = arrayOf<T>(2, start, entry);
    const update = arrayOf<T>(3, start, entry);
    const nextV = arrayOf<T>(4, start, entry);
    const bytes: usize = <usize>lengthFrom(start, entry) * sizeof<T>();
    for (let at: usize = 0; at < bytes; ) {
      const whole = at + 16 <= bytes;
      const slope = decayed<T>(theta + at, g + at, decay, whole);
      const before = piece<T>(v + at, whole);
      const velocity = v128.add<T>(v128.mul<T>(before, each<T>(momentum)), slope);
      const ahead = v128.add<T>(slope, v128.mul<T>(velocity, each<T>(momentum)));
      keep<T>(update + at, v128.mul<T>(nesterov !== 0 ? ahead : velocity, each<T>(-rate)), whole);
      keep<T>(nextV + at, velocity, whole);
      at += whole ? 16 : sizeof<T>();
    }
  }
}

export function sgdF32(table: usize, end: usize, rate: f64, first: i32, last: i32): void {
  plain<f32>(table, end, rate, first, last);
}
export function sgdF64(table: usize, end: usize, rate: f64, first: i32, last: i32): void {
  plain<f64>(table, end, rate, first, last);
}
export function momentumF32(
  table: usize,
  end: usize,
  rate: f64,
  momentum: f64,
  nesterov: i32,
  first: i32,
  last: i32,
): void {
  withMomentum<f32>(table, end, rate, momentum, nesterov, first, last);
}
export function momentumF64(
  table: usize,
  end: usize,
  rate: f64,
  momentum: f64,
  nesterov: i32,
  first: i32,
  last: i32,
): void {
  withMomentum<f64>(table, end, rate, momentum, nesterov, first, last);
}
