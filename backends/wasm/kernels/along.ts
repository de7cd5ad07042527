import { combine, combineLanes, Exponentials, identity, read, Single, Whole } from './folds';

/** Folds along the elements of one result; what comes of it lies in every lane. */

/** Elements side by side: four accumulators, in pairs of vectors. */
export function foldRun<T, F>(folded: v128, x: usize, length: i32, against: v128): v128 {
  let a = identity<T, F>();
  let b = a;
  let c = a;
  let d = a;
  let from = x;
  const end = x + <usize>length * sizeof<T>();
  // Exponentials take their time in any case.
  const wide = sizeof<F>() !== sizeof<Exponentials>();
  for (; wide && from + 128 <= end; from += 128) {
    a = combine<T, F>(a, combine<T, F>(read<T, Whole, F>(from, against), read<T, Whole, F>(from + 64, against)));
    b = combine<T, F>(b, combine<T, F>(read<T, Whole, F>(from + 16, against), read<T, Whole, F>(from + 80, against)));
    c = combine<T, F>(c, combine<T, F>(read<T, Whole, F>(from + 32, against), read<T, Whole, F>(from + 96, against)));
    d = combine<T, F>(d, combine<T, F>(read<T, Whole, F>(from + 48, against), read<T, Whole, F>(from + 112, against)));
  }
  for (; from + 16 <= end; from += 16) a = combine<T, F>(a, read<T, Whole, F>(from, against));
  let rest = combineLanes<T, F>(combine<T, F>(combine<T, F>(a, b), combine<T, F>(c, d)));
  for (; from < end; from += sizeof<T>()) rest = combine<T, F>(rest, read<T, Single, F>(from, against));
  return combine<T, F>(folded, rest);
}

/** Elements `step` bytes apart. */
export function foldApart<T, F>(folded: v128, x: usize, length: i32, step: i32, against: v128): v128 {
  let rest = folded;
  let from = x;
  for (let i = 0; i < length; i++) {
    rest = combine<T, F>(rest, read<T, Single, F>(from, against));
    from += step;
  }
  return rest;
}
