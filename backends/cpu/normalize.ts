import type { HostArray } from '../../src/backend.ts';
import { allocate, contiguousStrides, gatherView, sizeOf } from '../../src/shape.ts';
import { requireIndex } from './indices.ts';
import type { CompositeAttrs, HostKernel } from './kernel.ts';
import { forEachLane, mapLanes, readLanes } from './walk.ts';

/**
 * Softmax, its logarithm, layer norm and cross entropy: one lane at a time, in Float64, rounded once.
 * A lane whose largest element is infinite has no distribution and gives NaN.
 */

function largest(lane: Float64Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < lane.length; i++) max = Math.max(max, lane[i]);
  return max;
}

/** Σ e^{x - shift} */
function sumOfExp(lane: Float64Array, shift: number): number {
  let sum = 0;
  for (let i = 0; i < lane.length; i++) sum += Math.exp(lane[i] - shift);
  return sum;
}

// e^{x_i - m} / Σ_j e^{x_j - m},  m = max x
function softmaxLane(lane: Float64Array): void {
  const m = largest(lane);
  let sum = 0;
  for (let i = 0; i < lane.length; i++) {
    lane[i] = Math.exp(lane[i] - m);
    sum += lane[i];
  }
  for (let i = 0; i < lane.length; i++) lane[i] /= sum;
}

export const softmax: HostKernel<CompositeAttrs['softmax']> = ([x], { axis }, [output]) => [
  mapLanes(x, axis, allocate(output.dtype, sizeOf(x.shape)), softmaxLane),
];

/** The elements of one lane in a buffer: n of them, from `start` on. */
export type Lane = readonly [data: HostArray, start: number, step: number];

/** result = y (g - Σ g y), one lane of n elements; `result` may be `g` itself. */
export function softmaxGradientLane(
  n: number,
  [result, start, step]: Lane,
  [y, y0, yStep]: Lane,
  [g, g0, gStep]: Lane,
): void {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += g[g0 + i * gStep] * y[y0 + i * yStep];
  for (let i = 0; i < n; i++) result[start + i * step] = y[y0 + i * yStep] * (g[g0 + i * gStep] - sum);
}

export const softmaxGradient: HostKernel<CompositeAttrs['softmaxGradient']> = ([y, g], { axis }, [output]) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  const strides = contiguousStrides(output.shape);
  forEachLane(output.shape, axis, [{ strides, offset: 0 }, y, g], (_, [start, y0, g0]) =>
    softmaxGradientLane(
      output.shape[axis],
      [result, start, strides[axis]],
      [y.buffer, y0, y.strides[axis]],
      [g.buffer, g0, g.strides[axis]],
    ),
  );
  return [result];
};

// (x - m) - log Σ e^{x - m}
function logSoftmaxLane(lane: Float64Array): void {
  const m = largest(lane);
  const logSum = Math.log(sumOfExp(lane, m));
  for (let i = 0; i < lane.length; i++) lane[i] = lane[i] - m - logSum;
}

export const logSoftmax: HostKernel<CompositeAttrs['logSoftmax']> = ([x], { axis }, [output]) => [
  mapLanes(x, axis, allocate(output.dtype, sizeOf(x.shape)), logSoftmaxLane),
];

// w (x - mean)/√(variance + ε) + b
function layerNormLane(lane: Float64Array, w: HostArray, b: HostArray, epsilon: number): void {
  let sum = 0;
  for (let i = 0; i < lane.length; i++) sum += lane[i];
  const mean = sum / lane.length;
  let squares = 0;
  for (let i = 0; i < lane.length; i++) squares += (lane[i] - mean) * (lane[i] - mean);
  const deviation = Math.sqrt(squares / lane.length + epsilon);
  for (let i = 0; i < lane.length; i++) lane[i] = ((lane[i] - mean) / deviation) * w[i] + b[i];
}

export const layerNorm: HostKernel<CompositeAttrs['layerNorm']> = ([x, weight, bias], { epsilon }, [output]) => {
  const [w, b] = [gatherView(weight), gatherView(bias)];
  const result = allocate(output.dtype, sizeOf(x.shape));
  return [mapLanes(x, x.shape.length - 1, result, (lane) => layerNormLane(lane, w, b, epsilon))];
};

// With n = (x - mean)/s, s = √(variance + ε) and h = g w:  ∂x = (h - mean(h) - n mean(h n))/s,  ∂w += g n,  ∂b += g
function layerNormGradientLane(
  toX: HostArray,
  at: number,
  toWeight: Float64Array,
  toBias: Float64Array,
  [x, x0, xStep]: Lane,
  w: HostArray,
  [g, g0, gStep]: Lane,
  epsilon: number,
): void {
  const width = w.length;
  let sum = 0;
  for (let i = 0; i < width; i++) sum += x[x0 + i * xStep];
  const mean = sum / width;
  let squares = 0;
  for (let i = 0; i < width; i++) squares += (x[x0 + i * xStep] - mean) ** 2;
  const deviation = Math.sqrt(squares / width + epsilon);
  let [sumH, sumHN] = [0, 0];
  for (let i = 0; i < width; i++) {
    const n = (x[x0 + i * xStep] - mean) / deviation;
    const slope = g[g0 + i * gStep];
    sumH += slope * w[i];
    sumHN += slope * w[i] * n;
    toWeight[i] += slope * n;
    toBias[i] += slope;
  }
  for (let i = 0; i < width; i++) {
    const n = (x[x0 + i * xStep] - mean) / deviation;
    toX[at + i] = (g[g0 + i * gStep] * w[i] - sumH / width - n * (sumHN / width)) / deviation;
  }
}

export const layerNormGradient: HostKernel<CompositeAttrs['layerNormGradient']> = (
  [x, weight, g],
  { epsilon },
  outputs,
) => {
  const [toX, toWeight, toBias] = outputs.map(({ shape, dtype }) => allocate(dtype, sizeOf(shape)));
  const w = gatherView(weight);
  const [weightSums, biasSums] = [new Float64Array(w.length), new Float64Array(w.length)];
  const last = x.shape.length - 1;
  forEachLane(x.shape, last, [x, g], (row, [x0, g0]) => {
    const [xLane, gLane]: Lane[] = [
      [x.buffer, x0, x.strides[last]],
      [g.buffer, g0, g.strides[last]],
    ];
    layerNormGradientLane(toX, row * w.length, weightSums, biasSums, xLane, w, gLane, epsilon);
  });
  toWeight.set(weightSums);
  toBias.set(biasSums);
  return [toX, toWeight, toBias];
};

// log Σ_j e^{z_j - m} - (z_c - m) for the label c of each row
export const crossEntropy: HostKernel<CompositeAttrs['crossEntropy']> = ([logits, labels], _, [output]) => {
  const label = requireIndex('crossEntropy', labels, logits.shape[1], 'label');
  const result = allocate(output.dtype, label.length);
  readLanes(logits, 1, (lane, row) => {
    const m = largest(lane);
    result[row] = Math.log(sumOfExp(lane, m)) - (lane[label[row]] - m);
  });
  return [result];
};

// g (softmax(z) - onehot(c)) for each row; a label that is no class is none of them
export const crossEntropyGradient: HostKernel<CompositeAttrs['crossEntropyGradient']> = (
  [logits, labels, g],
  _,
  [output],
) => {
  const [label, slope] = [gatherView(labels), gatherView(g)];
  const classes = logits.shape[1];
  const result = allocate(output.dtype, sizeOf(output.shape));
  readLanes(logits, 1, (lane, row) => {
    softmaxLane(lane);
    for (let j = 0; j < classes; j++) result[row * classes + j] = slope[row] * (lane[j] - (j === label[row] ? 1 : 0));
  });
  return [result];
};
