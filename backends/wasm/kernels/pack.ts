import { tall, tileBytes } from './sheet';

/**
 * Packing: what tiles read, copied into the order in which they read it. Whatever the strides, the inner loop then walks
 * through memory in steps of one, and transpositions and views cost nothing.
 */

/**
 * b [inner, cols] -> panels [panel][inner][two v128]. Columns that the last panel lacks are 0, so that their sums, which nobody
 * stores, cost no special numbers.
 */
export function packPanels<T>(b: usize, bInner: usize, bCol: usize, inner: i32, cols: i32, to: usize): void {
  const width = <i32>(tileBytes / sizeof<T>());
  const panelBytes = <usize>(inner * tileBytes);
  let left = cols;
  if (bCol === sizeof<T>()) {
    packRows(b, bInner, inner, cols / width, to);
    left = cols % width;
    b += <usize>(cols / width) * tileBytes;
    to += <usize>(cols / width) * panelBytes;
  } else if (bInner === sizeof<T>() && sizeof<T>() === 4) {
    for (; left >= width; left -= width) {
      packColumns(b, bCol, inner, to);
      packColumns(b + 4 * bCol, bCol, inner, to + 16);
      b += 8 * bCol;
      to += panelBytes;
    }
  }
  for (; left > 0; left -= width) {
    let row = b;
    let at = to;
    for (let l = 0; l < inner; l++) {
      let from = row;
      for (let j = 0; j < width; j++) {
        store<T>(at + <usize>j * sizeof<T>(), j < left ? load<T>(from) : <T>0);
        from += bCol;
      }
      row += bInner;
      at += tileBytes;
    }
    b += <usize>width * bCol;
    to += panelBytes;
  }
}

/**
 * Panels from rows that lie in one piece. A row is read from end to end, as memory far away likes it, and two rows go together, so
 * that of every panel a whole cache line is written.
 */
function packRows(b: usize, bInner: usize, inner: i32, panels: i32, to: usize): void {
  const panelBytes = <usize>(inner * tileBytes);
  let l = inner;
  for (; l >= 2; l -= 2) {
    let from = b;
    let at = to;
    for (let p = panels; p > 0; p--) {
      v128.store(at, v128.load(from));
      v128.store(at, v128.load(from, 16), 16);
      v128.store(at, v128.load(from + bInner), 32);
      v128.store(at, v128.load(from + bInner, 16), 48);
      from += tileBytes;
      at += panelBytes;
    }
    b += 2 * bInner;
    to += 2 * tileBytes;
  }
  if (l > 0) {
    for (let p = panels; p > 0; p--) {
      v128.store(to, v128.load(b));
      v128.store(to, v128.load(b, 16), 16);
      b += tileBytes;
      to += panelBytes;
    }
  }
}

/** Four columns of float32 that each lie in one piece: 4 x 4 elements at a time are transposed in registers. */
function packColumns(b: usize, bCol: usize, inner: i32, to: usize): void {
  const b1 = b + bCol;
  const b2 = b1 + bCol;
  const b3 = b2 + bCol;
  let at: usize = 0;
  let l = inner;
  for (; l >= 4; l -= 4) {
    const x0 = v128.load(b + at);
    const x1 = v128.load(b1 + at);
    const x2 = v128.load(b2 + at);
    const x3 = v128.load(b3 + at);
    const even01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
    const even23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
    const odd01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
    const odd23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f32>(even01, even23, 0, 1, 4, 5));
    v128.store(to, v128.shuffle<f32>(even01, even23, 2, 3, 6, 7), 32);
    v128.store(to, v128.shuffle<f32>(odd01, odd23, 0, 1, 4, 5), 64);
    v128.store(to, v128.shuffle<f32>(odd01, odd23, 2, 3, 6, 7), 96);
    at += 16;
    to += 128;
  }
  for (; l > 0; l--) {
    store<f32>(to, load<f32>(b + at));
    store<f32>(to, load<f32>(b1 + at), 4);
    store<f32>(to, load<f32>(b2 + at), 8);
    store<f32>(to, load<f32>(b3 + at), 12);
    at += 4;
    to += tileBytes;
  }
}

/** a [rows, inner] -> `to` [inner][6], rows at most 6; missing ones keep what was there, as nobody reads them. */
export function packStrip<T>(a: usize, aRow: usize, aInner: usize, rows: i32, inner: i32, to: usize): void {
  const step = <usize>tall * sizeof<T>();
  if (rows === tall && aRow === sizeof<T>()) {
    for (let l = 0; l < inner; l++) {
      v128.store(to, v128.load(a));
      if (sizeof<T>() === 4) {
        store<u64>(to, load<u64>(a, 16), 16);
      } else {
        v128.store(to, v128.load(a, 16), 16);
        v128.store(to, v128.load(a, 32), 32);
      }
      a += aInner;
      to += step;
    }
  } else {
    for (let r = 0; r < rows; r++) {
      let from = a + <usize>r * aRow;
      let at = to + <usize>r * sizeof<T>();
      for (let l = 0; l < inner; l++) {
        store<T>(at, load<T>(from));
        from += aInner;
        at += step;
      }
    }
  }
}
