import { exp } from './exp';
import { log } from './log';

/**
 * What a reduction folds. The folds are told apart by types, as types are what the compiler makes separate code for: nothing
 * is decided in an inner loop. All work on vectors; a single element is computed as a vector that holds it in every lane, so
 * that it gets the same bits as within a vector.
 *
 * Each fold looks at its elements `against` a vector: what that holds depends on the fold.
 */

/** Σ x, divided by a number (1, or the number of elements for a mean; whole numbers are not divided). */
export type Sum = i8;
/** max x. Against a mask that turns the order round, of the bits as they are: min x. */
export type Largest = i16;
/** Σ (x - m)² against the mean m, divided by a number. */
export type Squares = i32;
/** m + ln Σ e^(x - m) against m, taken as 0 where it is not finite. */
export type Exponentials = i64;

/** What an empty reduction begins, and ends, with. */
export function identity<T, F>(): v128 {
  if (sizeof<F>() !== sizeof<Largest>()) return i64x2.splat(0);
  if (isFloat<T>()) return v128.splat<T>(<T>-Infinity);
  return v128.splat<T>(<T>i32.MIN_VALUE);
}

/** The mask that turns the order of T round: the sign of a float, all bits of an integer (~x = -1 - x). */
function turned<T>(): v128 {
  if (isInteger<T>()) return i64x2.splat(-1);
  if (sizeof<T>() === 8) return i64x2.splat(i64.MIN_VALUE);
  return i32x4.splat(i32.MIN_VALUE);
}

/** For `argument` see `reduce`; `centre` is the mean or the maximum. */
export function againstOf<T, F>(argument: f64, centre: v128): v128 {
  if (sizeof<F>() === sizeof<Largest>() && argument < 0) return turned<T>();
  if (sizeof<F>() === sizeof<Squares>()) return centre;
  if (sizeof<F>() === sizeof<Exponentials>())
    return v128.and(centre, v128.lt<T>(v128.abs<T>(centre), v128.splat<T>(<T>Infinity)));
  return i64x2.splat(0);
}

function term<T, F>(x: v128, against: v128): v128 {
  if (sizeof<F>() === sizeof<Largest>()) return v128.xor(x, against);
  if (sizeof<F>() === sizeof<Squares>()) {
    const difference = v128.sub<T>(x, against);
    return v128.mul<T>(difference, difference);
  }
  if (sizeof<F>() === sizeof<Exponentials>()) return exp<T>(v128.sub<T>(x, against));
  return x;
}

export function combine<T, F>(a: v128, b: v128): v128 {
  if (sizeof<F>() === sizeof<Largest>()) return v128.max<T>(a, b);
  return v128.add<T>(a, b);
}

/** All lanes as one, in every lane. */
export function combineLanes<T, F>(x: v128): v128 {
  const pairs = combine<T, F>(x, v128.shuffle<i64>(x, x, 1, 0));
  if (sizeof<T>() === 8) return pairs;
  return combine<T, F>(pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2));
}

export function finish<T, F>(folded: v128, against: v128, argument: f64): v128 {
  if (sizeof<F>() === sizeof<Largest>()) return v128.xor(folded, against);
  if (sizeof<F>() === sizeof<Exponentials>()) return v128.add<T>(log<T>(folded), against);
  if (isFloat<T>()) return v128.div<T>(folded, v128.splat<T>(<T>argument));
  return folded;
}

/** How much is read: a vector, or one element to every lane. */
export type Whole = i8;
export type Single = i16;

export function read<T, L, F>(from: usize, against: v128): v128 {
  if (sizeof<L>() === sizeof<Whole>()) return term<T, F>(v128.load(from), against);
  return term<T, F>(v128.load_splat<T>(from), against);
}

/** What lies at `from` for each result: means, or maxima. */
export function centreOf<T, L, F>(from: usize): v128 {
  if (sizeof<F>() < sizeof<Squares>()) return i64x2.splat(0);
  if (sizeof<L>() === sizeof<Whole>()) return v128.load(from);
  return v128.load_splat<T>(from);
}
