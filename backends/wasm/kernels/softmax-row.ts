import { lanes } from './arithmetic';
import { dot, exponentials, highest, loadPart, scale, storePart } from './rows';

/** Softmax of one row and what flows back through it: for the kernels of softmax, of the gate and of attention. */

/** yᵢ = e^{xᵢ − m} / Σⱼ e^{xⱼ − m}, m the largest; x and y may be one. */
export function softmaxRow<T>(x: usize, y: usize, n: i32): void {
  const total = exponentials<T>(x, y, n, highest<T>(x, n));
  scale<T>(y, y, n, <T>1 / total);
}

/** to = y (g − Σ g y) · factor; `to` and g may be one. */
export function softmaxGradientRow<T>(y: usize, g: usize, to: usize, n: i32, factor: T): void {
  const zero = v128.splat<T>(<T>0);
  const mean = v128.splat<T>(dot<T>(y, g, n));
  const f = v128.splat<T>(factor);
  for (; n > 0; n -= lanes<T>()) {
    const part = n < lanes<T>();
    const weight = part ? loadPart<T>(y, n, zero) : v128.load(y);
    const slope = v128.sub<T>(part ? loadPart<T>(g, n, zero) : v128.load(g), mean);
    const result = v128.mul<T>(v128.mul<T>(weight, slope), f);
    if (part) storePart<T>(to, n, result);
    else v128.store(to, result);
    y += 16;
    g += 16;
    to += 16;
  }
}
