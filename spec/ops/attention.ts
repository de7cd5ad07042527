/**
 * Scaled dot-product attention (Vaswani et al. 2017, eq. 1), several heads at once, with a mask of keys; and what flows back.
 */
import { at, type Bool, fromFunction, precondition, type Real, sameShape } from '../array.ts';
import { add } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { transpose } from './projection.ts';
import { softmaxGradient } from './softmax.ts';

/**
 * For each query position i: aᵢⱼ = softmaxⱼ(qᵢ·kⱼ/√dim) over the allowed keys j, and 0 for the others.
 * q [batch, head, query, dim], k [batch, head, key, dim], keyMask [batch, key] (true = allowed; without it all are)
 * -> [batch, head, query, key]. Where no key is allowed all weights are 0.
 */
export function attentionWeights(q: Real, k: Real, keyMask?: Bool): Real {
  precondition(
    [q, k].every((a) => a.shape.length === 4) &&
      sameShape(q.shape.slice(0, 2), k.shape.slice(0, 2)) &&
      q.shape[3] === k.shape[3],
    `attention takes q, k [batch, head, position, dim], not [${q.shape}], [${k.shape}]`,
  );
  const [batches, heads, queries, dim] = q.shape;
  const keys = k.shape[2];
  precondition(
    keyMask === undefined || sameShape(keyMask.shape, [batches, keys]),
    `attention takes a key mask [${batches}, ${keys}], not [${keyMask?.shape}]`,
  );
  const allowed = (b: number, j: number) => keyMask === undefined || at(keyMask, [b, j]) !== 0;
  return fromFunction([batches, heads, queries, keys], ([b, h, i, j]) => {
    if (!allowed(b, j)) return 0;
    // [dim] · [dim, key] -> [key]
    const score = (key: number) => {
      let dot = 0;
      for (let c = 0; c < dim; c++) dot += at(q, [b, h, i, c]) * at(k, [b, h, key, c]);
      return dot / Math.sqrt(dim);
    };
    const scores = Array.from({ length: keys }, (_, key) => key)
      .filter((key) => allowed(b, key))
      .map(score);
    const highest = scores.reduce((m, s) => Math.max(m, s), -Infinity);
    return Math.exp(score(j) - highest) / scores.reduce((sum, s) => sum + Math.exp(s - highest), 0);
  });
}

/**
 * outputᵢ = Σⱼ aᵢⱼ vⱼ over all keys j, with the weights above.
 * q [batch, head, query, dim], k [batch, head, key, dim], v [batch, head, key, out], keyMask [batch, key]
 * -> [batch, head, query, out]. Where no key is allowed the output is 0.
 */
export function attention(q: Real, k: Real, v: Real, keyMask?: Bool): Real {
  precondition(
    v.shape.length === 4 && sameShape(k.shape.slice(0, 3), v.shape.slice(0, 3)),
    `attention takes k and v [batch, head, key, dim], not [${k.shape}], [${v.shape}]`,
  );
  return matmul(attentionWeights(q, k, keyMask), v); // [query, key] · [key, out] -> [query, out]
}

/**
 * What flows back through attention with weights a from the gradient g of the output, and from that of the weights, where
 * something else depends on these:
 *   ∂a = g vᵀ (+ gₐ),  ∂s = a (∂a − Σⱼ ∂a a),  ∂q = ∂s k/√dim,  ∂k = ∂sᵀ q/√dim,  ∂v = aᵀ g
 * a and gₐ [batch, head, query, key], q and g [batch, head, query, dim], k and v [batch, head, key, dim] -> [∂q, ∂k, ∂v].
 */
export function attentionGradient(weights: Real, q: Real, k: Real, v: Real, g: Real, weightsGradient?: Real): Real[] {
  const throughOutput = matmul(g, transpose(v)); // [query, dim] · [dim, key] -> [query, key]
  const toWeights = weightsGradient ? add(throughOutput, weightsGradient) : throughOutput;
  const toScores = softmaxGradient(weights, toWeights, -1);
  const root = Math.sqrt(q.shape[3]);
  const scaled = fromFunction(toScores.shape, (index) => at(toScores, index) / root);
  return [
    matmul(scaled, k), // [query, key] · [key, dim] -> [query, dim]
    matmul(transpose(scaled), q), // [key, query] · [query, dim] -> [key, dim]
    matmul(transpose(weights), g), // [key, query] · [query, dim] -> [key, dim]
  ];
}
