import { allocate, sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs, HostKernel, HostView } from './kernel.ts';
import { type MatrixView, matrixOf, multiplyInto, transposed } from './matmul.ts';
import { type Lane, softmaxGradientLane } from './normalize.ts';

/** Attention, one head of one sentence at a time: everything in between stays in Float64, what is stored is rounded once. */

/** A row-major matrix of our own, in Float64. */
const matrix = (data: Float64Array, rows: number, cols: number): MatrixView => ({
  data,
  offset: 0,
  rows,
  cols,
  rowStride: cols,
  colStride: 1,
});

/** A·B as a new matrix. */
function product(a: MatrixView, b: MatrixView): MatrixView & { readonly data: Float64Array } {
  const data = new Float64Array(a.rows * b.cols);
  multiplyInto(data, 0, a, b);
  return { ...matrix(data, a.rows, b.cols), data };
}

/** The matrices [position, dim], or [query, key], of every head; `head` counts them in row-major order. */
function forEachHead(
  inputs: readonly HostView[],
  visit: (sentence: number, head: number, matrices: readonly MatrixView[]) => void,
): void {
  const [batch, heads] = inputs[0].shape;
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      visit(
        b,
        b * heads + h,
        inputs.map((x) => matrixOf(x, x.offset + b * x.strides[0] + h * x.strides[1])),
      );
}

/** Softmax over the real keys in place: w_j = e^{s_j - m}/Σ e^{s_j - m}; 0 for the others, and all 0 where none is real. */
function maskedSoftmax(row: Float64Array, real: readonly boolean[]): void {
  let [m, sum] = [Number.NEGATIVE_INFINITY, 0];
  for (let j = 0; j < row.length; j++) if (real[j]) m = Math.max(m, row[j]);
  for (let j = 0; j < row.length; j++) {
    row[j] = real[j] ? Math.exp(row[j] - m) : 0;
    sum += row[j];
  }
  for (let j = 0; j < row.length; j++) if (real[j]) row[j] /= sum;
}

export const attention: HostKernel<CompositeAttrs['attention']> = ([q, k, v, mask], _, [output, square]) => {
  const [y, weights] = [output, square].map(({ shape, dtype }) => allocate(dtype, sizeOf(shape)));
  const [, , positions, dim] = q.shape;
  forEachHead([q, k, v], (sentence, head, [queries, keys, values]) => {
    const real = Array.from(
      { length: positions },
      (_, j) => mask.buffer[mask.offset + sentence * mask.strides[0] + j * mask.strides[1]] !== 0,
    );
    const scores = product(queries, transposed(keys)); // [query, dim] · [dim, key] -> [query, key]
    for (let i = 0; i < scores.data.length; i++) scores.data[i] /= Math.sqrt(dim);
    for (let i = 0; i < positions; i++) maskedSoftmax(scores.data.subarray(i * positions, (i + 1) * positions), real);
    weights.set(scores.data, head * positions * positions);
    multiplyInto(y, head * positions * dim, scores, values); // [query, key] · [key, dim] -> [query, dim]
  });
  return [y, weights];
};

// ∂w = gy vᵀ + gweights;  ∂s = w (∂w - Σ_j ∂w w)/√dim;  ∂q = ∂s k,  ∂k = ∂sᵀ q,  ∂v = wᵀ gy
export const attentionGradient: HostKernel<CompositeAttrs['attentionGradient']> = (inputs, _, outputs) => {
  const [toQueries, toKeys, toValues] = outputs.map(({ shape, dtype }) => allocate(dtype, sizeOf(shape)));
  const [, , positions, dim] = outputs[0].shape;
  forEachHead(inputs, (_sentence, head, [weights, queries, keys, values, gradient, further]) => {
    const slopes = product(gradient, transposed(values)); // [query, dim] · [dim, key] -> [query, key]
    for (let i = 0; i < positions; i++) {
      const [start, from] = [i * positions, further && further.offset + i * further.rowStride];
      if (further)
        for (let j = 0; j < positions; j++) slopes.data[start + j] += further.data[from + j * further.colStride];
      const slope: Lane = [slopes.data, start, 1];
      softmaxGradientLane(
        positions,
        slope,
        [weights.data, weights.offset + i * weights.rowStride, weights.colStride],
        slope,
      );
    }
    for (let i = 0; i < slopes.data.length; i++) slopes.data[i] /= Math.sqrt(dim);
    const at = head * positions * dim;
    multiplyInto(toQueries, at, slopes, keys); // [query, key] · [key, dim] -> [query, dim]
    multiplyInto(toKeys, at, transposed(slopes), queries); // [key, query] · [query, dim] -> [key, dim]
    multiplyInto(toValues, at, transposed(weights), gradient); // [key, query] · [query, dim] -> [key, dim]
  });
  return [toQueries, toKeys, toValues];
};
