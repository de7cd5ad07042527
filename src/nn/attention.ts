import { requireSpec, requireTensor } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { composites } from '../ops/index.ts';
import { foldIn, type Key } from '../random.ts';
import { requireRank } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { requireHeads } from './arguments.ts';
import { initLinear, type LinearParameters, linear } from './linear.ts';

export interface AttentionParameters {
  readonly query: LinearParameters;
  readonly key: LinearParameters;
  readonly value: LinearParameters;
  readonly output: LinearParameters;
}

/**
 * softmax(Q Kᵀ/√dim) V for each head, where masked keys get no weight; a sentence without any real key gives 0.
 * @param q,k,v [batch, head, position, dim]
 * @param mask bool [batch, position], false for padding
 * @throws ShapeError, DTypeError
 */
export const scaledDotProductAttention = (q: Tensor, k: Tensor, v: Tensor, mask: Tensor): Tensor =>
  q.engine.run(composites.attention, [q, k, v, mask], {})[0];

/**
 * Multi-head self-attention (Vaswani et al. 2017). x [batch, position, width], mask bool [batch, position]
 * @throws UsageError unless the heads divide the width; ShapeError, DTypeError for x or a mask of another kind
 */
export function attention(x: Tensor, parameters: AttentionParameters, heads: number, mask: Tensor): Tensor {
  requireTensor('attention', 'x', x);
  requireRank('attention', 'x', x, 3);
  const [batch, positions, width] = x.shape;
  requireSpec('attention', 'mask', mask, 'bool', [batch, positions], '[batch, position]');
  requireHeads('attention', width, heads);
  const split = (y: Tensor) => y.reshape([batch, positions, heads, width / heads]).permuteDims([0, 2, 1, 3]);
  const [q, k, v] = [parameters.query, parameters.key, parameters.value].map((map) => split(linear(x, map)));
  const mixed = scaledDotProductAttention(q, k, v, mask).permuteDims([0, 2, 1, 3]).reshape([batch, positions, width]);
  return linear(mixed, parameters.output);
}

/** @throws UsageError unless the heads divide the width */
export function initAttention(t: Engine, key: Key, width: number, heads: number): AttentionParameters {
  requireHeads('initAttention', width, heads);
  const map = (name: string) => initLinear(t, foldIn(key, name), width, width);
  return { query: map('query'), key: map('key'), value: map('value'), output: map('output') };
}
