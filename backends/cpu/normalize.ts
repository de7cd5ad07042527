import type { HostArray } from '../../src/backend.ts';
import { allocate, gatherView, sizeOf } from '../../src/shape.ts';
import { requireIndex } from './indices.ts';
import type { CompositeAttrs, HostKernel } from './kernel.ts';
import { mapLanes, readLanes } from './walk.ts';

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
