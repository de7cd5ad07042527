/** Numbers of one type as another, of contiguous arrays. Work items are elements. */

/** Toward zero; what int32 cannot hold wraps, as it does in JavaScript, and NaN and ±∞ are 0. */
function toInt32<From>(x: From): i32 {
  const number = <f64>x;
  if (Math.abs(number) < 9.223372036854776e18) return <i32>(<i64>number);
  if (!(Math.abs(number) < Infinity)) return 0;
  // From 2⁶³ on numbers are whole, and their remainder modulo 2³² is exact.
  return <i32>(<i64>(number - Math.floor(number / 4294967296) * 4294967296));
}

function convert<From, To>(x: usize, y: usize, first: i32, last: i32): void {
  let from = x + <usize>first * sizeof<From>();
  for (let i = first; i < last; i++, from += sizeof<From>()) {
    const number = load<From>(from);
    const to = y + <usize>i * sizeof<To>();
    if (sizeof<To>() === 1) store<u8>(to, number !== <From>0 ? 1 : 0);
    else if (isFloat<From>() && isInteger<To>()) store<i32>(to, toInt32<From>(number));
    else store<To>(to, <To>number);
  }
}

export function castF32F64(x: usize, y: usize, first: i32, last: i32): void {
  convert<f32, f64>(x, y, first, last);
}
export function castF32I32(x: usize, y: usize, first: i32, last: i32): void {
  convert<f32, i32>(x, y, first, last);
}
export function castF32Bool(x: usize, y: usize, first: i32, last: i32): void {
  convert<f32, u8>(x, y, first, last);
}
export function castF64F32(x: usize, y: usize, first: i32, last: i32): void {
  convert<f64, f32>(x, y, first, last);
}
export function castF64I32(x: usize, y: usize, first: i32, last: i32): void {
  convert<f64, i32>(x, y, first, last);
}
export function castF64Bool(x: usize, y: usize, first: i32, last: i32): void {
  convert<f64, u8>(x, y, first, last);
}
export function castI32F32(x: usize, y: usize, first: i32, last: i32): void {
  convert<i32, f32>(x, y, first, last);
}
export function castI32F64(x: usize, y: usize, first: i32, last: i32): void {
  convert<i32, f64>(x, y, first, last);
}
export function castI32Bool(x: usize, y: usize, first: i32, last: i32): void {
  convert<i32, u8>(x, y, first, last);
}
export function castBoolF32(x: usize, y: usize, first: i32, last: i32): void {
  convert<u8, f32>(x, y, first, last);
}
export function castBoolF64(x: usize, y: usize, first: i32, last: i32): void {
  convert<u8, f64>(x, y, first, last);
}
export function castBoolI32(x: usize, y: usize, first: i32, last: i32): void {
  convert<u8, i32>(x, y, first, last);
}
