import { requireTensor } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { ShapeError } from '../errors.ts';
import { composites } from '../ops/index.ts';
import type { LinearAttrs } from '../ops/linear.ts';
import { foldIn, type Key } from '../random.ts';
import { formatSpecs, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/** Layers are functions of a parameter record and an input; parameters are plain trees of tensors. */

export interface LinearParameters {
  /** W, [in, out] */
  readonly weight: Tensor;
  /** b, [out] */
  readonly bias: Tensor;
}

/**
 * y = act(x W + b):  […, in] · [in, out] -> […, out]. Leading axes are taken as one, so that the weight's gradient is a single
 * product over all rows and not one for each matrix of a batch.
 */
export function linear(
  x: Tensor,
  { weight, bias }: LinearParameters,
  activation: LinearAttrs['activation'] = 'none',
): Tensor {
  requireFit(x, weight, bias);
  const leading = x.shape.slice(0, -1);
  const rows = x.rank === 2 ? x : x.reshape([sizeOf(leading), x.shape[x.rank - 1]]);
  const [y] = x.engine.run(composites.linear, [rows, weight, bias], { activation }); // [row, in] · [in, out] -> [row, out]
  return x.rank === 2 ? y : y.reshape([...leading, y.shape[1]]);
}

/** @throws ShapeError; a bias of another shape would be broadcast, so it is refused here */
function requireFit(x: Tensor, weight: Tensor, bias: Tensor): void {
  requireTensor('linear', 'x', x);
  requireTensor('linear', 'weight', weight);
  requireTensor('linear', 'bias', bias);
  const [input, output] = weight.shape;
  if (x.rank < 1 || weight.rank !== 2 || bias.rank !== 1 || x.shape.at(-1) !== input || bias.shape[0] !== output)
    throw new ShapeError({
      operation: 'linear',
      received: formatSpecs([x, weight, bias]),
      expected: 'x […, in], weight [in, out], bias [out]',
    });
}

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
