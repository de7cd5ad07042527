import { lanes, madd, sumOfLanes } from './arithmetic';
import { exp } from './exp';

/**
 * What kernels do with one row, n elements that lie in one piece: its sums, its maximum, its exponentials. The last, not full
 * vector is filled with elements that change nothing. Sums run in four chains, as an addition takes four cycles.
 */

/** The first `count` elements at x, fewer than a v128 holds; the other lanes are those of `fill`. */
export function loadPart<T>(x: usize, count: i32, fill: v128): v128 {
  let part = v128.load_lane<T>(x, fill, 0);
  if (sizeof<T>() === 4) {
    if (count > 1) part = v128.load_lane<f32>(x, part, 1, 4);
    if (count > 2) part = v128.load_lane<f32>(x, part, 2, 8);
  }
  return part;
}

/** The first `count` lanes, fewer than there are, to y. */
export function storePart<T>(y: usize, count: i32, part: v128): void {
  v128.store_lane<T>(y, part, 0);
  if (sizeof<T>() === 4) {
    if (count > 1) v128.store_lane<f32>(y, part, 1, 4);
    if (count > 2) v128.store_lane<f32>(y, part, 2, 8);
  }
}

/** The largest element, −∞ of none. NaN is passed over: the exponentials of its row are NaN with any maximum. */
export function highest<T>(x: usize, n: i32): T {
  const lowest = v128.splat<T>(<T>-Infinity);
  let a = lowest;
  let b = lowest;
  for (; n >= 2 * lanes<T>(); n -= 2 * lanes<T>()) {
    a = v128.pmax<T>(a, v128.load(x));
    b = v128.pmax<T>(b, v128.load(x, 16));
    x += 32;
  }
  if (n >= lanes<T>()) {
    a = v128.pmax<T>(a, v128.load(x));
    n -= lanes<T>();
    x += 16;
  }
  if (n > 0) b = v128.pmax<T>(b, loadPart<T>(x, n, lowest));
  return highestLane<T>(v128.pmax<T>(a, b));
}

export function highestLane<T>(x: v128): T {
  let most = v128.pmax<T>(x, v128.shuffle<u64>(x, x, 1, 0));
  if (sizeof<T>() === 4) most = v128.pmax<T>(most, v128.shuffle<u32>(most, most, 1, 0, 3, 2));
  return v128.extract_lane<T>(most, 0);
}

/** Σ x */
export function sum<T>(x: usize, n: i32): T {
  const zero = v128.splat<T>(<T>0);
  let a = zero;
  let b = zero;
  let c = zero;
  let d = zero;
  for (; n >= 4 * lanes<T>(); n -= 4 * lanes<T>()) {
    a = v128.add<T>(a, v128.load(x));
    b = v128.add<T>(b, v128.load(x, 16));
    c = v128.add<T>(c, v128.load(x, 32));
    d = v128.add<T>(d, v128.load(x, 48));
    x += 64;
  }
  for (; n >= lanes<T>(); n -= lanes<T>()) {
    a = v128.add<T>(a, v128.load(x));
    x += 16;
  }
  if (n > 0) b = v128.add<T>(b, loadPart<T>(x, n, zero));
  return sumOfLanes<T>(v128.add<T>(v128.add<T>(a, b), v128.add<T>(c, d)));
}

/** Σ (x − centre)² */
export function squares<T>(x: usize, n: i32, centre: T): T {
  const m = v128.splat<T>(centre);
  let a = v128.splat<T>(<T>0);
  let b = a;
  let c = a;
  let d = a;
  for (; n >= 4 * lanes<T>(); n -= 4 * lanes<T>()) {
    let from = v128.sub<T>(v128.load(x), m);
    a = madd<T>(from, from, a);
    from = v128.sub<T>(v128.load(x, 16), m);
    b = madd<T>(from, from, b);
    from = v128.sub<T>(v128.load(x, 32), m);
    c = madd<T>(from, from, c);
    from = v128.sub<T>(v128.load(x, 48), m);
    d = madd<T>(from, from, d);
    x += 64;
  }
  for (; n >= lanes<T>(); n -= lanes<T>()) {
    const from = v128.sub<T>(v128.load(x), m);
    a = madd<T>(from, from, a);
    x += 16;
  }
  if (n > 0) {
    const from = v128.sub<T>(loadPart<T>(x, n, m), m);
    b = madd<T>(from, from, b);
  }
  return sumOfLanes<T>(v128.add<T>(v128.add<T>(a, b), v128.add<T>(c, d)));
}

/** Σ x y */
export function dot<T>(x: usize, y: usize, n: i32): T {
  const zero = v128.splat<T>(<T>0);
  let a = zero;
  let b = zero;
  let c = zero;
  let d = zero;
  for (; n >= 4 * lanes<T>(); n -= 4 * lanes<T>()) {
    a = madd<T>(v128.load(x), v128.load(y), a);
    b = madd<T>(v128.load(x, 16), v128.load(y, 16), b);
    c = madd<T>(v128.load(x, 32), v128.load(y, 32), c);
    d = madd<T>(v128.load(x, 48), v128.load(y, 48), d);
    x += 64;
    y += 64;
  }
  for (; n >= lanes<T>(); n -= lanes<T>()) {
    a = madd<T>(v128.load(x), v128.load(y), a);
    x += 16;
    y += 16;
  }
  if (n > 0) b = madd<T>(loadPart<T>(x, n, zero), loadPart<T>(y, n, zero), b);
  return sumOfLanes<T>(v128.add<T>(v128.add<T>(a, b), v128.add<T>(c, d)));
}

/** y = e^{x − shift}, where y is not 0; returns the sum. */
export function exponentials<T>(x: usize, y: usize, n: i32, shift: T): T {
  const m = v128.splat<T>(shift);
  let total = v128.splat<T>(<T>0);
  for (; n > 0; n -= lanes<T>()) {
    // What fills the last vector becomes e^{−∞} = 0.
    const part = n < lanes<T>();
    const e = exp<T>(v128.sub<T>(part ? loadPart<T>(x, n, v128.splat<T>(<T>-Infinity)) : v128.load(x), m));
    total = v128.add<T>(total, e);
    if (y !== 0) {
      if (part) storePart<T>(y, n, e);
      else v128.store(y, e);
      y += 16;
    }
    x += 16;
  }
  return sumOfLanes<T>(total);
}

/** y = factor · x */
export function scale<T>(x: usize, y: usize, n: i32, factor: T): void {
  const f = v128.splat<T>(factor);
  for (; n >= lanes<T>(); n -= lanes<T>()) {
    v128.store(y, v128.mul<T>(v128.load(x), f));
    x += 16;
    y += 16;
  }
  if (n > 0) storePart<T>(y, n, v128.mul<T>(loadPart<T>(x, n, f), f));
}

/** y += factor · x */
export function addScaled<T>(x: usize, y: usize, n: i32, factor: T): void {
  const f = v128.splat<T>(factor);
  for (; n >= lanes<T>(); n -= lanes<T>()) {
    v128.store(y, madd<T>(v128.load(x), f, v128.load(y)));
    x += 16;
    y += 16;
  }
  if (n > 0) storePart<T>(y, n, madd<T>(loadPart<T>(x, n, f), f, loadPart<T>(y, n, f)));
}

/** The address of row `row` of rows of n elements from x on. */
export function rowAt<T>(x: usize, row: i32, n: i32): usize {
  return x + <usize>row * <usize>n * sizeof<T>();
}
