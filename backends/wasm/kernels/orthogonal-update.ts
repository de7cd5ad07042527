import { madd, sumOfLanes } from './arithmetic';
import { updateRows } from './blocks';
import { squaresF32 } from './norm';
import { packPanels } from './pack';
import { mostInner, tileBytes } from './sheet';
import { copyTile, stripOf, tile } from './strip';
import { thread } from './thread';
import * as sheet from './update-sheet';

/**
 * The updates of all experts off their spans, at their old lengths:  Δ′ = c(Δ − (ΔV)Vᵀ), c = min(‖Δ‖/‖Δ − ΔVVᵀ‖, limit), for
 * Float32 on the output side, Δ = [ΔW; Δb] and V [out, rank].
 *
 * Memory is what it costs beside its two thin products, so Δ is read twice and Δ′ written once: the factor has to be known before
 * Δ′ is. Where the columns of V are orthogonal it is, since then ‖Δ − ΔVVᵀ‖² = ‖Δ‖² − Σ_j (2 − ‖V_j‖²)‖ΔV_j‖². That is only a
 * forecast, as it is wrong for other V and cancels where little is left: it is made where a quarter of ‖Δ‖² is left, and checked
 * against what Δ′ really measures, of which each piece is measured while it is in the first cache. An expert for which it is
 * not made or misses by more than 8 units roundoff is reported as missed, and the host computes it in the plain way.
 *
 * A block of rows is the unit of work and of the sums, whatever the number of threads.
 */

/** What forecast and measure may differ by: 8u. */
const tolerance: f64 = 4.76837158203125e-7; // 2⁻²¹
const width: i32 = 8;

/** In these bounds no square of a Float32 sum of them was lost or overflowed to any effect. */
const least: f32 = 8.271806e-25; // 2⁻⁸⁰

/**
 * Σ x² of at most 256 elements: in Float32, at most 34 roundings for each, and where that might lose anything in Float64.
 */
function squares(x: usize, count: i32): f64 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let at = x;
  let left = count;
  for (; left >= 8; left -= 8) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    s0 = madd<f32>(a, a, s0);
    s1 = madd<f32>(b, b, s1);
    at += 32;
  }
  let sum = sumOfLanes<f32>(f32x4.add(s0, s1));
  for (; left > 0; left--, at += 4) {
    const value = load<f32>(at);
    sum += value * value;
  }
  return sum > least && sum < f32.MAX_VALUE ? <f64>sum : squaresF32(x, count);
}

/** x ← factor · x, and Σ x² of the new ones as above. */
function scaledSquares(x: usize, count: i32, factor: f32): f64 {
  const by = f32x4.splat(factor);
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let at = x;
  let left = count;
  for (; left >= 8; left -= 8) {
    const a = f32x4.mul(v128.load(at), by);
    const b = f32x4.mul(v128.load(at, 16), by);
    v128.store(at, a);
    v128.store(at, b, 16);
    s0 = madd<f32>(a, a, s0);
    s1 = madd<f32>(b, b, s1);
    at += 32;
  }
  let sum = sumOfLanes<f32>(f32x4.add(s0, s1));
  for (; left > 0; left--, at += 4) {
    const value = load<f32>(at) * factor;
    store<f32>(at, value);
    sum += value * value;
  }
  return sum > least && sum < f32.MAX_VALUE ? <f64>sum : squaresF32(x, count);
}

function spanAt(job: usize, expert: i32): usize {
  return load<usize>(job, sheet.v) + <usize>expert * load<usize>(job, sheet.vExpert);
}

/** Whether V is read where it lies, as the host found that it can be. */
function inPlace(job: usize): bool {
  return load<usize>(job, sheet.panels) === 0;
}

function sharesAt(job: usize, expert: i32): usize {
  return load<usize>(job, sheet.shares) + ((<usize>(expert * load<i32>(job, sheet.rankStep))) << 3);
}

/** 2 − ‖V_j‖² of each column. */
function shareColumns(job: usize, expert: i32, v: usize): void {
  const cols = load<i32>(job, sheet.cols);
  const rank = load<i32>(job, sheet.rank);
  const vRow = load<usize>(job, sheet.vRow);
  const vCol = load<usize>(job, sheet.vCol);
  const shares = sharesAt(job, expert);
  for (let j = 0; j < rank; j++) store<f64>(shares + ((<usize>j) << 3), 2);
  for (let col = 0; col < cols; col++) {
    let at = v + <usize>col * vRow;
    const end = shares + ((<usize>rank) << 3);
    for (let share = shares; share < end; share += 8, at += vCol) {
      const value = <f64>load<f32>(at);
      store<f64>(share, load<f64>(share) - value * value);
    }
  }
}

/** V [out, rank], where it has to be, and Vᵀ into panels. */
function packSpan(job: usize, expert: i32): void {
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
  const transposed = load<usize>(job, sheet.transposed) + <usize>expert * load<usize>(job, sheet.transposedBytes);
  packPanels<f32>(v, vCol, vRow, rank, cols, transposed);
  shareColumns(job, expert, v);
}

/** Block `block` of an expert: where its rows begin in an array of weights, and in that of biases. */
function rowsAt(job: usize, weight: usize, bias: usize, expert: i32, block: i32): usize {
  const cols = load<i32>(job, sheet.cols);
  if (block === load<i32>(job, sheet.blocks) - 1) return bias + ((<usize>expert * cols) << 2);
  return weight + (((<usize>expert * load<i32>(job, sheet.rows) + block * updateRows) * cols) << 2);
}

function rowsOf(job: usize, block: i32): i32 {
  if (block === load<i32>(job, sheet.blocks) - 1) return 1;
  return min(updateRows, load<i32>(job, sheet.rows) - block * updateRows);
}

function alongAt(job: usize, expert: i32, block: i32): usize {
  const rows = load<i32>(job, sheet.rows);
  const row = block === load<i32>(job, sheet.blocks) - 1 ? rows : block * updateRows;
  return load<usize>(job, sheet.along) + <usize>((expert * (rows + 1) + row) * load<i32>(job, sheet.rankStep)) * 4;
}

function sumsAt(job: usize, expert: i32, block: i32): usize {
  return load<usize>(job, sheet.sums) + <usize>(expert * load<i32>(job, sheet.blocks) + block) * 24;
}

/** −ΔV of a block of rows, ‖Δ‖² and what the forecast takes off it.  [row, out] · [out, rank] -> [row, rank] */
function projectOnto(job: usize, expert: i32, block: i32): void {
  const cols = load<i32>(job, sheet.cols);
  const rankStep = load<i32>(job, sheet.rankStep);
  const rowBytes = (<usize>cols) << 2;
  const alongBytes = (<usize>rankStep) << 2;
  const from = rowsAt(job, load<usize>(job, sheet.weight), load<usize>(job, sheet.bias), expert, block);
  const rows = rowsOf(job, block);
  const along = alongAt(job, expert, block);
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
      let panel = panels + <usize>col * panelInner;
      let to = along + <usize>r * alongBytes;
      for (let j = 0; j < rankStep; j += width) {
        tile<f32>(height, length, a, rowBytes, 4, panel, panelInner, col === 0 ? 0 : to, alongBytes, to, alongBytes);
        panel += panelStep;
        to += tileBytes;
      }
      for (let i = 0; i < height; i++) ofDelta += squares(a + <usize>i * rowBytes, length);
    }
  }
  const rank = load<i32>(job, sheet.rank);
  const shares = sharesAt(job, expert);
  let taken: f64 = 0;
  for (let r = 0; r < rows; r++) {
    const row = along + <usize>r * alongBytes;
    for (let j: usize = 0; j < <usize>rank; j++) {
      const value = <f64>load<f32>(row + (j << 2));
      taken += load<f64>(shares + (j << 3)) * value * value;
    }
    for (let at = row; at < row + alongBytes; at += 16) v128.store(at, f32x4.neg(v128.load(at)));
  }
  const sums = sumsAt(job, expert, block);
  store<f64>(sums, ofDelta);
  store<f64>(sums, taken, 8);
}

/** Σ over the blocks of an expert of one of its three sums. */
function total(job: usize, expert: i32, which: i32): f64 {
  const blocks = load<i32>(job, sheet.blocks);
  let sum: f64 = 0;
  for (let block = 0; block < blocks; block++) sum += load<f64>(sumsAt(job, expert, block) + ((<usize>which) << 3));
  return sum;
}

/** The factor by the forecast, 1 where none is made. */
function foreseen(job: usize, expert: i32): f32 {
  if (load<i32>(job, sheet.renorm) === 0) return 1;
  const before = total(job, expert, 0);
  const after = before - total(job, expert, 1);
  if (!(after >= 0.25 * before) || before === 0 || before === Infinity) return 1;
  return <f32>min(sqrt(before / after), load<f64>(job, sheet.limit));
}

/** c(Δ + along·Vᵀ) of a block of rows, and its squares.  [row, rank] · [rank, out] -> [row, out] */
function leave(job: usize, expert: i32, block: i32): void {
  const cols = load<i32>(job, sheet.cols);
  const rank = load<i32>(job, sheet.rank);
  const rowBytes = (<usize>cols) << 2;
  const alongBytes = (<usize>load<i32>(job, sheet.rankStep)) << 2;
  const from = rowsAt(job, load<usize>(job, sheet.weight), load<usize>(job, sheet.bias), expert, block);
  const to = rowsAt(job, load<usize>(job, sheet.newWeight), load<usize>(job, sheet.newBias), expert, block);
  const rows = rowsOf(job, block);
  const along = alongAt(job, expert, block);
  const panels = load<usize>(job, sheet.transposed) + <usize>expert * load<usize>(job, sheet.transposedBytes);
  const panelBytes = <usize>rank * tileBytes;
  const edgeTile = load<usize>(job, sheet.scratch) + <usize>thread * load<usize>(job, sheet.scratchBytes);
  const factor = foreseen(job, expert);
  let ofResult: f64 = 0;
  for (let col = 0; col < cols; col += mostInner) {
    const length = min(mostInner, cols - col);
    let height = 0;
    for (let r = 0; r < rows; r += height) {
      height = stripOf(rows - r);
      const a = along + <usize>r * alongBytes;
      const place = <usize>r * rowBytes + ((<usize>col) << 2);
      let panel = panels + <usize>(col / width) * panelBytes;
      let start = from + place;
      let c = to + place;
      let left = length;
      for (; left >= width; left -= width) {
        tile<f32>(height, rank, a, alongBytes, 4, panel, tileBytes, start, rowBytes, c, rowBytes);
        panel += panelBytes;
        start += tileBytes;
        c += tileBytes;
      }
      if (left > 0) {
        // The last columns fill no whole tile: they go through one in memory.
        copyTile<f32>(start, rowBytes, edgeTile, tileBytes, height, left);
        tile<f32>(height, rank, a, alongBytes, 4, panel, tileBytes, edgeTile, tileBytes, edgeTile, tileBytes);
        copyTile<f32>(edgeTile, tileBytes, c, rowBytes, height, left);
      }
      for (let i = 0; i < height; i++) {
        const row = to + place + <usize>i * rowBytes;
        ofResult += factor === 1 ? squares(row, length) : scaledSquares(row, length, factor);
      }
    }
  }
  store<f64>(sumsAt(job, expert, block), ofResult, 16);
}

/** What an expert kept, once its Δ′ is there, and whether its factor is the right one. */
function judge(job: usize, expert: i32): void {
  const renorm = load<i32>(job, sheet.renorm) !== 0;
  const factor = foreseen(job, expert);
  const before = sqrt(total(job, expert, 0));
  const after = sqrt(total(job, expert, 2)) / <f64>factor;
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
  const blocks = load<i32>(job, sheet.blocks);
  for (let expert = first; expert < last; expert++) {
    packSpan(job, expert);
    for (let block = 0; block < blocks; block++) projectOnto(job, expert, block);
    for (let block = 0; block < blocks; block++) leave(job, expert, block);
    judge(job, expert);
  }
}

/** The same in four steps, for more threads than experts can occupy; work items of the second and third are blocks. */
export function updatePack(job: usize, first: i32, last: i32): void {
  for (let expert = first; expert < last; expert++) packSpan(job, expert);
}
export function updateOnto(job: usize, first: i32, last: i32): void {
  const blocks = load<i32>(job, sheet.blocks);
  for (let item = first; item < last; item++) projectOnto(job, item / blocks, item % blocks);
}
export function updateLeave(job: usize, first: i32, last: i32): void {
  const blocks = load<i32>(job, sheet.blocks);
  for (let item = first; item < last; item++) leave(job, item / blocks, item % blocks);
}
export function updateJudge(job: usize, first: i32, last: i32): void {
  for (let expert = first; expert < last; expert++) judge(job, expert);
}
