import { packPanels } from './pack';
import { tall, tileBytes } from './sheet';
import { low, lowTile, tallTile } from './tile';

/** Matrix products of one head of attention: matrices of some ten to some hundred rows that lie in the caches as they are. */

/** Rows of the next strip: six while there are plenty, then so that few are computed for nothing. */
function stripOf(left: i32): i32 {
  if (left > 2 * low) return tall;
  return left > tall ? low : left;
}

function copyRows<T>(from: usize, fromRow: usize, to: usize, toRow: usize, rows: i32, cols: i32): void {
  for (let r = 0; r < rows; r++) {
    for (let j: usize = 0; j < <usize>cols * sizeof<T>(); j += sizeof<T>()) store<T>(to + j, load<T>(from + j));
    from += fromRow;
    to += toRow;
  }
}

/**
 * c = a · b, or c += a · b where `adds`: [rows, inner] · [inner, cols] -> [rows, cols], all steps in bytes, rows of c in one piece.
 * A panel of b, two v128 wide, stays in the first cache while the rows of a pass it in strips. Where its rows do not lie
 * in one piece, or are all the same, or the panel is the last and not full, it is packed before: a tile counts by its step.
 * @param scratch memory for a panel and a tile: (inner + 6) tileBytes
 */
export function headProduct<T>(
  rows: i32,
  inner: i32,
  cols: i32,
  a: usize,
  aRow: usize,
  aInner: usize,
  b: usize,
  bInner: usize,
  bCol: usize,
  adds: bool,
  c: usize,
  cRow: usize,
  scratch: usize,
): void {
  const width = <i32>(tileBytes / sizeof<T>());
  const edgeTile = scratch + <usize>inner * tileBytes;
  for (let j = 0; j < cols; j += width) {
    const edge = min(width, cols - j);
    const whole = edge === width;
    let panel = b + <usize>j * bCol;
    let step = bInner;
    if (!whole || bCol !== sizeof<T>() || bInner === 0) {
      packPanels<T>(panel, bInner, bCol, inner, edge, scratch);
      panel = scratch;
      step = tileBytes;
    }
    let height = 0;
    for (let r = 0; r < rows; r += height) {
      height = stripOf(rows - r);
      const strip = a + <usize>r * aRow;
      const to = c + <usize>r * cRow + <usize>j * sizeof<T>();
      const tile = whole ? to : edgeTile;
      const tileRow = whole ? cRow : <usize>tileBytes;
      if (adds && !whole) copyRows<T>(to, cRow, edgeTile, tileBytes, height, edge);
      const start: usize = adds ? tile : 0;
      if (height > low) tallTile<T>(height, inner, strip, aRow, aInner, panel, step, start, tileRow, tile, tileRow);
      else lowTile<T>(height, inner, strip, aRow, aInner, panel, step, start, tileRow, tile, tileRow);
      if (!whole) copyRows<T>(edgeTile, tileBytes, to, cRow, height, edge);
    }
  }
}
