import { allocate, sizeOf } from '../../src/shape.ts';
import { requireOffsets } from './indices.ts';
import type { CompositeAttrs, HostKernel, HostView } from './kernel.ts';
import { type MatrixView, matrixOf, multiplyInto, transposed } from './matmul.ts';

/** Products over rows sorted by expert: expert e owns rows offsets[e] ≤ r < offsets[e + 1]; one product an expert. */

export const rowsOf = (x: HostView, first: number, end: number): MatrixView => ({
  ...matrixOf(x, x.offset + first * x.strides[0]),
  rows: end - first,
});

// x_r W_e for the rows r of e; rows of no expert stay 0.  [row, in] · [in, out] -> [row, out]
export const groupedMatmul: HostKernel<CompositeAttrs['groupedMatmul']> = ([x, w, offsets], _, [output]) => {
  const ends = requireOffsets('groupedMatmul', offsets, x.shape[0]);
  const result = allocate(output.dtype, sizeOf(output.shape));
  for (let expert = 0; expert < w.shape[0]; expert++) {
    const [first, end] = [ends[expert], ends[expert + 1]];
    if (first === end) continue;
    const matrix = matrixOf(w, w.offset + expert * w.strides[0]);
    multiplyInto(result, first * matrix.cols, rowsOf(x, first, end), matrix);
  }
  return [result];
};

// Σ_r x_r ⊗ g_r over the rows r of e; 0 for an expert without rows.  [in, row] · [row, out] -> [in, out]
export const groupedOuter: HostKernel<CompositeAttrs['groupedOuter']> = ([x, g, offsets], _, [output]) => {
  const ends = requireOffsets('groupedOuter', offsets, x.shape[0]);
  const result = allocate(output.dtype, sizeOf(output.shape));
  const [experts, input, out] = output.shape;
  for (let expert = 0; expert < experts; expert++) {
    const [first, end] = [ends[expert], ends[expert + 1]];
    if (first === end) continue;
    multiplyInto(result, expert * input * out, transposed(rowsOf(x, first, end)), rowsOf(g, first, end));
  }
  return [result];
};
