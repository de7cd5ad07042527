/**
 * Softmax and its logarithm. A lane that is −∞ throughout has no distribution and gives NaN.
 */
import { mapLanes, type Real } from '../array.ts';

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
