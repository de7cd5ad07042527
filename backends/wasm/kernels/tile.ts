import { madd } from './arithmetic';

/**
 * The innermost part of every matrix product: a tile of C, 6 rows high and two v128 wide, held in registers while the inner
 * axis runs once past it.
 *
 *   c[r, ·] = start[r, ·] + Σₗ a[r, l] b[l, ·],  l ascending,  r < 6,  two v128 of columns
 *
 * Why 6 x 2: engines leave 15 of the 16 SIMD registers of x64 to us: 12 sums, the 2 vectors of b and 1 element of a spread over
 * all lanes. A fused multiply-add takes 4 cycles and two may begin in each, so fewer than 8 sums would wait for each other;
 * 12 also need only 8 loads in their 6 cycles, which leaves the processor room for addresses and the loop. Measured, tiles of
 * 4 x 3, 5 x 2 and 8 x 2, loops unrolled by 2 and 4, and elements of a spread by shuffles are slower in one engine or
 * another, unrolled loops because more vectors are then alive than there are registers.
 *
 * Everything is reached by steps in bytes, so a may lie in rows, in columns or packed. Each row of a has a pointer of its own that
 * moves on: with one pointer and offsets, the engine of Node 20 computes the offsets anew in every round.
 * Where fewer rows are left than the tile is high, the missing ones stand for row 0 once more (their step is 0): they
 * compute what it computes and store it at its place.
 */

/** Rows of the lower of the two tiles. */
export const low: i32 = 4;

/** The step to row r, or 0 where there is none. */
function stepTo(r: i32, rows: i32, step: usize): usize {
  return r < rows ? <usize>r * step : 0;
}

/** [rows, inner] · [inner, two v128] -> [rows, two v128], 1 ≤ rows ≤ 6; `start` 0 stands for zeros. */
export function tallTile<T>(
  rows: i32,
  inner: i32,
  a: usize,
  aRow: usize,
  aInner: usize,
  b: usize,
  bInner: usize,
  start: usize,
  startRow: usize,
  c: usize,
  cRow: usize,
): void {
  let c00 = v128.splat<T>(<T>0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  if (start !== 0) {
    c00 = v128.load(start);
    c01 = v128.load(start, 16);
    let row = start + stepTo(1, rows, startRow);
    c10 = v128.load(row);
    c11 = v128.load(row, 16);
    row = start + stepTo(2, rows, startRow);
    c20 = v128.load(row);
    c21 = v128.load(row, 16);
    row = start + stepTo(3, rows, startRow);
    c30 = v128.load(row);
    c31 = v128.load(row, 16);
    row = start + stepTo(4, rows, startRow);
    c40 = v128.load(row);
    c41 = v128.load(row, 16);
    row = start + stepTo(5, rows, startRow);
    c50 = v128.load(row);
    c51 = v128.load(row, 16);
  }
  let a1 = a + stepTo(1, rows, aRow);
  let a2 = a + stepTo(2, rows, aRow);
  let a3 = a + stepTo(3, rows, aRow);
  let a4 = a + stepTo(4, rows, aRow);
  let a5 = a + stepTo(5, rows, aRow);
  const end = b + <usize>inner * bInner;
  while (b !== end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<T>(a);
    a += aInner;
    c00 = madd<T>(x, b0, c00);
    c01 = madd<T>(x, b1, c01);
    x = v128.load_splat<T>(a1);
    a1 += aInner;
    c10 = madd<T>(x, b0, c10);
    c11 = madd<T>(x, b1, c11);
    x = v128.load_splat<T>(a2);
    a2 += aInner;
    c20 = madd<T>(x, b0, c20);
    c21 = madd<T>(x, b1, c21);
    x = v128.load_splat<T>(a3);
    a3 += aInner;
    c30 = madd<T>(x, b0, c30);
    c31 = madd<T>(x, b1, c31);
    x = v128.load_splat<T>(a4);
    a4 += aInner;
    c40 = madd<T>(x, b0, c40);
    c41 = madd<T>(x, b1, c41);
    x = v128.load_splat<T>(a5);
    a5 += aInner;
    c50 = madd<T>(x, b0, c50);
    c51 = madd<T>(x, b1, c51);
    b += bInner;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  let row = c + stepTo(1, rows, cRow);
  v128.store(row, c10);
  v128.store(row, c11, 16);
  row = c + stepTo(2, rows, cRow);
  v128.store(row, c20);
  v128.store(row, c21, 16);
  row = c + stepTo(3, rows, cRow);
  v128.store(row, c30);
  v128.store(row, c31, 16);
  row = c + stepTo(4, rows, cRow);
  v128.store(row, c40);
  v128.store(row, c41, 16);
  row = c + stepTo(5, rows, cRow);
  v128.store(row, c50);
  v128.store(row, c51, 16);
}

/** The same for at most 4 rows, where 8 sums are just enough: a tall tile would compute two rows for nothing. */
export function lowTile<T>(
  rows: i32,
  inner: i32,
  a: usize,
  aRow: usize,
  aInner: usize,
  b: usize,
  bInner: usize,
  start: usize,
  startRow: usize,
  c: usize,
  cRow: usize,
): void {
  let c00 = v128.splat<T>(<T>0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  if (start !== 0) {
    c00 = v128.load(start);
    c01 = v128.load(start, 16);
    let row = start + stepTo(1, rows, startRow);
    c10 = v128.load(row);
    c11 = v128.load(row, 16);
    row = start + stepTo(2, rows, startRow);
    c20 = v128.load(row);
    c21 = v128.load(row, 16);
    row = start + stepTo(3, rows, startRow);
    c30 = v128.load(row);
    c31 = v128.load(row, 16);
  }
  let a1 = a + stepTo(1, rows, aRow);
  let a2 = a + stepTo(2, rows, aRow);
  let a3 = a + stepTo(3, rows, aRow);
  const end = b + <usize>inner * bInner;
  while (b !== end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<T>(a);
    a += aInner;
    c00 = madd<T>(x, b0, c00);
    c01 = madd<T>(x, b1, c01);
    x = v128.load_splat<T>(a1);
    a1 += aInner;
    c10 = madd<T>(x, b0, c10);
    c11 = madd<T>(x, b1, c11);
    x = v128.load_splat<T>(a2);
    a2 += aInner;
    c20 = madd<T>(x, b0, c20);
    c21 = madd<T>(x, b1, c21);
    x = v128.load_splat<T>(a3);
    a3 += aInner;
    c30 = madd<T>(x, b0, c30);
    c31 = madd<T>(x, b1, c31);
    b += bInner;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  let row = c + stepTo(1, rows, cRow);
  v128.store(row, c10);
  v128.store(row, c11, 16);
  row = c + stepTo(2, rows, cRow);
  v128.store(row, c20);
  v128.store(row, c21, 16);
  row = c + stepTo(3, rows, cRow);
  v128.store(row, c30);
  v128.store(row, c31, 16);
}
