import { lanes } from './arithmetic';
import * as kind from './kinds';
import { stridedOffset } from './layout';
import { power } from './power';

/**
 * Functions of two numbers, of broadcast views. Along the innermost axis each operand is contiguous or, one of the two at most,
 * a single element; the other axes are walked by tables (layout.ts). Work items are elements of the result. A function is a
 * type here, so that each has loops of its own.
 */

class Add {}
class Subtract {}
class Multiply {}
class Divide {}
class Power {}
class Maximum {}
class Minimum {}
class Equal {}
class NotEqual {}
class Less {}
class LessEqual {}
class Greater {}
class GreaterEqual {}
class And {}
class Or {}

// A comparison of types is decided when this is compiled. Comparisons give all ones or all zeros in each lane.
function apply<T, F>(a: v128, b: v128): v128 {
  if (idof<F>() === idof<Equal>()) return v128.eq<T>(a, b);
  if (idof<F>() === idof<NotEqual>()) return v128.ne<T>(a, b);
  if (idof<F>() === idof<Less>()) return v128.lt<T>(a, b);
  if (idof<F>() === idof<LessEqual>()) return v128.le<T>(a, b);
  if (idof<F>() === idof<Greater>()) return v128.gt<T>(a, b);
  if (idof<F>() === idof<GreaterEqual>()) return v128.ge<T>(a, b);
  if (idof<F>() === idof<And>()) return v128.and(a, b);
  if (idof<F>() === idof<Or>()) return v128.or(a, b);
  if (idof<F>() === idof<Add>()) return v128.add<T>(a, b);
  if (idof<F>() === idof<Subtract>()) return v128.sub<T>(a, b);
  if (idof<F>() === idof<Multiply>()) return v128.mul<T>(a, b);
  if (idof<F>() === idof<Maximum>()) return v128.max<T>(a, b);
  if (idof<F>() === idof<Minimum>()) return v128.min<T>(a, b);
  if (isFloat<T>()) {
    if (idof<F>() === idof<Divide>()) return v128.div<T>(a, b);
    return power<T>(a, b);
  }
  return unreachable();
}

/** How many bytes a result takes: that of a comparison is a bool. R is the type of results. */
function keep<T, R>(to: usize, y: v128): void {
  if (sizeof<R>() === sizeof<T>()) v128.store(to, sizeof<T>() === 1 ? v128.and(y, i8x16.splat(1)) : y);
  else {
    const truth = v128.and(y, i8x16.splat(1));
    if (sizeof<T>() === 4)
      v128.store_lane<u32>(to, i8x16.shuffle(truth, truth, 0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    else v128.store_lane<u16>(to, i8x16.shuffle(truth, truth, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
  }
}

/** n elements of a row; a step is 0 or that from one element to the next. */
function row<T, F, R>(a: usize, aStep: usize, b: usize, bStep: usize, y: usize, n: i32): void {
  const count = lanes<T>();
  let left = n;
  if (aStep === 0) {
    const single = v128.load_splat<T>(a);
    for (; left >= count; left -= count, b += 16, y += count * sizeof<R>())
      keep<T, R>(y, apply<T, F>(single, v128.load(b)));
  } else if (bStep === 0) {
    const single = v128.load_splat<T>(b);
    for (; left >= count; left -= count, a += 16, y += count * sizeof<R>())
      keep<T, R>(y, apply<T, F>(v128.load(a), single));
  } else {
    for (; left >= count; left -= count, a += 16, b += 16, y += count * sizeof<R>())
      keep<T, R>(y, apply<T, F>(v128.load(a), v128.load(b)));
  }
  for (; left > 0; left--, a += aStep, b += bStep, y += sizeof<R>()) {
    const z = apply<T, F>(v128.load_splat<T>(a), v128.load_splat<T>(b));
    if (sizeof<R>() === sizeof<T>() && sizeof<T>() > 1) v128.store_lane<R>(y, z, 0);
    else store<u8>(y, i8x16.extract_lane_u(z, 0) & 1);
  }
}

function zip<T, F, R>(a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  const tableOfB = table + ((<usize>rank) << 3);
  const inner = load<i32>(table);
  const aStep: usize = load<i32>(table, 4);
  const bStep: usize = load<i32>(tableOfB, 4);
  let at = first;
  while (at < last) {
    const end = min(last, at - (at % inner) + inner);
    const p = a + stridedOffset(table, rank, at);
    const q = b + stridedOffset(tableOfB, rank, at);
    row<T, F, R>(p, aStep, q, bStep, y + <usize>at * sizeof<R>(), end - at);
    at = end;
  }
}

function arithmetic<T>(f: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  if (f === kind.add) zip<T, Add, T>(a, b, y, table, rank, first, last);
  else if (f === kind.subtract) zip<T, Subtract, T>(a, b, y, table, rank, first, last);
  else if (f === kind.multiply) zip<T, Multiply, T>(a, b, y, table, rank, first, last);
  else if (f === kind.maximum) zip<T, Maximum, T>(a, b, y, table, rank, first, last);
  else if (f === kind.minimum) zip<T, Minimum, T>(a, b, y, table, rank, first, last);
  if (isFloat<T>()) {
    if (f === kind.divide) zip<T, Divide, T>(a, b, y, table, rank, first, last);
    else if (f === kind.power) zip<T, Power, T>(a, b, y, table, rank, first, last);
    else comparison<T>(f, a, b, y, table, rank, first, last);
  } else comparison<T>(f, a, b, y, table, rank, first, last);
}

function comparison<T>(f: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  if (f === kind.equal) zip<T, Equal, u8>(a, b, y, table, rank, first, last);
  else if (f === kind.notEqual) zip<T, NotEqual, u8>(a, b, y, table, rank, first, last);
  else if (f === kind.less) zip<T, Less, u8>(a, b, y, table, rank, first, last);
  else if (f === kind.lessEqual) zip<T, LessEqual, u8>(a, b, y, table, rank, first, last);
  else if (f === kind.greater) zip<T, Greater, u8>(a, b, y, table, rank, first, last);
  else if (f === kind.greaterEqual) zip<T, GreaterEqual, u8>(a, b, y, table, rank, first, last);
}

export function binaryF32(f: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  arithmetic<f32>(f, a, b, y, table, rank, first, last);
}
export function binaryF64(f: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  arithmetic<f64>(f, a, b, y, table, rank, first, last);
}
export function binaryI32(f: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  arithmetic<i32>(f, a, b, y, table, rank, first, last);
}
/** Of bools, bytes that are 0 or 1. */
export function binary8(f: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, first: i32, last: i32): void {
  if (f === kind.logicalAnd) zip<u8, And, u8>(a, b, y, table, rank, first, last);
  else if (f === kind.logicalOr) zip<u8, Or, u8>(a, b, y, table, rank, first, last);
  else comparison<u8>(f, a, b, y, table, rank, first, last);
}
