import { updateRows } from './blocks';
import * as sheet from './update-sheet';

/** Where the pieces of an expert lie, by the job sheet of orthogonalUpdate. */

/** V of an expert. */
export function spanAt(job: usize, expert: i32): usize {
  return load<usize>(job, sheet.v) + <usize>expert * load<usize>(job, sheet.vExpert);
}

/** 2 − ‖V_j‖² of its columns. */
export function sharesAt(job: usize, expert: i32): usize {
  return load<usize>(job, sheet.shares) + ((<usize>(expert * load<i32>(job, sheet.rankStep))) << 3);
}

/** The right factor of what is subtracted from it, in panels. */
export function rightAt(job: usize, expert: i32): usize {
  return load<usize>(job, sheet.right) + <usize>expert * load<usize>(job, sheet.rightBytes);
}

/** Of the left factor, the first row of a block of rows. */
export function leftAt(job: usize, expert: i32, block: i32): usize {
  const expertAt = load<usize>(job, sheet.left) + <usize>expert * load<usize>(job, sheet.leftExpert);
  return expertAt + <usize>firstRow(job, block) * load<usize>(job, sheet.leftRow);
}

/** The bias, where it takes part, is a block by itself behind the others. */
function isBias(job: usize, block: i32): bool {
  return block * updateRows >= load<i32>(job, sheet.rows);
}

/** The first row of a block; that of the bias comes after those of ΔW. */
function firstRow(job: usize, block: i32): i32 {
  return min(block * updateRows, load<i32>(job, sheet.rows));
}

export function rowsOf(job: usize, block: i32): i32 {
  return isBias(job, block) ? 1 : min(updateRows, load<i32>(job, sheet.rows) - block * updateRows);
}

/** Where a block begins in an array of weights, or in that of biases. */
export function blockAt(job: usize, weight: usize, bias: usize, expert: i32, block: i32): usize {
  const cols = load<i32>(job, sheet.cols);
  if (isBias(job, block)) return bias + ((<usize>expert * cols) << 2);
  return weight + (((<usize>expert * load<i32>(job, sheet.rows) + block * updateRows) * cols) << 2);
}

/** The two sums of a block of what is measured before the factor is known, and the one of a block of Δ′. */
export function sumsBefore(job: usize, expert: i32, block: i32): usize {
  return load<usize>(job, sheet.before) + ((<usize>(expert * load<i32>(job, sheet.ontoBlocks) + block)) << 4);
}
export function sumAfter(job: usize, expert: i32, block: i32): usize {
  return load<usize>(job, sheet.after) + ((<usize>(expert * load<i32>(job, sheet.blocks) + block)) << 3);
}
