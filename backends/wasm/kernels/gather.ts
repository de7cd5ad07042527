import { stridedOffset } from './layout';

/**
 * Slices of a view taken by index, and added back by index. A view is seen as [outer, along, inner]: the table lists its outer
 * axes, the inner ones are `width` elements, evenly spaced.
 */

/** Below this many bytes a loop is faster than a call that copies. */
const shortRow: usize = 64;

/**
 * y[o, m, :] = x[o, indices[m], :]. Work items are the rows (o, m) of y.
 * @param along step of x along the indexed axis, `step` that within a row, both in bytes
 */
function gather<T>(
  x: usize,
  y: usize,
  indices: usize,
  count: i32,
  table: usize,
  rank: i32,
  along: i32,
  width: i32,
  step: i32,
  first: i32,
  last: i32,
): void {
  const bytes = <usize>width * sizeof<T>();
  const wide = step === sizeof<T>() && bytes >= shortRow;
  let to = y + <usize>first * bytes;
  let at = first;
  while (at < last) {
    const outer = at / count;
    const from = x + stridedOffset(table, rank, outer);
    let m = at - outer * count;
    at = min(last, at - m + count);
    const end = at - outer * count;
    for (; m < end; m++) {
      let source = from + load<i32>(indices + ((<usize>m) << 2)) * along;
      if (wide) {
        memory.copy(to, source, bytes);
        to += bytes;
      } else {
        for (let i = 0; i < width; i++) {
          store<T>(to, load<T>(source));
          source += step;
          to += sizeof<T>();
        }
      }
    }
  }
}

/**
 * y[o, indices[m], :] += updates[o, m, :] for m = 0, 1, …: each element in this order, so work items are the elements (o, i)
 * of all rows together, [outer, width].
 * @param size of the indexed axis of y, which is row-major
 * @param along step of updates along m in bytes; their rows are contiguous
 */
function scatterAdd<T>(
  updates: usize,
  y: usize,
  indices: usize,
  count: i32,
  table: usize,
  rank: i32,
  along: i32,
  width: i32,
  size: i32,
  first: i32,
  last: i32,
): void {
  const row = <usize>width * sizeof<T>();
  let at = first;
  while (at < last) {
    const outer = at / width;
    const begin = at - outer * width;
    at = min(last, at - begin + width);
    const here = <usize>begin * sizeof<T>();
    const end = <usize>(at - outer * width) * sizeof<T>();
    const to = y + <usize>outer * size * row;
    let from = updates + stridedOffset(table, rank, outer);
    for (let m = 0; m < count; m++) {
      const target = to + <usize>load<i32>(indices + ((<usize>m) << 2)) * row;
      let i = here;
      for (; i + 16 <= end; i += 16) v128.store(target + i, v128.add<T>(v128.load(target + i), v128.load(from + i)));
      for (; i < end; i += sizeof<T>()) store<T>(target + i, load<T>(target + i) + load<T>(from + i));
      from += along;
    }
  }
}

export function gather8(
  x: usize,
  y: usize,
  indices: usize,
  count: i32,
  table: usize,
  rank: i32,
  along: i32,
  width: i32,
  step: i32,
  first: i32,
  last: i32,
): void {
  gather<u8>(x, y, indices, count, table, rank, along, width, step, first, last);
}

export function gather32(
  x: usize,
  y: usize,
  indices: usize,
  count: i32,
  table: usize,
  rank: i32,
  along: i32,
  width: i32,
  step: i32,
  first: i32,
  last: i32,
): void {
  gather<u32>(x, y, indices, count, table, rank, along, width, step, first, last);
}

export function gather64(
  x: usize,
  y: usize,
  indices: usize,
  count: i32,
  table: usize,
  rank: i32,
  along: i32,
  width: i32,
  step: i32,
  first: i32,
  last: i32,
): void {
  gather<u64>(x, y, indices, count, table, rank, along, width, step, first, last);
}

export function scatterAddF32(
  updates: usize,
  y: usize,
  indices: usize,
  count: i32,
  table: usize,
  rank: i32,
  along: i32,
  width: i32,
  size: i32,
  first: i32,
  last: i32,
): void {
  scatterAdd<f32>(updates, y, indices, count, table, rank, along, width, size, first, last);
}

export function scatterAddF64(
  updates: usize,
  y: usize,
  indices: usize,
  count: i32,
  table: usize,
  rank: i32,
  along: i32,
  width: i32,
  size: i32,
  first: i32,
  last: i32,
): void {
  scatterAdd<f64>(updates, y, indices, count, table, rank, along, width, size, first, last);
}

export function scatterAddI32(
  updates: usize,
  y: usize,
  indices: usize,
  count: i32,
  table: usize,
  rank: i32,
  along: i32,
  width: i32,
  size: i32,
  first: i32,
  last: i32,
): void {
  scatterAdd<i32>(updates, y, indices, count, table, rank, along, width, size, first, last);
}
