import type { HostArray, Spec } from '../../src/backend.ts';
import { allocate, sizeOf } from '../../src/shape.ts';
import { rowsOf } from './grouped.ts';
import { requireOffsets } from './indices.ts';
import type { CompositeAttrs, HostKernel } from './kernel.ts';
import { type MatrixView, matrixOf, multiplyInto } from './matmul.ts';
import { unaryRows } from './rows.ts';

/** Product, bias and activation in one: z is rounded once, when it is stored, and the activation reads what was stored. */

/** z from `at` on = x·w + b, with b beginning at `from`.  [row, in] · [in, out] + [out] -> [row, out] */
function affineInto(
  z: HostArray,
  at: number,
  x: MatrixView,
  w: MatrixView,
  b: HostArray,
  from: number,
  step: number,
): void {
  const product = new Float64Array(x.rows * w.cols);
  multiplyInto(product, 0, x, w);
  for (let r = 0, i = 0; r < x.rows; r++)
    for (let c = 0, p = from; c < w.cols; c++, i++, p += step) z[at + i] = product[i] + b[p];
}

function withActivation(z: HostArray, { activation }: CompositeAttrs['linear'], { dtype }: Spec): HostArray[] {
  if (activation === 'none') return [z];
  const y = allocate(dtype, z.length);
  unaryRows[activation](y, 0, z.length, z, 0, 1);
  return [y, z];
}

export const linear: HostKernel<CompositeAttrs['linear']> = ([x, w, b], attrs, [output]) => {
  const z = allocate(output.dtype, sizeOf(output.shape));
  affineInto(z, 0, matrixOf(x, x.offset), matrixOf(w, w.offset), b.buffer, b.offset, b.strides[0]);
  return withActivation(z, attrs, output);
};

// Each expert's rows by its own matrix and bias; rows of no expert stay 0, and every activation keeps 0.
export const groupedLinear: HostKernel<CompositeAttrs['groupedLinear']> = ([x, w, b, offsets], attrs, [output]) => {
  const ends = requireOffsets('groupedLinear', offsets, x.shape[0]);
  const z = allocate(output.dtype, sizeOf(output.shape));
  for (let expert = 0; expert < w.shape[0]; expert++) {
    const [first, end] = [ends[expert], ends[expert + 1]];
    if (first === end) continue;
    const matrix = matrixOf(w, w.offset + expert * w.strides[0]);
    const bias = b.offset + expert * b.strides[0];
    affineInto(z, first * matrix.cols, rowsOf(x, first, end), matrix, b.buffer, bias, b.strides[1]);
  }
  return withActivation(z, attrs, output);
};
