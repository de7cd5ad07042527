import { requireOffsets } from './indices.ts';
import { byExpert, clearRest } from './linear.ts';
import { matrixSteps } from './matmul.ts';
import { multiply, type Product } from './product.ts';
import type { WasmKernel } from './runtime.ts';
import { bytesOf } from './storage.ts';

/** Products over rows sorted by expert, without padding: expert e owns rows offsets[e] ≤ r < offsets[e + 1]. */

// x_r W_e for the rows r of e.  [row, in] · [expert, in, out] -> [row, out]
export const groupedMatmul: WasmKernel<object> = (runtime, [x, w, offsets], _, [output]) => {
  const ends = requireOffsets(runtime, 'groupedMatmul', offsets, x.shape[0]);
  const c = runtime.output(output);
  const cols = w.shape[2];
  const list = byExpert(runtime, ends, x, w, null, c);
  multiply(runtime, { dtype: x.dtype, cols, a: matrixSteps(x), b: matrixSteps(w), list });
  clearRest(runtime, ends, c, cols);
  return [c];
};

// Σ_r x_r ⊗ g_r over the rows r of e, in ascending order.  [in, row] · [row, out] -> [expert, in, out]
export const groupedOuter: WasmKernel<object> = (runtime, [x, given, offsets], _, [output]) => {
  const ends = requireOffsets(runtime, 'groupedOuter', offsets, x.shape[0]);
  const c = runtime.output(output);
  const bytes = bytesOf[x.dtype];
  // Where all rows are one, ranges of different lengths would begin at one address, by which `multiply` knows them.
  const g = given.strides[0] === 0 ? runtime.contiguous(given) : given;
  const [[row, col], b] = [matrixSteps(x), matrixSteps(g)];
  const [experts, rows, cols] = output.shape;
  const list = Array.from({ length: experts }, (_, expert): Product => {
    const [first, end] = [ends[expert], ends[expert + 1]];
    return {
      rows,
      inner: end - first,
      a: runtime.address(x) + first * row * bytes,
      b: runtime.address(g) + first * b[0] * bytes,
      c: c.address + expert * rows * cols * bytes,
      start: 0,
    };
  });
  multiply(runtime, { dtype: x.dtype, cols, a: [col, row], b, list });
  return [c];
};
