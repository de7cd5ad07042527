/**
 * Dropout (Srivastava et al. 2014), scaled so that the expected value stays.
 */
import { at, fromFunction, precondition, type Real, sizeOf } from '../array.ts';
import { type Key, uniform } from '../random.ts';

/** yᵢ = xᵢ/(1 − rate) where uᵢ ≥ rate, else 0; uᵢ is draw i of `uniform(key)`, i counted in row-major order. 0 ≤ rate < 1. */
export function dropout(x: Real, rate: number, key: Key): Real {
  precondition(rate >= 0 && rate < 1, `dropout takes 0 ≤ rate < 1, not ${rate}`);
  const u = uniform(key, sizeOf(x.shape));
  let i = 0;
  return fromFunction(x.shape, (index) => (at(u, [i++]) >= rate ? at(x, index) / (1 - rate) : 0));
}
