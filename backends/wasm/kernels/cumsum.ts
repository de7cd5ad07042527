import { stridedOffset } from './layout';

/**
 * Running sums of n elements `step` bytes apart; work items are lanes. The table lists the axes that tell lanes apart; of the
 * result, which is row-major, `width` lanes lie side by side.
 */
function cumsum<T>(
  x: usize,
  y: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  width: i32,
  first: i32,
  last: i32,
): void {
  const inner = load<i32>(table);
  const innerStep = load<i32>(table, 4);
  const pitch = <usize>width * sizeof<T>();
  let at = first;
  while (at < last) {
    // As many lanes at once as are neighbours on both sides.
    const column = at % width;
    const end = min(last, min(at - column + width, at - (at % inner) + inner));
    const source = x + stridedOffset(table, rank, at);
    const target = y + <usize>(at / width) * n * pitch + <usize>column * sizeof<T>();
    for (let i = 0; i < n; i++) {
      let from = source + i * step;
      let to = target + <usize>i * pitch;
      for (let lane = at; lane < end; lane++) {
        const value = load<T>(from);
        store<T>(to, i === 0 ? value : load<T>(to - pitch) + value);
        from += innerStep;
        to += sizeof<T>();
      }
    }
    at = end;
  }
}

export function cumsumF32(
  x: usize,
  y: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  width: i32,
  first: i32,
  last: i32,
): void {
  cumsum<f32>(x, y, table, rank, n, step, width, first, last);
}

export function cumsumF64(
  x: usize,
  y: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  width: i32,
  first: i32,
  last: i32,
): void {
  cumsum<f64>(x, y, table, rank, n, step, width, first, last);
}

export function cumsumI32(
  x: usize,
  y: usize,
  table: usize,
  rank: i32,
  n: i32,
  step: i32,
  width: i32,
  first: i32,
  last: i32,
): void {
  cumsum<i32>(x, y, table, rank, n, step, width, first, last);
}
