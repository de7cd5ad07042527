import { stridedOffset } from './layout';
import { thread } from './thread';

/**
 * Order within lanes: the first largest element, the k largest, sorting. Work items are lanes; the table lists the axes that
 * tell them apart, and a lane is n elements `step` bytes apart. NaN counts as greater than everything and as equal to itself.
 */

function above<T>(a: T, b: T): bool {
  if (isInteger<T>()) return a > b;
  return !(a <= b) && b <= <T>Infinity; // nothing compares with NaN
}

/** The first index of the largest element of each lane, which is not empty. */
function argmax<T>(x: usize, y: usize, table: usize, rank: i32, n: i32, step: i32, first: i32, last: i32): void {
  for (let lane = first; lane < last; lane++) {
    let from = x + stridedOffset(table, rank, lane);
    let best = load<T>(from);
    let index = 0;
    for (let i = 1; i < n; i++) {
      from += step;
      const value = load<T>(from);
      if (above<T>(value, best)) {
        best = value;
        index = i;
      }
    }
    store<i32>(y + ((<usize>lane) << 2), index);
  }
}

/**
 * The k largest of each lane, descending, for small k: each element is let into a short list before those that it is above, so
 * an equal one with a lower index stays before it.
 */
function topK<T>(
  x: usize,
  values: usize,
  indices: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  k: i32,
  first: i32,
  last: i32,
): void {
  for (let lane = first; lane < last; lane++) {
    let from = x + stridedOffset(table, rank, lane);
    const value = values + <usize>lane * k * sizeof<T>();
    const index = indices + <usize>lane * k * 4;
    const lowest = value + <usize>(k - 1) * sizeof<T>();
    let least: T = 0; // of the list, once it is full
    for (let i = 0; i < n; i++, from += step) {
      const candidate = load<T>(from);
      if (i >= k && !above<T>(candidate, least)) continue;
      let place = min(i, k - 1);
      for (; place > 0; place--) {
        const before = value + <usize>(place - 1) * sizeof<T>();
        if (!above<T>(candidate, load<T>(before))) break;
        store<T>(before + sizeof<T>(), load<T>(before));
        const at = index + ((<usize>place - 1) << 2);
        store<i32>(at, load<i32>(at), 4);
      }
      store<T>(value + <usize>place * sizeof<T>(), candidate);
      store<i32>(index + ((<usize>place) << 2), i);
      least = load<T>(lowest);
    }
  }
}

/**
 * The first k elements of each lane in order, ascending or descending, and their indices; equal ones keep theirs. A merge sort
 * of the indices, from the bottom upwards.
 * @param scratch `piece` bytes for each thread: n elements, and twice n indices
 */
function sort<T>(
  x: usize,
  values: usize,
  indices: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  k: i32,
  descending: i32,
  scratch: usize,
  piece: usize,
  first: i32,
  last: i32,
): void {
  const keys = scratch + thread * piece;
  for (let lane = first; lane < last; lane++) {
    let order = keys + <usize>n * sizeof<T>();
    let merged = order + ((<usize>n) << 2);
    let from = x + stridedOffset(table, rank, lane);
    for (let i = 0; i < n; i++) {
      store<T>(keys + <usize>i * sizeof<T>(), load<T>(from));
      store<i32>(order + ((<usize>i) << 2), i);
      from += step;
    }
    for (let width = 1; width < n; width <<= 1) {
      let to = merged;
      for (let low = 0; low < n; low += width << 1) {
        let left = low;
        let right = min(low + width, n);
        const middle = right;
        const end = min(middle + width, n);
        while (left < middle || right < end) {
          let second = left >= middle;
          if (left < middle && right < end) {
            const a = load<T>(keys + <usize>load<i32>(order + ((<usize>left) << 2)) * sizeof<T>());
            const b = load<T>(keys + <usize>load<i32>(order + ((<usize>right) << 2)) * sizeof<T>());
            second = descending ? above<T>(b, a) : above<T>(a, b);
          }
          const taken = second ? right++ : left++;
          store<i32>(to, load<i32>(order + ((<usize>taken) << 2)));
          to += 4;
        }
      }
      const done = merged;
      merged = order;
      order = done;
    }
    const here = <usize>lane * k;
    for (let i = 0; i < k; i++) {
      const index = load<i32>(order + ((<usize>i) << 2));
      store<i32>(indices + ((here + i) << 2), index);
      store<T>(values + (here + i) * sizeof<T>(), load<T>(keys + <usize>index * sizeof<T>()));
    }
  }
}

export function argmaxF32(x: usize, y: usize, table: usize, rank: i32, n: i32, step: i32, first: i32, last: i32): void {
  argmax<f32>(x, y, table, rank, n, step, first, last);
}

export function argmaxF64(x: usize, y: usize, table: usize, rank: i32, n: i32, step: i32, first: i32, last: i32): void {
  argmax<f64>(x, y, table, rank, n, step, first, last);
}

export function argmaxI32(x: usize, y: usize, table: usize, rank: i32, n: i32, step: i32, first: i32, last: i32): void {
  argmax<i32>(x, y, table, rank, n, step, first, last);
}

export function topKF32(
  x: usize,
  values: usize,
  indices: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  k: i32,
  first: i32,
  last: i32,
): void {
  topK<f32>(x, values, indices, table, rank, n, step, k, first, last);
}

export function topKF64(
  x: usize,
  values: usize,
  indices: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  k: i32,
  first: i32,
  last: i32,
): void {
  topK<f64>(x, values, indices, table, rank, n, step, k, first, last);
}

export function topKI32(
  x: usize,
  values: usize,
  indices: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  k: i32,
  first: i32,
  last: i32,
): void {
  topK<i32>(x, values, indices, table, rank, n, step, k, first, last);
}

export function sortF32(
  x: usize,
  values: usize,
  indices: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  k: i32,
  descending: i32,
  scratch: usize,
  piece: usize,
  first: i32,
  last: i32,
): void {
  sort<f32>(x, values, indices, table, rank, n, step, k, descending, scratch, piece, first, last);
}

export function sortF64(
  x: usize,
  values: usize,
  indices: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  k: i32,
  descending: i32,
  scratch: usize,
  piece: usize,
  first: i32,
  last: i32,
): void {
  sort<f64>(x, values, indices, table, rank, n, step, k, descending, scratch, piece, first, last);
}

export function sortI32(
  x: usize,
  values: usize,
  indices: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  k: i32,
  descending: i32,
  scratch: usize,
  piece: usize,
  first: i32,
  last: i32,
): void {
  sort<i32>(x, values, indices, table, rank, n, step, k, descending, scratch, piece, first, last);
}
