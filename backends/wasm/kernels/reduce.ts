import { foldColumns } from './across';
import { foldApart, foldRun } from './along';
import { againstOf, centreOf, Exponentials, finish, identity, Largest, Single, Squares, Sum } from './folds';
import { stridedOffset } from './layout';

/**
 * Reductions of strided views; work items are the results. The table lists the kept axes, then the reduced ones
 * (kernels/layout.ts). Where neighbours in memory are elements of one result, vectors run along these (along.ts); where they are
 * neighbouring results, vectors lie across them (across.ts). Elsewhere elements are taken one by one.
 */

/** Results that are folded together in columns: they stay in the first cache. */
const panel = 512;

/**
 * @param centres one of T for each result, for Squares and Exponentials
 * @param argument for Sum and Squares what the result is divided by; for Largest a negative number makes it the smallest
 */
function reduce<T, F>(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  const inner = load<i32>(table);
  const innerStep = load<i32>(table, 4);
  const along = table + ((<usize>kept) << 3);
  const length = load<i32>(along);
  const step = load<i32>(along, 4);
  const others = along + 8;
  const rank = reduced - 1;
  let runs = 1;
  for (let axis = 0; axis < rank; axis++) runs *= load<i32>(others + ((<usize>axis) << 3));
  const inRows = step === sizeof<T>();
  const inColumns = !inRows && innerStep === sizeof<T>();

  let at = first;
  while (at < last) {
    const place = at % inner;
    const end = min(min(last, at - place + inner), inColumns ? at + panel : last);
    let from = x + stridedOffset(table, kept, at);
    if (inColumns) {
      const here = <usize>at * sizeof<T>();
      foldColumns<T, F>(from, y + here, centres + here, end - at, length, step, others, rank, runs, argument);
    } else {
      for (let i = at; i < end; i++) {
        const here = <usize>i * sizeof<T>();
        const against = againstOf<T, F>(argument, centreOf<T, Single, F>(centres + here));
        let folded = identity<T, F>();
        for (let run = 0; run < runs; run++) {
          const start = from + stridedOffset(others, rank, run);
          folded = inRows
            ? foldRun<T, F>(folded, start, length, against)
            : foldApart<T, F>(folded, start, length, step, against);
        }
        v128.store_lane<T>(y + here, finish<T, F>(folded, against, argument), 0);
        from += innerStep;
      }
    }
    at = end;
  }
}

export function sumF32(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  reduce<f32, Sum>(x, y, centres, table, kept, reduced, argument, first, last);
}

export function sumF64(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  reduce<f64, Sum>(x, y, centres, table, kept, reduced, argument, first, last);
}

export function sumI32(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  reduce<i32, Sum>(x, y, centres, table, kept, reduced, argument, first, last);
}

export function largestF32(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  reduce<f32, Largest>(x, y, centres, table, kept, reduced, argument, first, last);
}

export function largestF64(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  reduce<f64, Largest>(x, y, centres, table, kept, reduced, argument, first, last);
}

export function largestI32(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  reduce<i32, Largest>(x, y, centres, table, kept, reduced, argument, first, last);
}

export function squaresF32(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  reduce<f32, Squares>(x, y, centres, table, kept, reduced, argument, first, last);
}

export function squaresF64(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  reduce<f64, Squares>(x, y, centres, table, kept, reduced, argument, first, last);
}

export function exponentialsF32(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  reduce<f32, Exponentials>(x, y, centres, table, kept, reduced, argument, first, last);
}

export function exponentialsF64(
  x: usize,
  y: usize,
  centres: usize,
  table: usize,
  kept: i32,
  reduced: i32,
  argument: f64,
  first: i32,
  last: i32,
): void {
  reduce<f64, Exponentials>(x, y, centres, table, kept, reduced, argument, first, last);
}
