import type { Engine } from '../engine.ts';
import { foldIn, type Key } from '../random.ts';
import type { Tensor } from '../tensor.ts';

/** Layers are functions of a parameter record and an input; parameters are plain trees of tensors. */

export interface LinearParameters {
  /** W, [in, out] */
  readonly weight: Tensor;
  /** b, [out] */
  readonly bias: Tensor;
}

// y = x W + b:  […, in] · [in, out] -> […, out]
export const linear = (x: Tensor, { weight, bias }: LinearParameters): Tensor => x.matmul(weight).add(bias);

/** Truncated normal of standard deviation √(1/in) (cut at 2 sd), zero bias. */
export function initLinear(t: Engine, key: Key, input: number, output: number): LinearParameters {
  return {
    weight: t.truncatedNormal(foldIn(key, 'weight'), [input, output], { sd: Math.sqrt(1 / Math.max(1, input)) }),
    bias: t.zeros([output]),
  };
}

export interface NormParameters {
  readonly weight: Tensor;
  readonly bias: Tensor;
}
export const norm = (x: Tensor, { weight, bias }: NormParameters): Tensor => x.layerNorm(weight, bias);
export const initNorm = (t: Engine, width: number): NormParameters => ({
  weight: t.ones([width]),
  bias: t.zeros([width]),
});
