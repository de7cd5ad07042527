import type { Engine } from '../engine.ts';
import type { Tensor } from '../tensor.ts';
import type { ModelConfig } from './config.ts';
import type { MapTree, ModelParameters } from './parameters.ts';

/**
 * A fresh encoder whose tokens attend to those near them before anything is learnt.
 *
 * A masked token can only be told from its neighbours, but weights drawn at random look at all tokens alike, and with so little
 * to be had from the average of a block a small model stays long at what frequencies alone predict. Two things change that; both
 * are ordinary parameters, trained like all others:
 *
 *   position p, channels 2i and 2i + 1: √2 · initial · (sin, cos)(p · 10000^(−2i/width))    (Vaswani et al. 2017, §3.5)
 *   query and key: drawn as before, + gain · I, so that q_p · k_r grows with the likeness of x_p and x_r
 *
 * after the mimetic initialisation of Trockman & Kolter (2023), who found that trained transformers have QKᵀ near the identity.
 * √2 gives a position the length that a word vector has. The channels of the first heads turn fastest: they look nearest.
 */
export function nearAttention(
  t: Engine,
  parameters: ModelParameters,
  { positions, embedding, width, heads, initial }: ModelConfig,
): ModelParameters {
  // Of a token and itself the positions add gain² · √(width/heads) / 2 to q · k / √(width/heads); so that is 4.4 for heads of any size.
  const gain = 1.25 * (32 / (width / heads)) ** 0.25;
  const table = new Float64Array(positions * embedding);
  for (let p = 0; p < positions; p++)
    for (let c = 0; c < embedding; c++) {
      const angle = p * 10_000 ** (-(c - (c % 2)) / embedding);
      table[p * embedding + c] = Math.SQRT2 * initial * (c % 2 === 0 ? Math.sin(angle) : Math.cos(angle));
    }
  const identity = Float64Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? gain : 0));
  const near = ({ weight, ...rest }: MapTree<Tensor>): MapTree<Tensor> => ({
    ...rest,
    weight: weight.add(t.tensor(identity, [width, width], weight.dtype)),
  });
  const blocks = parameters.blocks.map((block) => {
    const { query, key } = block.attention;
    return { ...block, attention: { ...block.attention, query: near(query), key: near(key) } };
  });
  const { words } = parameters.embeddings;
  const rotating = t.tensor(table, [positions, embedding], words.dtype);
  return { ...parameters, blocks, embeddings: { ...parameters.embeddings, positions: rotating } };
}
