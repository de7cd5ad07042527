import { againstOf, centreOf, combine, Exponentials, finish, identity, read, Single, Whole } from './folds';
import { stridedOffset } from './layout';

/**
 * Folds of results that lie side by side. Vectors lie across them; eight elements of each are folded pairwise before they meet
 * the accumulator, which is the result itself.
 */

/** What is done to a result: told apart by types, as folds are. */
type Begin = i8;
type AddEight = i16;
type AddOne = i32;
type Finish = i64;

/** Eight elements of each result, `step` bytes apart. */
function eight<T, L, F>(from: usize, step: i32, against: v128): v128 {
  const other = from + (step << 2);
  return combine<T, F>(
    combine<T, F>(
      combine<T, F>(read<T, L, F>(from, against), read<T, L, F>(from + step, against)),
      combine<T, F>(read<T, L, F>(from + step * 2, against), read<T, L, F>(from + step * 3, against)),
    ),
    combine<T, F>(
      combine<T, F>(read<T, L, F>(other, against), read<T, L, F>(other + step, against)),
      combine<T, F>(read<T, L, F>(other + step * 2, against), read<T, L, F>(other + step * 3, against)),
    ),
  );
}

function work<T, L, F, W>(to: usize, from: usize, step: i32, centre: usize, argument: f64): void {
  const against = againstOf<T, F>(argument, centreOf<T, L, F>(centre));
  let folded = identity<T, F>();
  if (sizeof<W>() !== sizeof<Begin>())
    folded = sizeof<L>() === sizeof<Whole>() ? v128.load(to) : v128.load_splat<T>(to);
  if (sizeof<W>() === sizeof<AddEight>()) folded = combine<T, F>(folded, eight<T, L, F>(from, step, against));
  if (sizeof<W>() === sizeof<AddOne>()) folded = combine<T, F>(folded, read<T, L, F>(from, against));
  if (sizeof<W>() === sizeof<Finish>()) folded = finish<T, F>(folded, against, argument);
  if (sizeof<L>() === sizeof<Whole>()) v128.store(to, folded);
  else v128.store_lane<T>(to, folded, 0);
}

function across<T, F, W>(y: usize, x: usize, step: i32, centres: usize, argument: f64, width: i32): void {
  const end = <usize>width * sizeof<T>();
  let c: usize = 0;
  for (; c + 16 <= end; c += 16) work<T, Whole, F, W>(y + c, x + c, step, centres + c, argument);
  for (; c < end; c += sizeof<T>()) work<T, Single, F, W>(y + c, x + c, step, centres + c, argument);
}

/**
 * `width` neighbouring results. Their elements are `runs` times `length`: within a run `step` bytes apart, the runs as the axes
 * of the table say.
 */
export function foldColumns<T, F>(
  x: usize,
  y: usize,
  centres: usize,
  width: i32,
  length: i32,
  step: i32,
  table: usize,
  rank: i32,
  runs: i32,
  argument: f64,
): void {
  across<T, F, Begin>(y, x, step, centres, argument, width);
  for (let run = 0; run < runs; run++) {
    let from = x + stridedOffset(table, rank, run);
    let i = 0;
    // Exponentials take their time in any case.
    const wide = sizeof<F>() !== sizeof<Exponentials>();
    for (; wide && i + 8 <= length; i += 8) {
      across<T, F, AddEight>(y, from, step, centres, argument, width);
      from += step << 3;
    }
    for (; i < length; i++) {
      across<T, F, AddOne>(y, from, step, centres, argument, width);
      from += step;
    }
  }
  across<T, F, Finish>(y, x, step, centres, argument, width);
}
