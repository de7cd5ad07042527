import { exponentials, highest, rowAt, scale } from './rows';
import { softmaxRow } from './softmax-row';

/** The top-k gate and its gradient. Work items are tokens. */

/** Whether a ranks strictly above b: NaN above everything else. Only NaN is not ≤ ∞. */
function above<T>(a: T, b: T): bool {
  return !(a <= b) && b <= <T>Infinity;
}

/**
 * The places of the k largest, descending; ties to the lowest place: a later one passes only those that it is strictly
 * above. Most are not above the least that is kept, and done with after one comparison; NaN never is.
 */
function choose<T>(z: usize, chosen: usize, n: i32, k: i32): void {
  let least: T = 0;
  for (let i = 0; i < n; i++) {
    const value = load<T>(rowAt<T>(z, i, 1));
    if (i >= k && value <= least) continue;
    let place = min(i, k);
    while (place > 0) {
      const before = load<i32>(rowAt<i32>(chosen, place - 1, 1));
      if (!above<T>(value, load<T>(rowAt<T>(z, before, 1)))) break;
      if (place < k) store<i32>(rowAt<i32>(chosen, place, 1), before);
      place--;
    }
    if (place < k) store<i32>(rowAt<i32>(chosen, place, 1), i);
    if (i >= k - 1) least = load<T>(rowAt<T>(z, load<i32>(rowAt<i32>(chosen, k - 1, 1)), 1));
  }
}

// The k largest logits, and e^{z − m} over its sum: that of the kept ones, or that of all experts'
function topKGate<T>(
  logits: usize,
  gates: usize,
  chosen: usize,
  experts: i32,
  k: i32,
  renormalize: i32,
  first: i32,
  last: i32,
): void {
  for (let token = first; token < last; token++) {
    const z = rowAt<T>(logits, token, experts);
    const kept = rowAt<i32>(chosen, token, k);
    const gate = rowAt<T>(gates, token, k);
    choose<T>(z, kept, experts, k);
    for (let s = 0; s < k; s++)
      store<T>(rowAt<T>(gate, s, 1), load<T>(rowAt<T>(z, load<i32>(rowAt<i32>(kept, s, 1)), 1)));
    if (renormalize !== 0) {
      softmaxRow<T>(gate, gate, k);
    } else {
      const m = highest<T>(z, experts);
      const total = exponentials<T>(z, 0, experts, m);
      exponentials<T>(gate, gate, k, m);
      scale<T>(gate, gate, k, <T>1 / total);
    }
  }
}
export function topKGateF32(
  logits: usize,
  gates: usize,
  chosen: usize,
  experts: i32,
  k: i32,
  renormalize: i32,
  first: i32,
  last: i32,
): void {
  topKGate<f32>(logits, gates, chosen, experts, k, renormalize, first, last);
}
export function topKGateF64(
  logits: usize,
  gates: usize,
  chosen: usize,
  experts: i32,
  k: i32,
  renormalize: i32,
  first: i32,
  last: i32,
): void {
  topKGate<f64>(logits, gates, chosen, experts, k, renormalize, first, last);
}

// With w = g γ:  renormalised ∂z = w − γ Σ w at the chosen experts;  else w at these, and −softmax(z) Σ w at all
function topKGateGradient<T>(
  logits: usize,
  gates: usize,
  chosen: usize,
  g: usize,
  to: usize,
  experts: i32,
  slots: i32,
  renormalize: i32,
  first: i32,
  last: i32,
): void {
  for (let token = first; token < last; token++) {
    const result = rowAt<T>(to, token, experts);
    const gate = rowAt<T>(gates, token, slots);
    const slope = rowAt<T>(g, token, slots);
    const kept = rowAt<i32>(chosen, token, slots);
    let total: T = 0;
    for (let s = 0; s < slots; s++) total += load<T>(rowAt<T>(slope, s, 1)) * load<T>(rowAt<T>(gate, s, 1));
    if (renormalize !== 0) {
      memory.fill(result, 0, <usize>experts * sizeof<T>());
    } else {
      softmaxRow<T>(rowAt<T>(logits, token, experts), result, experts);
      scale<T>(result, result, experts, -total);
    }
    for (let s = 0; s < slots; s++) {
      const expert = load<i32>(rowAt<i32>(kept, s, 1));
      if (expert < 0 || expert >= experts) continue;
      const share = load<T>(rowAt<T>(gate, s, 1));
      const w = load<T>(rowAt<T>(slope, s, 1)) * share;
      const at = rowAt<T>(result, expert, 1);
      store<T>(at, load<T>(at) + (renormalize !== 0 ? w - share * total : w));
    }
  }
}
export function topKGateGradientF32(
  logits: usize,
  gates: usize,
  chosen: usize,
  g: usize,
  to: usize,
  experts: i32,
  slots: i32,
  renormalize: i32,
  first: i32,
  last: i32,
): void {
  topKGateGradient<f32>(logits, gates, chosen, g, to, experts, slots, renormalize, first, last);
}
export function topKGateGradientF64(
  logits: usize,
  gates: usize,
  chosen: usize,
  g: usize,
  to: usize,
  experts: i32,
  slots: i32,
  renormalize: i32,
  first: i32,
  last: i32,
): void {
  topKGateGradient<f64>(logits, gates, chosen, g, to, experts, slots, renormalize, first, last);
}
