import { allocate, sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs, HostKernel, HostView } from './kernel.ts';
import { type MatrixView, matrixOf, multiplyInto, transposed } from './matmul.ts';

/** [W; b] of one expert, or W alone, copied to Float64: [row, out] */
function participating(weight: HostView, bias: HostView, expert: number, whole: boolean): MatrixView {
  const [, input, cols] = weight.shape;
  const rows = input + (whole ? 1 : 0);
  const data = new Float64Array(rows * cols);
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < cols; j++, at++)
      data[at] =
        i < input
          ? weight.buffer[weight.offset + expert * weight.strides[0] + i * weight.strides[1] + j * weight.strides[2]]
          : bias.buffer[bias.offset + expert * bias.strides[0] + j * bias.strides[1]];
  return { data, offset: 0, rows, cols, rowStride: cols, colStride: 1 };
}

const plainMatrix = (rows: number, cols: number): MatrixView => ({
  data: new Float64Array(rows * cols),
  offset: 0,
  rows,
  cols,
  rowStride: cols,
  colStride: 1,
});

/** Δ − (ΔV)Vᵀ, or Δ − V(VᵀΔ), in Float64 */
function outside(delta: MatrixView, v: MatrixView, side: 'input' | 'output'): Float64Array {
  const { rows, cols, data } = delta;
  const spanned = plainMatrix(rows, cols);
  if (side === 'output') {
    const along = plainMatrix(rows, v.cols);
    multiplyInto(along.data, 0, delta, v); // [row, out] · [out, rank]
    multiplyInto(spanned.data, 0, along, transposed(v)); // [row, rank] · [rank, out]
  } else {
    const along = plainMatrix(v.cols, cols);
    multiplyInto(along.data, 0, transposed(v), delta); // [rank, row] · [row, out]
    multiplyInto(spanned.data, 0, v, along); // [row, rank] · [rank, out]
  }
  return Float64Array.from(spanned.data, (value, i) => data[i] - value);
}

/** s √Σ (x/s)² with s = max |x|; an s of 0 or ∞ is taken as 1 */
function lengthOf(x: ArrayLike<number>): number {
  let scale = 0;
  for (let i = 0; i < x.length; i++) scale = Math.max(scale, Math.abs(x[i]));
  if (scale === 0 || scale === Number.POSITIVE_INFINITY) scale = 1;
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] / scale) ** 2;
  return Math.sqrt(sum) * scale;
}

// Δ′ = c(Δ − (ΔV)Vᵀ) or c(Δ − V(VᵀΔ)), c = min(‖Δ‖/‖·‖, limit):  all in Float64, so that results are rounded once
export const orthogonalUpdate: HostKernel<CompositeAttrs['orthogonalUpdate']> = (
  [weight, bias, v],
  { side, bias: mode, renorm, limit },
  outputs,
) => {
  const [newWeight, newBias, kept, factors, vanished] = outputs.map(({ dtype, shape }) =>
    allocate(dtype, sizeOf(shape)),
  );
  const [experts, rows, cols] = weight.shape;
  const whole = side === 'output' || mode === 'augment';
  for (let e = 0; e < experts; e++) {
    const delta = participating(weight, bias, e, whole);
    const left = outside(delta, matrixOf(v, v.offset + e * v.strides[0]), side);
    const [before, after] = [lengthOf(delta.data), lengthOf(left)];
    const gone = before !== 0 && after <= 1e-6 * before;
    const factor = renorm && before !== 0 && !gone ? Math.min(before / after, limit) : 1;
    for (let i = 0; i < rows * cols; i++) newWeight[e * rows * cols + i] = factor * left[i];
    for (let j = 0; j < cols; j++) {
      const own = bias.buffer[bias.offset + e * bias.strides[0] + j * bias.strides[1]];
      newBias[e * cols + j] = whole ? factor * left[rows * cols + j] : mode === 'free' ? own : 0;
    }
    kept[e] = before === 0 ? 1 : after / before;
    factors[e] = factor;
    vanished[e] = Number(gone);
  }
  return [newWeight, newBias, kept, factors, vanished];
};
