import { stridedOffset } from './layout';

/** What is laid beside something else: a view into a part of each row of the result, ones among zeros. */

/**
 * The view's elements in row-major order, `width` of them to a row, rows `pitch` bytes apart. Work items are elements.
 */
function place<T>(x: usize, y: usize, table: usize, rank: i32, width: i32, pitch: usize, first: i32, last: i32): void {
  const inner = load<i32>(table);
  const step = load<i32>(table, 4);
  let at = first;
  while (at < last) {
    const column = at % width;
    const end = min(last, min(at - column + width, at - (at % inner) + inner));
    let from = x + stridedOffset(table, rank, at);
    let to = y + <usize>(at / width) * pitch + <usize>column * sizeof<T>();
    if (step === sizeof<T>()) {
      memory.copy(to, from, <usize>(end - at) * sizeof<T>());
    } else {
      for (; at < end; at++) {
        store<T>(to, load<T>(from));
        from += step;
        to += sizeof<T>();
      }
    }
    at = end;
  }
}

/** Rows of `depth` zeros with a one at the index, where that is within. Work items are rows. */
function oneHot<T>(indices: usize, y: usize, depth: i32, first: i32, last: i32): void {
  const bytes = <usize>depth * sizeof<T>();
  memory.fill(y + <usize>first * bytes, 0, <usize>(last - first) * bytes);
  for (let row = first; row < last; row++) {
    const index = load<i32>(indices + ((<usize>row) << 2));
    if (index >= 0 && index < depth) store<T>(y + <usize>row * bytes + <usize>index * sizeof<T>(), 1);
  }
}

export function place8(
  x: usize,
  y: usize,
  table: usize,
  rank: i32,
  width: i32,
  pitch: usize,
  first: i32,
  last: i32,
): void {
  place<u8>(x, y, table, rank, width, pitch, first, last);
}

export function place32(
  x: usize,
  y: usize,
  table: usize,
  rank: i32,
  width: i32,
  pitch: usize,
  first: i32,
  last: i32,
): void {
  place<u32>(x, y, table, rank, width, pitch, first, last);
}

export function place64(
  x: usize,
  y: usize,
  table: usize,
  rank: i32,
  width: i32,
  pitch: usize,
  first: i32,
  last: i32,
): void {
  place<u64>(x, y, table, rank, width, pitch, first, last);
}

export function oneHot8(indices: usize, y: usize, depth: i32, first: i32, last: i32): void {
  oneHot<u8>(indices, y, depth, first, last);
}

export function oneHotI32(indices: usize, y: usize, depth: i32, first: i32, last: i32): void {
  oneHot<i32>(indices, y, depth, first, last);
}

export function oneHotF32(indices: usize, y: usize, depth: i32, first: i32, last: i32): void {
  oneHot<f32>(indices, y, depth, first, last);
}

export function oneHotF64(indices: usize, y: usize, depth: i32, first: i32, last: i32): void {
  oneHot<f64>(indices, y, depth, first, last);
}
