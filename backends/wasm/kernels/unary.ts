import { erf } from './erf';
import { exp } from './exp';
import * as kind from './kinds';
import { each } from './lanewise';
import { log } from './log';
import { tanh } from './tanh';

/**
 * Functions of one number, of contiguous arrays; y may be x. Work items are elements. A function is a type here, so that each
 * has a loop of its own; what is left of a row at its end goes through the same vector function, one element at a time.
 */

class Negative {}
class Abs {}
class Sign {}
class Reciprocal {}
class Square {}
class Exp {}
class Log {}
class Sqrt {}
class Tanh {}
class Erf {}

// A comparison of types is decided when this is compiled.
function apply<T, F>(x: v128): v128 {
  if (idof<F>() === idof<Negative>()) return v128.neg<T>(x);
  if (idof<F>() === idof<Abs>()) return v128.abs<T>(x);
  if (idof<F>() === idof<Square>()) return v128.mul<T>(x, x);
  if (isInteger<T>()) return v128.min<T>(v128.max<T>(x, v128.splat<T>(<T>-1)), v128.splat<T>(<T>1)); // sign
  if (idof<F>() === idof<Sign>()) {
    // ±1 with the sign of x; 0, −0 and NaN stay
    const one = v128.or(v128.and(x, each<T>(-0.0)), each<T>(1.0));
    return v128.bitselect(one, x, v128.gt<T>(v128.abs<T>(x), each<T>(0.0)));
  }
  if (idof<F>() === idof<Reciprocal>()) return v128.div<T>(each<T>(1.0), x);
  if (idof<F>() === idof<Sqrt>()) return v128.sqrt<T>(x);
  if (idof<F>() === idof<Exp>()) return exp<T>(x);
  if (idof<F>() === idof<Log>()) return log<T>(x);
  if (idof<F>() === idof<Tanh>()) return tanh<T>(x);
  return erf<T>(x);
}

function map<T, F>(x: usize, y: usize, first: i32, last: i32): void {
  let from = x + <usize>first * sizeof<T>();
  let to = y + <usize>first * sizeof<T>();
  const end = y + <usize>last * sizeof<T>();
  for (; to + 16 <= end; to += 16, from += 16) v128.store(to, apply<T, F>(v128.load(from)));
  for (; to < end; to += sizeof<T>(), from += sizeof<T>())
    v128.store_lane<T>(to, apply<T, F>(v128.load_splat<T>(from)), 0);
}

function mapFloats<T>(f: i32, x: usize, y: usize, first: i32, last: i32): void {
  if (f === kind.negative) map<T, Negative>(x, y, first, last);
  else if (f === kind.abs) map<T, Abs>(x, y, first, last);
  else if (f === kind.sign) map<T, Sign>(x, y, first, last);
  else if (f === kind.reciprocal) map<T, Reciprocal>(x, y, first, last);
  else if (f === kind.square) map<T, Square>(x, y, first, last);
  else if (f === kind.exp) map<T, Exp>(x, y, first, last);
  else if (f === kind.log) map<T, Log>(x, y, first, last);
  else if (f === kind.sqrt) map<T, Sqrt>(x, y, first, last);
  else if (f === kind.tanh) map<T, Tanh>(x, y, first, last);
  else if (f === kind.erf) map<T, Erf>(x, y, first, last);
}

export function unaryF32(f: i32, x: usize, y: usize, first: i32, last: i32): void {
  mapFloats<f32>(f, x, y, first, last);
}
export function unaryF64(f: i32, x: usize, y: usize, first: i32, last: i32): void {
  mapFloats<f64>(f, x, y, first, last);
}
export function unaryI32(f: i32, x: usize, y: usize, first: i32, last: i32): void {
  if (f === kind.negative) map<i32, Negative>(x, y, first, last);
  else if (f === kind.abs) map<i32, Abs>(x, y, first, last);
  else if (f === kind.sign) map<i32, Sign>(x, y, first, last);
  else if (f === kind.square) map<i32, Square>(x, y, first, last);
}
/** ¬x of bytes that are 0 or 1. */
export function logicalNot8(x: usize, y: usize, first: i32, last: i32): void {
  let at = first;
  // Not at + 16 <= last, which overflows near the end of what int32 counts.
  for (; last - at >= 16; at += 16) v128.store(y + at, v128.xor(v128.load(x + at), i8x16.splat(1)));
  for (; at < last; at++) store<u8>(y + at, load<u8>(x + at) ^ 1);
}
