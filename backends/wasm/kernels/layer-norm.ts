import { lanes, madd, sumOfLanes } from './arithmetic';
import { normRows } from './blocks';
import { loadPart, rowAt, squares, storePart, sum } from './rows';

/** Layer norm over rows of `width` elements, and what flows back. */

/** 1/√(variance + ε), the variance taken around the mean in a second pass. */
function inverseDeviation<T>(x: usize, width: i32, mean: T, epsilon: T): T {
  return <T>1 / sqrt<T>(squares<T>(x, width, mean) / <T>width + epsilon);
}

// w (x − mean)/√(variance + ε) + b; work items are rows
function layerNorm<T>(x: usize, w: usize, b: usize, y: usize, width: i32, epsilon: T, first: i32, last: i32): void {
  for (let row = first; row < last; row++) {
    let from = rowAt<T>(x, row, width);
    let to = rowAt<T>(y, row, width);
    const mean = sum<T>(from, width) / <T>width;
    const centre = v128.splat<T>(mean);
    const factor = v128.splat<T>(inverseDeviation<T>(from, width, mean, epsilon));
    let weight = w;
    let bias = b;
    for (let n = width; n > 0; n -= lanes<T>()) {
      const part = n < lanes<T>();
      const value = part ? loadPart<T>(from, n, centre) : v128.load(from);
      const normal = v128.mul<T>(v128.sub<T>(value, centre), factor);
      if (part) storePart<T>(to, n, madd<T>(normal, loadPart<T>(weight, n, centre), loadPart<T>(bias, n, centre)));
      else v128.store(to, madd<T>(normal, v128.load(weight), v128.load(bias)));
      from += 16;
      to += 16;
      weight += 16;
      bias += 16;
    }
  }
}
export function layerNormF32(
  x: usize,
  w: usize,
  b: usize,
  y: usize,
  width: i32,
  epsilon: f64,
  first: i32,
  last: i32,
): void {
  layerNorm<f32>(x, w, b, y, width, <f32>epsilon, first, last);
}
export function layerNormF64(
  x: usize,
  w: usize,
  b: usize,
  y: usize,
  width: i32,
  epsilon: f64,
  first: i32,
  last: i32,
): void {
  layerNorm<f64>(x, w, b, y, width, epsilon, first, last);
}

/**
 * With n = (x − mean)/s and h = g w, for one row:  to = (h − mean(h) − n mean(h n))/s,  and  ofWeight += g n,  ofBias += g.
 */
function gradientRow<T>(
  x: usize,
  w: usize,
  g: usize,
  to: usize,
  ofWeight: usize,
  ofBias: usize,
  width: i32,
  epsilon: T,
): void {
  const zero = v128.splat<T>(<T>0);
  const mean = sum<T>(x, width) / <T>width;
  const inverse = inverseDeviation<T>(x, width, mean, epsilon);
  const centre = v128.splat<T>(mean);
  const factor = v128.splat<T>(inverse);
  // n stays in `to` between the passes.
  let sumOfH = zero;
  let sumOfHN = zero;
  let at: usize = 0;
  for (let n = width; n > 0; n -= lanes<T>()) {
    const part = n < lanes<T>();
    const slope = part ? loadPart<T>(g + at, n, zero) : v128.load(g + at);
    const value = part ? loadPart<T>(x + at, n, centre) : v128.load(x + at);
    const normal = v128.mul<T>(v128.sub<T>(value, centre), factor);
    const h = v128.mul<T>(slope, part ? loadPart<T>(w + at, n, zero) : v128.load(w + at));
    sumOfH = v128.add<T>(sumOfH, h);
    sumOfHN = madd<T>(h, normal, sumOfHN);
    if (part) {
      storePart<T>(to + at, n, normal);
      storePart<T>(ofWeight + at, n, madd<T>(slope, normal, loadPart<T>(ofWeight + at, n, zero)));
      storePart<T>(ofBias + at, n, v128.add<T>(slope, loadPart<T>(ofBias + at, n, zero)));
    } else {
      v128.store(to + at, normal);
      v128.store(ofWeight + at, madd<T>(slope, normal, v128.load(ofWeight + at)));
      v128.store(ofBias + at, v128.add<T>(slope, v128.load(ofBias + at)));
    }
    at += 16;
  }
  const meanOfH = v128.splat<T>(sumOfLanes<T>(sumOfH) / <T>width);
  const meanOfHN = v128.splat<T>(sumOfLanes<T>(sumOfHN) / <T>width);
  at = 0;
  for (let n = width; n > 0; n -= lanes<T>()) {
    const part = n < lanes<T>();
    const slope = part ? loadPart<T>(g + at, n, zero) : v128.load(g + at);
    const h = v128.mul<T>(slope, part ? loadPart<T>(w + at, n, zero) : v128.load(w + at));
    const normal = part ? loadPart<T>(to + at, n, zero) : v128.load(to + at);
    const rest = v128.sub<T>(v128.sub<T>(h, meanOfH), v128.mul<T>(normal, meanOfHN));
    if (part) storePart<T>(to + at, n, v128.mul<T>(rest, factor));
    else v128.store(to + at, v128.mul<T>(rest, factor));
    at += 16;
  }
}

/**
 * Work items are blocks of rows: each leaves its own sums for ∂w and, behind them, ∂b in `partial` [block, 2, width],
 * so that they are the same for any number of threads.
 */
function layerNormGradient<T>(
  x: usize,
  w: usize,
  g: usize,
  to: usize,
  partial: usize,
  rows: i32,
  width: i32,
  epsilon: T,
  first: i32,
  last: i32,
): void {
  for (let block = first; block < last; block++) {
    const ofWeight = rowAt<T>(partial, 2 * block, width);
    const ofBias = rowAt<T>(ofWeight, 1, width);
    memory.fill(ofWeight, 0, 2 * <usize>width * sizeof<T>());
    const end = min(rows, (block + 1) * normRows);
    for (let row = block * normRows; row < end; row++) {
      gradientRow<T>(
        rowAt<T>(x, row, width),
        w,
        rowAt<T>(g, row, width),
        rowAt<T>(to, row, width),
        ofWeight,
        ofBias,
        width,
        epsilon,
      );
    }
  }
}
export function layerNormGradientF32(
  x: usize,
  w: usize,
  g: usize,
  to: usize,
  partial: usize,
  rows: i32,
  width: i32,
  epsilon: f64,
  first: i32,
  last: i32,
): void {
  layerNormGradient<f32>(x, w, g, to, partial, rows, width, <f32>epsilon, first, last);
}
export function layerNormGradientF64(
  x: usize,
  w: usize,
  g: usize,
  to: usize,
  partial: usize,
  rows: i32,
  width: i32,
  epsilon: f64,
  first: i32,
  last: i32,
): void {
  layerNormGradient<f64>(x, w, g, to, partial, rows, width, epsilon, first, last);
}

/** y_j = Σ over the blocks, in their order; work items are columns. `partial` begins at the half to be summed. */
function sumPartial<T>(partial: usize, y: usize, blocks: i32, width: i32, first: i32, last: i32): void {
  let j = first;
  while (j < last) {
    let from = rowAt<T>(partial, j, 1);
    const whole = last - j >= lanes<T>();
    // A single column is summed in every lane, so that its bits do not depend on where a range begins.
    let total = v128.splat<T>(<T>0);
    for (let block = 0; block < blocks; block++) {
      total = v128.add<T>(total, whole ? v128.load(from) : v128.load_splat<T>(from));
      from += 2 * <usize>width * sizeof<T>();
    }
    const to = rowAt<T>(y, j, 1);
    if (whole) v128.store(to, total);
    else v128.store_lane<T>(to, total, 0);
    j += whole ? lanes<T>() : 1;
  }
}
export function sumPartialF32(partial: usize, y: usize, blocks: i32, width: i32, first: i32, last: i32): void {
  sumPartial<f32>(partial, y, blocks, width, first, last);
}
export function sumPartialF64(partial: usize, y: usize, blocks: i32, width: i32, first: i32, last: i32): void {
  sumPartial<f64>(partial, y, blocks, width, first, last);
}
