/**
 * Strided views, walked along a table that the host writes (backends/wasm/layout.ts): for each axis, from the innermost
 * outwards, its size and the step between neighbours in bytes, both i32.
 */

/** How many bytes from the first element the element at place `at` (row-major) of the view lies. */
export function stridedOffset(table: usize, rank: i32, at: i32): isize {
  let rest = at;
  let offset: isize = 0;
  for (let axis = 0; axis < rank; axis++) {
    const size = load<i32>(table + ((<usize>axis) << 3));
    const step = load<i32>(table + ((<usize>axis) << 3), 4);
    const outer = rest / size;
    offset += (rest - outer * size) * step;
    rest = outer;
  }
  return offset;
}
