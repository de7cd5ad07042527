import { mostInner, tileBytes } from './sheet';
import { copyTile, stripOf, tile } from './strip';
import { thread } from './thread';
import { packSpan, projectOnto } from './update-onto';
import { blockAt, leftAt, rightAt, rowsOf, sumAfter, sumsBefore } from './update-places';
import * as sheet from './update-sheet';
import { scaledSquares, squares } from './update-squares';

/**
 * The updates of all experts off their spans, at their old lengths, for Float32 and Δ = [ΔW; Δb]:
 *   output side, V [out, rank]:  Δ′ = c(Δ − (ΔV)Vᵀ),   input side, V [row, rank]:  Δ′ = c(Δ − V(VᵀΔ)),
 * c = min(‖Δ‖/‖Δ − …‖, limit). Both are Δ + left·right, left rows by rank and right rank by columns: one is V, the other is computed.
 *
 * Memory is what it costs beside its two thin products, so Δ is read twice and Δ′ written once: the factor has to be known before
 * Δ′ is. Where the columns of V are orthogonal it is, since then ‖Δ − ΔVVᵀ‖² = ‖Δ‖² − Σ_j (2 − ‖V_j‖²)‖ΔV_j‖², and so with VᵀΔ. That
 * is only a forecast, as it is wrong for other V and cancels where little is left: it is made where a quarter of ‖Δ‖² is left, and
 * checked against what Δ′ really measures, of which each piece is measured while it is in the first cache. An expert for which it is
 * not made or misses by more than 8 units roundoff is reported as missed, and the host computes it in the plain way.
 *
 * What is before the factor goes by blocks of rows on the output side and of columns on the input side (update-onto.ts), Δ′ by
 * blocks of rows. Blocks are the units of work and of the sums, whatever the number of threads.
 */

/** What forecast and measure may differ by: 8u. */
const tolerance: f64 = 4.76837158203125e-7; // 2⁻²¹
const width: i32 = 8;

/** Of the two sums before the factor, over all blocks of an expert: ‖Δ‖² and what the forecast takes off it. */
function totalBefore(job: usize, expert: i32, which: usize): f64 {
  const blocks = load<i32>(job, sheet.ontoBlocks);
  let sum: f64 = 0;
  for (let block = 0; block < blocks; block++) sum += load<f64>(sumsBefore(job, expert, block) + (which << 3));
  return sum;
}

/** ‖Δ′‖² */
function totalAfter(job: usize, expert: i32): f64 {
  const blocks = load<i32>(job, sheet.blocks);
  let sum: f64 = 0;
  for (let block = 0; block < blocks; block++) sum += load<f64>(sumAfter(job, expert, block));
  return sum;
}

/** The factor by the forecast, 1 where none is made. */
function foreseen(job: usize, expert: i32): f32 {
  if (load<i32>(job, sheet.renorm) === 0) return 1;
  const before = totalBefore(job, expert, 0);
  const after = before - totalBefore(job, expert, 1);
  if (!(after >= 0.25 * before) || before === 0 || before === Infinity) return 1;
  return <f32>min(sqrt(before / after), load<f64>(job, sheet.limit));
}

/** c(Δ + left·right) of a block of rows, and its squares.  [row, rank] · [rank, out] -> [row, out] */
function leave(job: usize, expert: i32, block: i32): void {
  const cols = load<i32>(job, sheet.cols);
  const rank = load<i32>(job, sheet.rank);
  const rowBytes = (<usize>cols) << 2;
  const leftRow = load<usize>(job, sheet.leftRow);
  const leftInner = load<usize>(job, sheet.leftInner);
  const from = blockAt(job, load<usize>(job, sheet.weight), load<usize>(job, sheet.bias), expert, block);
  const to = blockAt(job, load<usize>(job, sheet.newWeight), load<usize>(job, sheet.newBias), expert, block);
  const rows = rowsOf(job, block);
  const left = leftAt(job, expert, block);
  const panels = rightAt(job, expert);
  const panelBytes = <usize>rank * tileBytes;
  const edgeTile = load<usize>(job, sheet.scratch) + <usize>thread * load<usize>(job, sheet.scratchBytes);
  const factor = foreseen(job, expert);
  let ofResult: f64 = 0;
  for (let col = 0; col < cols; col += mostInner) {
    const length = min(mostInner, cols - col);
    let height = 0;
    for (let r = 0; r < rows; r += height) {
      height = stripOf(rows - r);
      const a = left + <usize>r * leftRow;
      const place = <usize>r * rowBytes + ((<usize>col) << 2);
      let panel = panels + <usize>(col / width) * panelBytes;
      let start = from + place;
      let c = to + place;
      let remaining = length;
      for (; remaining >= width; remaining -= width) {
        tile<f32>(height, rank, a, leftRow, leftInner, panel, tileBytes, start, rowBytes, c, rowBytes);
        panel += panelBytes;
        start += tileBytes;
        c += tileBytes;
      }
      if (remaining > 0) {
        // The last columns fill no whole tile: they go through one in memory.
        copyTile<f32>(start, rowBytes, edgeTile, tileBytes, height, remaining);
        tile<f32>(height, rank, a, leftRow, leftInner, panel, tileBytes, edgeTile, tileBytes, edgeTile, tileBytes);
        copyTile<f32>(edgeTile, tileBytes, c, rowBytes, height, remaining);
      }
      for (let i = 0; i < height; i++) {
        const row = to + place + <usize>i * rowBytes;
        ofResult += factor === 1 ? squares(row, length) : scaledSquares(row, length, factor);
      }
    }
  }
  store<f64>(sumAfter(job, expert, block), ofResult);
}

/** What an expert kept, once its Δ′ is there, and whether its factor is the right one. */
function judge(job: usize, expert: i32): void {
  const renorm = load<i32>(job, sheet.renorm) !== 0;
  const factor = foreseen(job, expert);
  const before = sqrt(totalBefore(job, expert, 0));
  const after = sqrt(totalAfter(job, expert)) / <f64>factor;
  const gone = after <= 1e-6 * before && before !== 0;
  const right = gone || before === 0 ? 1 : min(before / after, load<f64>(job, sheet.limit));
  const hit = !renorm || abs(<f64>factor - right) <= tolerance * right;
  const at = (<usize>expert) << 2;
  store<i32>(load<usize>(job, sheet.missed) + at, hit ? 0 : 1);
  store<f32>(load<usize>(job, sheet.kept) + at, before === 0 ? 1 : <f32>(after / before));
  store<f32>(load<usize>(job, sheet.factor) + at, factor);
  store<u8>(load<usize>(job, sheet.vanished) + <usize>expert, gone ? 1 : 0);
}

/** Work items are experts. */
export function updateExperts(job: usize, first: i32, last: i32): void {
  const ontoBlocks = load<i32>(job, sheet.ontoBlocks);
  const blocks = load<i32>(job, sheet.blocks);
  for (let expert = first; expert < last; expert++) {
    packSpan(job, expert);
    for (let block = 0; block < ontoBlocks; block++) projectOnto(job, expert, block);
    for (let block = 0; block < blocks; block++) leave(job, expert, block);
    judge(job, expert);
  }
}

/** The same in four steps, for more threads than experts can occupy; work items of the second and third are blocks. */
export function updatePack(job: usize, first: i32, last: i32): void {
  for (let expert = first; expert < last; expert++) packSpan(job, expert);
}
export function updateOnto(job: usize, first: i32, last: i32): void {
  const blocks = load<i32>(job, sheet.ontoBlocks);
  for (let item = first; item < last; item++) projectOnto(job, item / blocks, item % blocks);
}
export function updateLeave(job: usize, first: i32, last: i32): void {
  const blocks = load<i32>(job, sheet.blocks);
  for (let item = first; item < last; item++) leave(job, item / blocks, item % blocks);
}
export function updateJudge(job: usize, first: i32, last: i32): void {
  for (let expert = first; expert < last; expert++) judge(job, expert);
}
