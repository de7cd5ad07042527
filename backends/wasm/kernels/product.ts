import { activate } from './activation';
import { packPanels, packStrip } from './pack';
import { rowProduct } from './row';
import * as sheet from './sheet';
import { copyTile, stripOf, tile } from './strip';
import { thread } from './thread';

/**
 * Lists of matrix products C = start + A·B that share everything but their addresses, their rows and their inner sizes: one
 * plain product, a batch of them, or one for each expert, of which every one has as many rows as it got.
 *
 * The work is described by a job sheet in memory (sheet.ts), written by the host (backends/wasm/product.ts). A work item is a
 * block of C.
 *
 * Blocking, after Goto and van de Geijn ("Anatomy of high-performance matrix multiplication", 2008), for caches of 32 KiB and 1 MiB:
 * the inner axis is cut in blocks of at most 256, the columns in blocks of at most 512. A block of packed B, 256 x 512
 * float32 or 512 KiB, then stays in the second cache while the rows of C go past it in strips of six. The strip of A,
 * 6 x 256 or 6 KiB, and the panel of B that a tile reads, 256 x 8 or 8 KiB, meet in the first cache.
 *
 * A is never packed as a whole: a strip whose inner axis lies in one piece is read where it is; another one is packed when its
 * turn comes, unless too few tiles read it. B is packed once for all where many rows pass it, by each block for itself
 * where some do, and read where it lies where few do. An element of C is one sum in ascending order of the inner
 * axis, whatever the form of B and however the work was cut: neither threads nor blocks change a bit.
 */

/** The size of a block where an axis is cut in the fewest blocks of at most `most`, as evenly as multiples of 4 allow. */
function evenBlock(size: i32, most: i32): i32 {
  const blocks = (size + most - 1) / most;
  return blocks > 1 ? ((size + blocks - 1) / blocks + 3) & ~3 : size;
}

function entryOf(job: usize, item: i32): usize {
  let entry = job + sheet.headBytes;
  while (load<i32>(entry + sheet.entryBytes, sheet.item) <= item) entry += sheet.entryBytes;
  return entry;
}

/** Where the panel of column `col` begins in packed B, for the block of `length` of the inner axis from `from` on. */
function panelOf<T>(packed: usize, cols: i32, from: i32, length: i32, col: i32): usize {
  const width = <i32>(sheet.tileBytes / sizeof<T>());
  return packed + <usize>(from * ((cols + width - 1) / width) + length * (col / width)) * sheet.tileBytes;
}

/** [rows, inner] · [inner, cols] -> [rows, cols], for one block of C. */
function multiplyBlock<T>(job: usize, entry: usize, fromRow: i32, rows: i32, fromCol: i32, cols: i32): void {
  const width = <i32>(sheet.tileBytes / sizeof<T>());
  const allCols = load<i32>(job, sheet.cols);
  const aRow = load<usize>(job, sheet.aRow);
  const aInner = load<usize>(job, sheet.aInner);
  const form = load<i32>(job, sheet.form);
  const bInner = load<usize>(job, sheet.bInner);
  const bCol = load<usize>(job, sheet.bCol);
  const cRow = load<usize>(job, sheet.cRow);
  const inner = load<i32>(entry, sheet.inner);
  const b = load<usize>(entry, sheet.b);
  const block = evenBlock(inner, sheet.mostInner);
  const c = load<usize>(entry, sheet.c) + <usize>fromRow * cRow + <usize>fromCol * sizeof<T>();

  const strip = load<usize>(job, sheet.scratch) + <usize>thread * load<usize>(job, sheet.scratchBytes);
  const edgeTile = strip + <usize>(sheet.tall * sheet.mostInner) * sizeof<T>();
  const ownPanels = edgeTile + <usize>(sheet.tall * sheet.tileBytes);
  const packsStrip = aInner !== sizeof<T>() && cols > 2 * width;
  const edge = cols % width;

  // The first block of the inner axis begins with `start`, the others with what C holds.
  let start = load<usize>(entry, sheet.start);
  let startRow = load<usize>(job, sheet.startRow);
  if (start !== 0) start += <usize>fromRow * startRow + <usize>fromCol * sizeof<T>();
  let a = load<usize>(entry, sheet.a) + <usize>fromRow * aRow;
  if (rows === 1 && form === sheet.inPlace) {
    rowProduct<T>(inner, a, aInner, b + <usize>fromCol * sizeof<T>(), bInner, start, c, cols);
    finish<T>(job, c, cRow, rows, cols);
    return;
  }
  let from = 0;
  do {
    const length = min(block, inner - from);
    // The panels of this block: where the first one begins, the step to the next and that within one.
    let panels = b + <usize>from * bInner + <usize>fromCol * bCol;
    let panelStep: usize = sheet.tileBytes;
    let panelInner = bInner;
    if (form === sheet.inPlace) {
      if (edge !== 0) packPanels<T>(panels + <usize>(cols - edge) * sizeof<T>(), bInner, bCol, length, edge, ownPanels);
    } else {
      if (form === sheet.inPanels) panels = panelOf<T>(b, allCols, from, length, fromCol);
      else {
        packPanels<T>(panels, bInner, bCol, length, cols, ownPanels);
        panels = ownPanels;
      }
      panelStep = <usize>length * sheet.tileBytes;
      panelInner = sheet.tileBytes;
    }
    let height = 0;
    for (let r = 0; r < rows; r += height) {
      height = stripOf(rows - r);
      let aStrip = a + <usize>r * aRow;
      let stripRow = aRow;
      let stripInner = aInner;
      if (packsStrip) {
        packStrip<T>(aStrip, aRow, aInner, height, length, strip);
        aStrip = strip;
        stripRow = sizeof<T>();
        stripInner = <usize>sheet.tall * sizeof<T>();
      }
      let to = c + <usize>r * cRow;
      let begin = start !== 0 ? start + <usize>r * startRow : 0;
      let panel = panels;
      for (let j = cols - width; j >= 0; j -= width) {
        tile<T>(height, length, aStrip, stripRow, stripInner, panel, panelInner, begin, startRow, to, cRow);
        to += sheet.tileBytes;
        panel += panelStep;
        if (begin !== 0) begin += sheet.tileBytes;
      }
      if (edge !== 0) {
        // The last columns fill no whole tile: they go through one in memory.
        if (form === sheet.inPlace) panel = ownPanels;
        if (begin !== 0) copyTile<T>(begin, startRow, edgeTile, sheet.tileBytes, height, edge);
        tile<T>(
          height,
          length,
          aStrip,
          stripRow,
          stripInner,
          panel,
          sheet.tileBytes,
          begin !== 0 ? edgeTile : 0,
          sheet.tileBytes,
          edgeTile,
          sheet.tileBytes,
        );
        copyTile<T>(edgeTile, sheet.tileBytes, to, cRow, height, edge);
      }
    }
    a += <usize>length * aInner;
    from += length;
    start = c;
    startRow = cRow;
  } while (from < inner);
  finish<T>(job, c, cRow, rows, cols);
}

/** What is left to do with a finished block of C, which still lies in a cache. */
function finish<T>(job: usize, c: usize, cRow: usize, rows: i32, cols: i32): void {
  const activation = load<i32>(job, sheet.activation);
  if (activation !== 0) {
    const toActivated = load<usize>(job, sheet.toActivated);
    for (let r = 0; r < rows; r++) {
      activate<T>(activation - 1, c, c + toActivated, cols);
      c += cRow;
    }
  } else if (load<i32>(job, sheet.negative) !== 0) {
    for (let r = 0; r < rows; r++) {
      for (let j: usize = 0; j < <usize>cols; j++) store<T>(c + j * sizeof<T>(), <T>-load<T>(c + j * sizeof<T>()));
      c += cRow;
    }
  }
}

function multiply<T>(job: usize, first: i32, last: i32): void {
  const cols = load<i32>(job, sheet.cols);
  const rowBlock = load<i32>(job, sheet.rowBlock);
  const colBlock = load<i32>(job, sheet.colBlock);
  const across = (cols + colBlock - 1) / colBlock;
  let entry = entryOf(job, first);
  for (let item = first; item < last; item++) {
    while (load<i32>(entry + sheet.entryBytes, sheet.item) <= item) entry += sheet.entryBytes;
    const at = item - load<i32>(entry, sheet.item);
    const rows = load<i32>(entry, sheet.rows);
    const block = evenBlock(rows, rowBlock);
    const fromRow = (at / across) * block;
    const fromCol = (at % across) * colBlock;
    multiplyBlock<T>(job, entry, fromRow, min(block, rows - fromRow), fromCol, min(colBlock, cols - fromCol));
  }
}

/** Work items are blocks of C, as the job sheet cuts them. */
export function multiplyF32(job: usize, first: i32, last: i32): void {
  multiply<f32>(job, first, last);
}
export function multiplyF64(job: usize, first: i32, last: i32): void {
  multiply<f64>(job, first, last);
}

/**
 * Packs the matrices B of a job sheet: entries with the number of the first work item, `inner`, the address of B at `b` and that
 * of its panels at `c`. A work item is 32 panels of one block of the inner axis.
 */
function pack<T>(job: usize, first: i32, last: i32): void {
  const group = sheet.packedTogether * <i32>(sheet.tileBytes / sizeof<T>());
  const cols = load<i32>(job, sheet.cols);
  const bInner = load<usize>(job, sheet.bInner);
  const bCol = load<usize>(job, sheet.bCol);
  const across = (cols + group - 1) / group;
  let entry = entryOf(job, first);
  for (let item = first; item < last; item++) {
    while (load<i32>(entry + sheet.entryBytes, sheet.item) <= item) entry += sheet.entryBytes;
    const at = item - load<i32>(entry, sheet.item);
    const inner = load<i32>(entry, sheet.inner);
    const block = evenBlock(inner, sheet.mostInner);
    const from = (at / across) * block;
    const fromCol = (at % across) * group;
    const length = min(block, inner - from);
    const b = load<usize>(entry, sheet.b) + <usize>from * bInner + <usize>fromCol * bCol;
    const to = panelOf<T>(load<usize>(entry, sheet.c), cols, from, length, fromCol);
    packPanels<T>(b, bInner, bCol, length, min(group, cols - fromCol), to);
  }
}

/** Work items are groups of panels, as the job sheet counts them. */
export function packF32(job: usize, first: i32, last: i32): void {
  pack<f32>(job, first, last);
}
export function packF64(job: usize, first: i32, last: i32): void {
  pack<f64>(job, first, last);
}
