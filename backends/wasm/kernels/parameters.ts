/**
 * All parameters of a model in one call. They are cut in blocks of a fixed size, numbered through; the host's table
 * (backends/wasm/optimizers.ts) has an entry for each parameter: the number of its first block and how many elements it has,
 * both i32, its weight decay as f64, then the addresses of its arrays.
 */

export const blockSize = 1024;
const headBytes: usize = 16;

/** The entry whose parameter has the block, searched from `entry` on, which is not behind it; entries end at `end`. */
export function entryOf(block: i32, entry: usize, end: usize, arrays: i32): usize {
  const bytes = headBytes + ((<usize>arrays) << 2);
  while (entry + bytes < end && load<i32>(entry + bytes) <= block) entry += bytes;
  return entry;
}

/** The first element of a block of the entry's parameter. */
export function startOf(block: i32, entry: usize): i32 {
  return (block - load<i32>(entry)) * blockSize;
}

/** How many elements the block from `start` on has. */
export function lengthFrom(start: i32, entry: usize): i32 {
  return min(blockSize, load<i32>(entry, 4) - start);
}

export function weightDecayOf(entry: usize): f64 {
  return load<f64>(entry, 8);
}

/** The address of element `start` of an array of the entry's parameter. */
export function arrayOf<T>(array: i32, start: i32, entry: usize): usize {
  return load<u32>(entry + headBytes + ((<usize>array) << 2)) + <usize>start * sizeof<T>();
}

/** 16 bytes, or where fewer are left one element in each lane, so that it is computed in the same way. */
export function piece<T>(from: usize, whole: bool): v128 {
  return whole ? v128.load(from) : v128.load_splat<T>(from);
}

export function keep<T>(to: usize, y: v128, whole: bool): void {
  if (whole) v128.store(to, y);
  else v128.store_lane<T>(to, y, 0);
}
