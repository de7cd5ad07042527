import { stridedOffset } from './layout';

/**
 * condition ? a : b, of broadcast views; only bits are moved, so T says how wide an element is. Along the innermost axis each
 * operand is contiguous or a single element; the other axes are walked by tables (layout.ts). Work items are elements.
 */

/** All ones in the lanes whose condition, a byte each, is not 0. */
function maskOf<T>(condition: usize): v128 {
  if (sizeof<T>() === 1) return i8x16.ne(v128.load(condition), i8x16.splat(0));
  if (sizeof<T>() === 4) {
    const bytes = v128.load32_zero(condition);
    return i32x4.ne(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes)), i32x4.splat(0));
  }
  const low: i64 = load<u8>(condition) !== 0 ? -1 : 0;
  const high: i64 = load<u8>(condition, 1) !== 0 ? -1 : 0;
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

/** n elements of a row; a step is 0 or that from one element to the next. */
function row<T>(c: usize, cStep: usize, a: usize, aStep: usize, b: usize, bStep: usize, y: usize, n: i32): void {
  const count = 16 / sizeof<T>();
  let left = n;
  if (cStep !== 0) {
    const singleA = v128.load_splat<T>(a);
    const singleB = v128.load_splat<T>(b);
    for (; left >= count; left -= count, y += 16) {
      const p = aStep === 0 ? singleA : v128.load(a);
      const q = bStep === 0 ? singleB : v128.load(b);
      v128.store(y, v128.bitselect(p, q, maskOf<T>(c)));
      c += count;
      a += aStep * count;
      b += bStep * count;
    }
  }
  for (; left > 0; left--, c += cStep, a += aStep, b += bStep, y += sizeof<T>())
    store<T>(y, load<u8>(c) !== 0 ? load<T>(a) : load<T>(b));
}

function select<T>(c: usize, a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  const tableOfA = table + ((<usize>rank) << 3);
  const tableOfB = tableOfA + ((<usize>rank) << 3);
  const inner = load<i32>(table);
  const cStep: usize = load<i32>(table, 4);
  const aStep: usize = load<i32>(tableOfA, 4);
  const bStep: usize = load<i32>(tableOfB, 4);
  let at = first;
  while (at < last) {
    const end = min(last, at - (at % inner) + inner);
    const o = c + stridedOffset(table, rank, at);
    const p = a + stridedOffset(tableOfA, rank, at);
    const q = b + stridedOffset(tableOfB, rank, at);
    row<T>(o, cStep, p, aStep, q, bStep, y + <usize>at * sizeof<T>(), end - at);
    at = end;
  }
}

export function select8(c: usize, a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  select<u8>(c, a, b, y, table, rank, first, last);
}
export function select32(c: usize, a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  select<u32>(c, a, b, y, table, rank, first, last);
}
export function select64(c: usize, a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  select<u64>(c, a, b, y, table, rank, first, last);
}
