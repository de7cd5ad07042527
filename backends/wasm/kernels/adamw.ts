import { each } from './lanewise';
import { arrayOf, entryOf, keep, lengthFrom, piece, startOf, weightDecayOf } from './parameters';

/**
 * One AdamW step (Loshchilov & Hutter 2019) of all parameters. Work items are blocks of parameters (parameters.ts); the arrays
 * of each are θ, g, m, v and the results Δ, m, v.
 *   m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  Δ = −η ( m̂/(√v̂ + ε) + λθ ),  m̂ = m/(1 − β₁ᵗ),  v̂ = v/(1 − β₂ᵗ)
 */

const arrays = 7;

function adamw<T>(
  table: usize,
  end: usize,
  rate: f64,
  beta1: f64,
  beta2: f64,
  epsilon: f64,
  correction1: f64,
  correction2: f64,
  first: i32,
  last: i32,
): void {
  const keepMean = each<T>(beta1);
  const keepSquare = each<T>(beta2);
  const addMean = each<T>(1.0 - beta1);
  const addSquare = each<T>(1.0 - beta2);
  let entry = table;
  for (let block = first; block < last; block++) {
    entry = entryOf(block, entry, end, arrays);
    const start = startOf(block, entry);
    const decay = each<T>(weightDecayOf(entry));
    const theta = arrayOf<T>(0, start, entry);
    const g = arrayOf<T>(1, start, entry);
    const m = arrayOf<T>(2, start, entry);
    const v = arrayOf<T>(3, start, entry);
    const update = arrayOf<T>(4, start, entry);
    const nextM = arrayOf<T>(5, start, entry);
    const nextV = arrayOf<T>(6, start, entry);
    const bytes: usize = <usize>lengthFrom(start, entry) * sizeof<T>();
    for (let at: usize = 0; at < bytes; ) {
      const whole = at + 16 <= bytes;
      const slope = piece<T>(g + at, whole);
      const mean = v128.add<T>(v128.mul<T>(keepMean, piece<T>(m + at, whole)), v128.mul<T>(addMean, slope));
      const square = v128.add<T>(
        v128.mul<T>(keepSquare, piece<T>(v + at, whole)),
        v128.mul<T>(v128.mul<T>(addSquare, slope), slope),
      );
      const scale = v128.add<T>(v128.sqrt<T>(v128.div<T>(square, each<T>(correction2))), each<T>(epsilon));
      const direction = v128.div<T>(v128.div<T>(mean, each<T>(correction1)), scale);
      const decayed = v128.add<T>(direction, v128.mul<T>(decay, piece<T>(theta + at, whole)));
      keep<T>(update + at, v128.mul<T>(each<T>(-rate), decayed), whole);
      keep<T>(nextM + at, mean, whole);
      keep<T>(nextV + at, square, whole);
      at += whole ? 16 : sizeof<T>();
    }
  }
}

export function adamwF32(
  table: usize,
  end: usize,
  rate: f64,
  beta1: f64,
  beta2: f64,
  epsilon: f64,
  correction1: f64,
  correction2: f64,
  first: i32,
  last: i32,
): void {
  adamw<f32>(table, end, rate, beta1, beta2, epsilon, correction1, correction2, first, last);
}
export function adamwF64(
  table: usize,
  end: usize,
  rate: f64,
  beta1: f64,
  beta2: f64,
  epsilon: f64,
  correction1: f64,
  correction2: f64,
  first: i32,
  last: i32,
): void {
  adamw<f64>(table, end, rate, beta1, beta2, epsilon, correction1, correction2, first, last);
}
