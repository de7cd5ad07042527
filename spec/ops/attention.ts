/**
 * Scaled dot-product attention (Vaswani et al. 2017, eq. 1), several heads at once, with a mask of keys.
 */
import { at, type Bool, fromFunction, precondition, type Real, sameShape } from '../array.ts';

/**
 * For each query position i: weights aᵢⱼ = softmaxⱼ(qᵢ·kⱼ/√dim) over the allowed keys j, and outputᵢ = Σⱼ aᵢⱼ vⱼ.
 * q [batch, head, query, dim], k [batch, head, key, dim], v [batch, head, key, out], keyMask [batch, key] (true = allowed;
 * without it all are) -> [batch, head, query, out]. Where no key is allowed the output is 0.
 */
export function attention(q: Real, k: Real, v: Real, keyMask?: Bool): Real {
  precondition(
    [q, k, v].every((a) => a.shape.length === 4) &&
      sameShape(q.shape.slice(0, 2), k.shape.slice(0, 2)) &&
      sameShape(k.shape.slice(0, 3), v.shape.slice(0, 3)) &&
      q.shape[3] === k.shape[3],
    `attention takes q, k, v [batch, head, position, dim], not [${q.shape}], [${k.shape}], [${v.shape}]`,
  );
  const [batches, heads, queries, dim] = q.shape;
  const keys = k.shape[2];
  precondition(
    keyMask === undefined || sameShape(keyMask.shape, [batches, keys]),
    `attention takes a key mask [${batches}, ${keys}], not [${keyMask?.shape}]`,
  );
  return fromFunction([batches, heads, queries, v.shape[3]], ([b, h, i, d]) => {
    const allowed: number[] = [];
    for (let j = 0; j < keys; j++) if (keyMask === undefined || at(keyMask, [b, j]) !== 0) allowed.push(j);
    // [dim] · [dim, key] -> [key]
    const scores = allowed.map((j) => {
      let dot = 0;
      for (let c = 0; c < dim; c++) dot += at(q, [b, h, i, c]) * at(k, [b, h, j, c]);
      return dot / Math.sqrt(dim);
    });
    const highest = scores.reduce((m, s) => Math.max(m, s), -Infinity);
    const exponentials = scores.map((s) => Math.exp(s - highest));
    const sum = exponentials.reduce((s, e) => s + e, 0);
    // [key] · [key, out] -> [out]
    return allowed.reduce((output, j, place) => output + (exponentials[place] / sum) * at(v, [b, h, j, d]), 0);
  });
}
