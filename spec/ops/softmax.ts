/**
 * Softmax and its logarithm. A lane that is −∞ throughout has no distribution and gives NaN.
 */
import { at, fromFunction, lane, mapLanes, normalizeAxis, precondition, type Real, sameShape } from '../array.ts';

const highest = (lane: readonly number[]): number => lane.reduce((m, x) => Math.max(m, x), -Infinity);

/** softmax(x)ᵢ = e^{xᵢ} / Σⱼ e^{xⱼ} = e^{xᵢ − m} / Σⱼ e^{xⱼ − m}, m = max x, along an axis. */
export const softmax = (x: Real, axis = -1): Real =>
  mapLanes(x, axis, (lane) => {
    const m = highest(lane);
    const exponentials = lane.map((value) => Math.exp(value - m));
    const sum = exponentials.reduce((s, e) => s + e, 0);
    return exponentials.map((e) => e / sum);
  });

/** logSoftmax(x)ᵢ = ln softmax(x)ᵢ = (xᵢ − m) − ln Σⱼ e^{xⱼ − m}, m = max x, along an axis. */
export const logSoftmax = (x: Real, axis = -1): Real =>
  mapLanes(x, axis, (lane) => {
    const m = highest(lane);
    const sum = lane.reduce((s, value) => s + Math.exp(value - m), 0);
    return lane.map((value) => value - m - Math.log(sum));
  });

/**
 * What flows back through y = softmax(x) from the gradient g of y:  ∂xᵢ = yᵢ (gᵢ − Σⱼ gⱼ yⱼ), the sum along the axis.
 * y and g of one shape -> the same shape.
 */
export function softmaxGradient(y: Real, g: Real, axis = -1): Real {
  precondition(
    sameShape(y.shape, g.shape),
    `softmaxGradient takes two arrays of one shape, not [${y.shape}], [${g.shape}]`,
  );
  const along = normalizeAxis(axis, y.shape.length);
  return fromFunction(y.shape, (index) => {
    const [shares, gradients] = [lane(y, along, index), lane(g, along, index)];
    const total = shares.reduce((sum, share, j) => sum + gradients[j] * share, 0);
    return at(y, index) * (at(g, index) - total);
  });
}
