import { madd } from './arithmetic';

/**
 * c = start + a·b for one row a and a matrix b that lies in rows: each row of b is read once, from end to end, and added to c, which
 * stays in the first cache. Four rows go together, as c is then read and written a quarter as often.
 * [inner] · [inner, cols] -> [cols]; `start` 0 stands for zeros
 */
export function rowProduct<T>(
  inner: i32,
  a: usize,
  aInner: usize,
  b: usize,
  bInner: usize,
  start: usize,
  c: usize,
  cols: i32,
): void {
  const bytes = <usize>cols * sizeof<T>();
  if (start !== 0) memory.copy(c, start, bytes);
  else memory.fill(c, 0, bytes);
  let l = inner;
  for (; l >= 4; l -= 4) {
    addFourRows<T>(a, aInner, b, bInner, c, bytes);
    a += 4 * aInner;
    b += 4 * bInner;
  }
  for (; l > 0; l--) {
    addRow<T>(v128.load_splat<T>(a), b, c, bytes);
    a += aInner;
    b += bInner;
  }
}

function addRow<T>(x: v128, b: usize, c: usize, bytes: usize): void {
  const end = c + bytes;
  for (; c + 16 <= end; c += 16, b += 16) v128.store(c, madd<T>(x, v128.load(b), v128.load(c)));
  for (; c < end; c += sizeof<T>(), b += sizeof<T>())
    v128.store_lane<T>(c, madd<T>(x, v128.load_splat<T>(b), v128.load_splat<T>(c)), 0);
}

function addFourRows<T>(a: usize, aInner: usize, b: usize, bInner: usize, c: usize, bytes: usize): void {
  const x0 = v128.load_splat<T>(a);
  const x1 = v128.load_splat<T>(a + aInner);
  const x2 = v128.load_splat<T>(a + 2 * aInner);
  const x3 = v128.load_splat<T>(a + 3 * aInner);
  let b1 = b + bInner;
  let b2 = b1 + bInner;
  let b3 = b2 + bInner;
  const end = c + bytes;
  for (; c + 16 <= end; c += 16) {
    const sum = madd<T>(x1, v128.load(b1), madd<T>(x0, v128.load(b), v128.load(c)));
    v128.store(c, madd<T>(x3, v128.load(b3), madd<T>(x2, v128.load(b2), sum)));
    b += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  for (; c < end; c += sizeof<T>()) {
    const sum = madd<T>(x1, v128.load_splat<T>(b1), madd<T>(x0, v128.load_splat<T>(b), v128.load_splat<T>(c)));
    v128.store_lane<T>(c, madd<T>(x3, v128.load_splat<T>(b3), madd<T>(x2, v128.load_splat<T>(b2), sum)), 0);
    b += sizeof<T>();
    b1 += sizeof<T>();
    b2 += sizeof<T>();
    b3 += sizeof<T>();
  }
}
