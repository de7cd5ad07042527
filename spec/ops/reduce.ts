/**
 * Reductions: many elements become one, along the axes named (all of them by default). The reduced axes disappear, or stay
 * with size 1 under `keepDims`. NaN propagates.
 */
import {
  at,
  fromFunction,
  type Int,
  indices,
  intArray,
  lane,
  normalizeAxes,
  normalizeAxis,
  precondition,
  type Real,
  toFlat,
  withEntry,
} from '../array.ts';

export interface ReductionOptions {
  /** Keep each reduced axis with size 1. Default false. */
  readonly keepDims?: boolean;
}
type Axes = number | readonly number[] | undefined;

/** Applies f to the elements that differ only in their position along the axes, in row-major order. */
export function reduceWith(
  a: Real,
  axes: Axes,
  { keepDims = false }: ReductionOptions,
  f: (elements: number[]) => number,
): Real {
  const reduced = normalizeAxes(axes, a.shape.length);
  const kept = a.shape.map((_, axis) => axis).filter((axis) => !reduced.includes(axis));
  const inner = reduced.map((axis) => a.shape[axis]);
  const shape = keepDims
    ? a.shape.map((size, axis) => (reduced.includes(axis) ? 1 : size))
    : kept.map((axis) => a.shape[axis]);
  return fromFunction(shape, (outer) => {
    const elements: number[] = [];
    for (const position of indices(inner)) {
      const index = new Array<number>(a.shape.length);
      kept.forEach((axis, i) => {
        index[axis] = keepDims ? outer[axis] : outer[i];
      });
      reduced.forEach((axis, i) => {
        index[axis] = position[i];
      });
      elements.push(at(a, index));
    }
    return f(elements);
  });
}

const total = (elements: readonly number[]): number => elements.reduce((sum, x) => sum + x, 0);
const average = (elements: readonly number[]): number => total(elements) / elements.length;
const largest = (elements: readonly number[]): number => elements.reduce((m, x) => Math.max(m, x), -Infinity);
const smallest = (elements: readonly number[]): number => elements.reduce((m, x) => Math.min(m, x), Infinity);

/** Σ xᵢ; 0 of nothing */
export const sum = (a: Real, axes?: Axes, options: ReductionOptions = {}): Real => reduceWith(a, axes, options, total);

/** (1/N) Σ xᵢ; NaN of nothing */
export const mean = (a: Real, axes?: Axes, options: ReductionOptions = {}): Real =>
  reduceWith(a, axes, options, average);

/** The largest element; −∞ of nothing */
export const max = (a: Real, axes?: Axes, options: ReductionOptions = {}): Real =>
  reduceWith(a, axes, options, largest);

/** The smallest element; +∞ of nothing */
export const min = (a: Real, axes?: Axes, options: ReductionOptions = {}): Real =>
  reduceWith(a, axes, options, smallest);

/** 1/(N − correction) · Σ (xᵢ − x̄)², x̄ the mean. Correction 0 (the default) is the biased form, 1 the unbiased one. */
export function variance(
  a: Real,
  axes?: Axes,
  { correction = 0, ...options }: ReductionOptions & { readonly correction?: number } = {},
): Real {
  return reduceWith(a, axes, options, (elements) => {
    const centre = average(elements);
    return total(elements.map((x) => (x - centre) ** 2)) / (elements.length - correction);
  });
}

/** ln Σ e^{xᵢ} = m + ln Σ e^{xᵢ − m} with m = max x (0 where that is infinite), which cannot overflow; −∞ of nothing. */
export const logSumExp = (a: Real, axes?: Axes, options: ReductionOptions = {}): Real =>
  reduceWith(a, axes, options, (elements) => {
    const highest = largest(elements);
    const m = Number.isFinite(highest) ? highest : 0;
    return m + Math.log(total(elements.map((x) => Math.exp(x - m))));
  });

/** √Σ xᵢ², the Euclidean length; 0 of nothing. As everywhere NaN propagates, which it does not in `hypot(∞, NaN)`. */
export const norm = (a: Real, axes?: Axes, options: ReductionOptions = {}): Real =>
  reduceWith(a, axes, options, (elements) => (elements.some(Number.isNaN) ? Number.NaN : Math.hypot(...elements)));

/** The first position of the largest element along one axis. NaN counts as larger than everything. */
export function argmax(a: Real, axis: number, { keepDims = false }: ReductionOptions = {}): Int {
  const along = normalizeAxis(axis, a.shape.length);
  precondition(a.shape[along] > 0, `argmax along axis ${axis} of [${a.shape}] has nothing to choose from`);
  const outer = withEntry(a.shape, along, 1);
  const winners = fromFunction(outer, (start) => {
    const elements = lane(a, along, start);
    const highest = largest(elements); // NaN if there is one
    return elements.findIndex((x) => Object.is(x, highest) || x === highest);
  });
  return intArray(toFlat(winners), keepDims ? outer : a.shape.filter((_, i) => i !== along));
}
