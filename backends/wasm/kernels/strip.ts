import { tall } from './sheet';
import { low, lowTile, tallTile } from './tile';

/** How the rows of a product are cut in strips as high as a tile, for every kind of product. */

/** Between C and a whole tile in memory, through which the last columns go where they do not fill one. */
export function copyTile<T>(from: usize, fromRow: usize, to: usize, toRow: usize, rows: i32, cols: i32): void {
  for (let r = 0; r < rows; r++) {
    for (let j: usize = 0; j < <usize>cols; j++) store<T>(to + j * sizeof<T>(), load<T>(from + j * sizeof<T>()));
    from += fromRow;
    to += toRow;
  }
}

/** The tile of that many rows: kernels/tile.ts. */
export function tile<T>(
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
  if (rows > low) tallTile<T>(rows, inner, a, aRow, aInner, b, bInner, start, startRow, c, cRow);
  else lowTile<T>(rows, inner, a, aRow, aInner, b, bInner, start, startRow, c, cRow);
}

/** Rows of the next strip: six while there are plenty, then so that as few rows as can be are computed for nothing. */
export function stripOf(left: i32): i32 {
  if (left > 2 * low) return tall;
  if (left > tall) return low;
  return left;
}
