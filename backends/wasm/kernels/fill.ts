/** Every element one value. Work items are elements. */

export function fill8(y: usize, value: i32, first: i32, last: i32): void {
  memory.fill(y + first, <u8>value, last - first);
}

export function fill32(y: usize, bits: i32, first: i32, last: i32): void {
  const four = i32x4.splat(bits);
  let at = y + ((<usize>first) << 2);
  const end = y + ((<usize>last) << 2);
  for (; at + 16 <= end; at += 16) v128.store(at, four);
  for (; at < end; at += 4) store<i32>(at, bits);
}

export function fillF64(y: usize, value: f64, first: i32, last: i32): void {
  const two = f64x2.splat(value);
  let at = y + ((<usize>first) << 3);
  const end = y + ((<usize>last) << 3);
  for (; at + 16 <= end; at += 16) v128.store(at, two);
  for (; at < end; at += 8) store<f64>(at, value);
}
