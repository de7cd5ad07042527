import { packPanels } from './pack';
import { tileBytes } from './sheet';
import { copyTile, stripOf, tile } from './strip';

/** Matrix products of one head of attention: matrices of some ten to some hundred rows that lie in the caches as they are. */

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
      const target = whole ? to : edgeTile;
      const targetRow = whole ? cRow : <usize>tileBytes;
      if (adds && !whole) copyTile<T>(to, cRow, edgeTile, tileBytes, height, edge);
      const start: usize = adds ? target : 0;
      tile<T>(height, inner, strip, aRow, aInner, panel, step, start, targetRow, target, targetRow);
      if (!whole) copyTile<T>(edgeTile, tileBytes, to, cRow, height, edge);
    }
  }
}
