import { updateCols, updateDepth } from './blocks';
import { squaresF32 } from './norm';
import { packPanels } from './pack';
import { mostInner, tall, tileBytes } from './sheet';
import { stripOf, tile } from './strip';
import { thread } from './thread';
import { blockAt, leftAt, rightAt, rowsOf, sharesAt, spanAt, sumsBefore } from './update-places';
import * as sheet from './update-sheet';
import { squares } from './update-squares';

/**
 * What orthogonalUpdate has to know before it can subtract: −ΔV or −VᵀΔ, ‖Δ‖², and what the forecast takes off that. Each element
 * of Δ is read from far away once: what is read is measured at once, row by row, which brings it near for the products.
 */

const width: i32 = 8;

/** 2 − ‖V_j‖² of each column. */
function shareColumns(job: usize, expert: i32): void {
  const size = load<i32>(job, sheet.size);
  const rank = load<i32>(job, sheet.rank);
  const vRow = load<usize>(job, sheet.vRow);
  const vCol = load<usize>(job, sheet.vCol);
  const v = spanAt(job, expert);
  const shares = sharesAt(job, expert);
  for (let j = 0; j < rank; j++) store<f64>(shares + ((<usize>j) << 3), 2);
  for (let row = 0; row < size; row++) {
    let at = v + <usize>row * vRow;
    const end = shares + ((<usize>rank) << 3);
    for (let share = shares; share < end; share += 8, at += vCol) {
      const value = <f64>load<f32>(at);
      store<f64>(share, load<f64>(share) - value * value);
    }
  }
}

/** Whether V is read where it lies, as the host found that it can be. */
function inPlace(job: usize): bool {
  return load<usize>(job, sheet.panels) === 0;
}

/** The shares of V, and on the output side V [out, rank], where it has to be, and Vᵀ into panels. */
export function packSpan(job: usize, expert: i32): void {
  shareColumns(job, expert);
  if (load<i32>(job, sheet.input) !== 0) return;
  const cols = load<i32>(job, sheet.cols);
  const rank = load<i32>(job, sheet.rank);
  const vRow = load<usize>(job, sheet.vRow);
  const vCol = load<usize>(job, sheet.vCol);
  const v = spanAt(job, expert);
  if (!inPlace(job))
    packPanels<f32>(
      v,
      vRow,
      vCol,
      cols,
      rank,
      load<usize>(job, sheet.panels) + <usize>expert * load<usize>(job, sheet.panelBytes),
    );
  packPanels<f32>(v, vCol, vRow, rank, cols, rightAt(job, expert));
}

/** −ΔV or −VᵀΔ of a block: of rows on the output side, of columns on the input side. */
export function projectOnto(job: usize, expert: i32, block: i32): void {
  if (load<i32>(job, sheet.input) !== 0) projectColumns(job, expert, block);
  else projectRows(job, expert, block);
}

/** −ΔV of a block of rows.  [row, out] · [out, rank] -> [row, rank] */
function projectRows(job: usize, expert: i32, block: i32): void {
  const cols = load<i32>(job, sheet.cols);
  const rank = load<i32>(job, sheet.rank);
  const rankStep = load<i32>(job, sheet.rankStep);
  const rowBytes = (<usize>cols) << 2;
  const alongBytes = load<usize>(job, sheet.leftRow);
  const from = blockAt(job, load<usize>(job, sheet.weight), load<usize>(job, sheet.bias), expert, block);
  const rows = rowsOf(job, block);
  const along = leftAt(job, expert, block);
  // The panels of V: where the first begins, the step to the next and that within one.
  let panels = load<usize>(job, sheet.panels) + <usize>expert * load<usize>(job, sheet.panelBytes);
  let panelStep = <usize>cols * tileBytes;
  let panelInner: usize = tileBytes;
  if (inPlace(job)) {
    panels = spanAt(job, expert);
    panelStep = tileBytes;
    panelInner = load<usize>(job, sheet.vRow);
  }
  let ofDelta: f64 = 0;
  for (let col = 0; col < cols; col += mostInner) {
    const length = min(mostInner, cols - col);
    let height = 0;
    for (let r = 0; r < rows; r += height) {
      height = stripOf(rows - r);
      const a = from + <usize>r * rowBytes + ((<usize>col) << 2);
      for (let i = 0; i < height; i++) ofDelta += squares(a + <usize>i * rowBytes, length);
      let panel = panels + <usize>col * panelInner;
      let to = along + <usize>r * alongBytes;
      for (let j = 0; j < rankStep; j += width) {
        tile<f32>(height, length, a, rowBytes, 4, panel, panelInner, col === 0 ? 0 : to, alongBytes, to, alongBytes);
        panel += panelStep;
        to += tileBytes;
      }
    }
  }
  const shares = sharesAt(job, expert);
  let taken: f64 = 0;
  for (let r = 0; r < rows; r++) {
    const row = along + <usize>r * alongBytes;
    for (let j: usize = 0; j < <usize>rank; j++) {
      const value = <f64>load<f32>(row + (j << 2));
      taken += load<f64>(shares + (j << 3)) * value * value;
    }
    negate(row, alongBytes);
  }
  const sums = sumsBefore(job, expert, block);
  store<f64>(sums, ofDelta);
  store<f64>(sums, taken, 8);
}

/**
 * −VᵀΔ of a block of columns.  [rank, row] · [row, out] -> [rank, out], in panels of 8 columns
 *
 * Rows of Δ are a whole number of pages apart at the usual widths, so that a panel of them where they lie would fall on few lines of
 * the first cache: some rows at a time are copied together.
 */
function projectColumns(job: usize, expert: i32, block: i32): void {
  const cols = load<i32>(job, sheet.cols);
  const rank = load<i32>(job, sheet.rank);
  const vRow = load<usize>(job, sheet.vRow);
  const vCol = load<usize>(job, sheet.vCol);
  const rows = load<i32>(job, sheet.rows);
  const all = rows + load<i32>(job, sheet.whole);
  const rowBytes = (<usize>cols) << 2;
  const col = block * updateCols;
  const here = min(updateCols, cols - col);
  const panels = (here + width - 1) / width;
  const panelBytes = <usize>rank * tileBytes;
  const along = rightAt(job, expert) + <usize>(col / width) * panelBytes;
  const packed =
    load<usize>(job, sheet.scratch) + <usize>thread * load<usize>(job, sheet.scratchBytes) + tall * tileBytes;
  const span = spanAt(job, expert);
  let ofDelta: f64 = 0;
  let length = 0;
  for (let row = 0; row < all; row += length) {
    // The bias is the last row of Δ.
    length = row < rows ? min(updateDepth, rows - row) : 1;
    let from = load<usize>(job, sheet.bias) + ((<usize>expert * cols) << 2);
    if (row < rows) from = load<usize>(job, sheet.weight) + ((<usize>(expert * rows + row) * cols) << 2);
    from += (<usize>col) << 2;
    for (let i = 0; i < length; i++) ofDelta += squares(from + <usize>i * rowBytes, here);
    packPanels<f32>(from, rowBytes, 4, length, here, packed);
    const a = span + <usize>row * vRow;
    for (let p = 0; p < panels; p++) {
      const b = packed + <usize>(p * length) * tileBytes;
      const c = along + <usize>p * panelBytes;
      let height = 0;
      for (let j = 0; j < rank; j += height) {
        height = stripOf(rank - j);
        const to = c + <usize>j * tileBytes;
        tile<f32>(
          height,
          length,
          a + <usize>j * vCol,
          vCol,
          vRow,
          b,
          tileBytes,
          row === 0 ? 0 : to,
          tileBytes,
          to,
          tileBytes,
        );
      }
    }
  }
  const shares = sharesAt(job, expert);
  let taken: f64 = 0;
  for (let p = 0; p < panels && all > 0; p++) {
    const panel = along + <usize>p * panelBytes;
    // Columns that the last panel lacks are 0.
    for (let j: usize = 0; j < <usize>rank; j++) {
      const at = panel + j * tileBytes;
      taken += load<f64>(shares + (j << 3)) * squaresF32(at, width);
      negate(at, tileBytes);
    }
  }
  const sums = sumsBefore(job, expert, block);
  store<f64>(sums, ofDelta);
  store<f64>(sums, taken, 8);
}

/** x ← −x, whole v128. */
function negate(x: usize, bytes: usize): void {
  for (let at = x; at < x + bytes; at += 16) v128.store(at, f32x4.neg(v128.load(at)));
}
