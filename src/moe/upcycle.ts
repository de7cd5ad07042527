import { requireCounts, requireOptions } from '../arguments.ts';
import type { Backend } from '../backend.ts';
import { UsageError } from '../errors.ts';
import { type FeedForwardParameters, feedForward } from '../nn/feed-forward.ts';
import { foldIn, type Key } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import { requireMask } from './arguments.ts';
import type { Activation } from './experts.ts';
import type { MoEParameters } from './moe.ts';

export interface UpcycleOptions {
  readonly experts: number;
  /** For the router, drawn afresh: normal with standard deviation 0.02. */
  readonly key: Key;
  /** Standard deviation of noise added to each expert's copy; 0 (default) is an exact copy. */
  readonly noise?: number;
}

/**
 * Sparse upcycling (Komatsuzaki et al. 2022): every expert starts as a copy of one trained feed-forward network.
 * Right after an exact copy with renormalised gates the layer computes the dense function, as Σ g_i FFN(x) = FFN(x);
 * `upcycleError` is the receipt for it. Definition: spec/method/upcycle.ts.
 * @throws UsageError naming the option that is out of its range
 */
export function upcycle(dense: FeedForwardParameters, options: UpcycleOptions): MoEParameters {
  requireOptions('upcycle', options, '{ experts: 4, key: key(0) }');
  const { experts, key, noise = 0 } = options;
  requireCounts('upcycle', { experts });
  if (!(Number.isFinite(noise) && noise >= 0))
    throw new UsageError({ operation: 'upcycle', received: `noise ${noise}`, expected: 'a finite number ≥ 0' });
  const t = dense.fc1.weight.engine;
  const copies = (tensor: Tensor, name: string): Tensor => {
    const copied = tensor
      .expandDims(0)
      .broadcastTo([experts, ...tensor.shape])
      .copy();
    if (noise === 0) return copied;
    return copied.add(t.normal(foldIn(key, name), copied.shape, { sd: noise, dtype: tensor.dtype }));
  };
  const { fc1, fc2 } = dense;
  const width = fc1.weight.shape[0];
  return {
    router: { weight: t.normal(foldIn(key, 'router'), [width, experts], { sd: 0.02, dtype: fc1.weight.dtype }) },
    fc1: { weight: copies(fc1.weight, 'fc1.weight'), bias: copies(fc1.bias, 'fc1.bias') },
    fc2: { weight: copies(fc2.weight, 'fc2.weight'), bias: copies(fc2.bias, 'fc2.bias') },
  };
}

/**
 * The receipt: the largest |MoE(x) − FFN(x)| over real tokens, on the device.
 * @param x [token, width]
 * @param moeOutput the layer's output for x
 * @param mask bool [token]
 */
export function upcycleError(
  x: Tensor,
  dense: FeedForwardParameters,
  moeOutput: Tensor,
  activation: Activation,
  mask: Tensor,
): Tensor {
  requireMask('upcycleError', mask, x.shape[0]);
  const difference = feedForward(x, dense, activation).subtract(moeOutput).abs();
  return mask.expandDims(1).where(difference, 0).max();
}

/**
 * What rounding explains of `upcycleError` where MoE and FFN compute each expert alike: the k gates, quotients by their sum, add
 * up to 1 within the k − 1 roundings of that sum and the division's own, which the backend declares (2u are one unit in the
 * last place or more); weighing and adding k equal rows costs another γ_k. Derivation: spec/method/upcycle.ts.
 */
export function upcycleBound(
  k: number,
  largestOutput: number,
  dtype: 'float32' | 'float64',
  { divide }: Pick<Backend['ulps'], 'divide'>,
): number {
  const u = dtype === 'float32' ? 2 ** -24 : 2 ** -53;
  const roundings = ((2 * k - 1) * u) / (1 - (2 * k - 1) * u); // γ_{2k−1}
  const division = 2 * divide * u;
  return (roundings + division + roundings * division) * largestOutput;
}
