import { stridedOffset } from './layout';

/**
 * Strided copies: the view's elements in row-major order. Work items are elements.
 */

function copyStrided<T>(x: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  const inner = load<i32>(table);
  const step = load<i32>(table, 4);
  let at = first;
  while (at < last) {
    let from = x + stridedOffset(table, rank, at);
    const place = at % inner;
    const end = min(last, at - place + inner);
    let to = y + <usize>at * sizeof<T>();
    if (step === sizeof<T>()) {
      memory.copy(to, from, <usize>(end - at) * sizeof<T>());
    } else {
      for (let i = at; i < end; i++) {
        store<T>(to, load<T>(from));
        from += step;
        to += sizeof<T>();
      }
    }
    at = end;
  }
}

export function copyStrided8(x: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  copyStrided<u8>(x, y, table, rank, first, last);
}
export function copyStrided32(x: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  copyStrided<u32>(x, y, table, rank, first, last);
}
export function copyStrided64(x: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  copyStrided<u64>(x, y, table, rank, first, last);
}
