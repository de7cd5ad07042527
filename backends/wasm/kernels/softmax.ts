import { lanes } from './arithmetic';
import { log } from './log';
import { exponentials, highest, loadPart, rowAt, scale, storePart } from './rows';
import { softmaxGradientRow, softmaxRow } from './softmax-row';

/** Softmax, its logarithm, cross entropy, and what flows back. Work items are rows of `width` elements. */

function softmax<T>(x: usize, y: usize, width: i32, first: i32, last: i32): void {
  for (let row = first; row < last; row++) softmaxRow<T>(rowAt<T>(x, row, width), rowAt<T>(y, row, width), width);
}
export function softmaxF32(x: usize, y: usize, width: i32, first: i32, last: i32): void {
  softmax<f32>(x, y, width, first, last);
}
export function softmaxF64(x: usize, y: usize, width: i32, first: i32, last: i32): void {
  softmax<f64>(x, y, width, first, last);
}

function softmaxGradient<T>(y: usize, g: usize, to: usize, width: i32, first: i32, last: i32): void {
  for (let row = first; row < last; row++) {
    softmaxGradientRow<T>(rowAt<T>(y, row, width), rowAt<T>(g, row, width), rowAt<T>(to, row, width), width, <T>1);
  }
}
export function softmaxGradientF32(y: usize, g: usize, to: usize, width: i32, first: i32, last: i32): void {
  softmaxGradient<f32>(y, g, to, width, first, last);
}
export function softmaxGradientF64(y: usize, g: usize, to: usize, width: i32, first: i32, last: i32): void {
  softmaxGradient<f64>(y, g, to, width, first, last);
}

/** ln Σ e^{x − m} of one row */
function logSum<T>(x: usize, width: i32, m: T): T {
  return v128.extract_lane<T>(log<T>(v128.splat<T>(exponentials<T>(x, 0, width, m))), 0);
}

// (x − m) − ln Σ e^{x − m}
function logSoftmax<T>(x: usize, y: usize, width: i32, first: i32, last: i32): void {
  for (let row = first; row < last; row++) {
    let from = rowAt<T>(x, row, width);
    let to = rowAt<T>(y, row, width);
    const highestOfRow = highest<T>(from, width);
    const m = v128.splat<T>(highestOfRow);
    const whole = v128.splat<T>(logSum<T>(from, width, highestOfRow));
    for (let n = width; n > 0; n -= lanes<T>()) {
      if (n >= lanes<T>()) v128.store(to, v128.sub<T>(v128.sub<T>(v128.load(from), m), whole));
      else storePart<T>(to, n, v128.sub<T>(v128.sub<T>(loadPart<T>(from, n, m), m), whole));
      from += 16;
      to += 16;
    }
  }
}
export function logSoftmaxF32(x: usize, y: usize, width: i32, first: i32, last: i32): void {
  logSoftmax<f32>(x, y, width, first, last);
}
export function logSoftmaxF64(x: usize, y: usize, width: i32, first: i32, last: i32): void {
  logSoftmax<f64>(x, y, width, first, last);
}

// ln Σ e^{z − m} − (z_c − m) for the label c of each row
function crossEntropy<T>(z: usize, labels: usize, y: usize, width: i32, first: i32, last: i32): void {
  for (let row = first; row < last; row++) {
    const logits = rowAt<T>(z, row, width);
    const m = highest<T>(logits, width);
    const label = load<i32>(rowAt<i32>(labels, row, 1));
    const atLabel = load<T>(rowAt<T>(logits, label, 1));
    store<T>(rowAt<T>(y, row, 1), logSum<T>(logits, width, m) - (atLabel - m));
  }
}
export function crossEntropyF32(z: usize, labels: usize, y: usize, width: i32, first: i32, last: i32): void {
  crossEntropy<f32>(z, labels, y, width, first, last);
}
export function crossEntropyF64(z: usize, labels: usize, y: usize, width: i32, first: i32, last: i32): void {
  crossEntropy<f64>(z, labels, y, width, first, last);
}

// g (softmax(z) − onehot(c)); a label that is no class is none of them
function crossEntropyGradient<T>(
  z: usize,
  labels: usize,
  g: usize,
  to: usize,
  width: i32,
  first: i32,
  last: i32,
): void {
  for (let row = first; row < last; row++) {
    const result = rowAt<T>(to, row, width);
    softmaxRow<T>(rowAt<T>(z, row, width), result, width);
    const label = load<i32>(rowAt<i32>(labels, row, 1));
    if (label >= 0 && label < width) {
      const at = rowAt<T>(result, label, 1);
      store<T>(at, load<T>(at) - <T>1);
    }
    scale<T>(result, result, width, load<T>(rowAt<T>(g, row, 1)));
  }
}
export function crossEntropyGradientF32(
  z: usize,
  labels: usize,
  g: usize,
  to: usize,
  width: i32,
  first: i32,
  last: i32,
): void {
  crossEntropyGradient<f32>(z, labels, g, to, width, first, last);
}
export function crossEntropyGradientF64(
  z: usize,
  labels: usize,
  g: usize,
  to: usize,
  width: i32,
  first: i32,
  last: i32,
): void {
  crossEntropyGradient<f64>(z, labels, g, to, width, first, last);
}
