import type { Engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { type MoEOptions, type MoEParameters, type MoEResult, moe } from '../moe/moe.ts';
import { upcycle } from '../moe/upcycle.ts';
import { foldIn, type Key } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import { type AttentionParameters, attention, initAttention } from './attention.ts';
import { type FeedForwardParameters, feedForward, initFeedForward } from './feed-forward.ts';
import { initLinear, initNorm, type LinearParameters, linear, type NormParameters, norm } from './linear.ts';

/** A small pre-norm transformer encoder with a classifier on the mean of its tokens. */

export interface EncoderShape {
  readonly vocabulary: number;
  readonly positions: number;
  readonly width: number;
  readonly hidden: number;
  readonly heads: number;
  readonly layers: number;
  readonly classes: number;
}

/** One block: attention, then a feed-forward network or a Mixture of Experts, each behind a norm and beside a residual. */
export interface BlockParameters {
  readonly norm1: NormParameters;
  readonly attention: AttentionParameters;
  readonly norm2: NormParameters;
  readonly feedForward?: FeedForwardParameters;
  readonly moe?: MoEParameters;
}

export interface EncoderParameters {
  /** [vocabulary, width] */
  readonly tokens: Tensor;
  /** [position, width] */
  readonly positions: Tensor;
  readonly blocks: readonly BlockParameters[];
  readonly norm: NormParameters;
  readonly classifier: LinearParameters;
}

export interface EncoderInput {
  /** int32 [batch, position] */
  readonly tokens: Tensor;
  /** bool [batch, position], false for padding */
  readonly mask: Tensor;
}

export interface EncoderResult {
  /** [batch, class] */
  readonly logits: Tensor;
  /** What each MoE layer did, in order of the blocks that have one; `input` is what its experts and router saw, [token, width]. */
  readonly layers: readonly (MoEResult & { readonly block: number; readonly input: Tensor })[];
}

export type EncoderOptions = Omit<MoEOptions, 'mask'> & { readonly heads: number };

export function initEncoder(t: Engine, key: Key, shape: EncoderShape): EncoderParameters {
  const { vocabulary, positions, width, hidden, heads, layers, classes } = shape;
  return {
    tokens: t.truncatedNormal(foldIn(key, 'tokens'), [vocabulary, width], { sd: 0.5 }),
    positions: t.truncatedNormal(foldIn(key, 'positions'), [positions, width], { sd: 0.5 }),
    blocks: Array.from({ length: layers }, (_, block) => ({
      norm1: initNorm(t, width),
      attention: initAttention(t, foldIn(key, `attention ${block}`), width, heads),
      norm2: initNorm(t, width),
      feedForward: initFeedForward(t, foldIn(key, `feed-forward ${block}`), width, hidden),
    })),
    norm: initNorm(t, width),
    classifier: initLinear(t, foldIn(key, 'classifier'), width, classes),
  };
}

/** Replaces the feed-forward network of every block by a Mixture of Experts that starts as copies of it. */
export const upcycleEncoder = (parameters: EncoderParameters, experts: number, key: Key): EncoderParameters => ({
  ...parameters,
  blocks: parameters.blocks.map(({ feedForward: dense, ...block }, i) => {
    if (!dense) return block;
    return { ...block, moe: upcycle(dense, { experts, key: foldIn(key, `block ${i}`) }) };
  }),
});

export function encoder(
  parameters: EncoderParameters,
  { tokens, mask }: EncoderInput,
  options: EncoderOptions,
): EncoderResult {
  const [batch, length] = tokens.shape;
  const [positions, width] = parameters.positions.shape;
  if (length > positions)
    throw new UsageError({
      operation: 'encoder',
      received: `${length} tokens`,
      expected: `at most ${positions} positions`,
    });
  const count = batch * length;
  const realTokens = mask.reshape([count]);
  const layers: (MoEResult & { block: number; input: Tensor })[] = [];

  // [batch, position] -> [batch, position, width]
  let x = parameters.tokens.gather(tokens.reshape([count])).reshape([batch, length, width]);
  x = x.add(parameters.positions.slice([0, length]));
  parameters.blocks.forEach((block, b) => {
    x = x.add(attention(norm(x, block.norm1), block.attention, options.heads, mask));
    const input = norm(x, block.norm2).reshape([count, width]);
    if (block.moe) {
      const result = moe(input, block.moe, { ...options, mask: realTokens });
      layers.push({ ...result, block: b, input });
      x = x.add(result.output.reshape([batch, length, width]));
    } else x = x.add(feedForward(input, block.feedForward!, options.activation).reshape([batch, length, width]));
  });
  return { logits: linear(meanOfTokens(norm(x, parameters.norm), mask), parameters.classifier), layers };
}

/** The mean over real tokens; 0 for a sentence of padding only. [batch, position, width] -> [batch, width] */
function meanOfTokens(x: Tensor, mask: Tensor): Tensor {
  const real = mask.expandDims(2);
  return real
    .where(x, 0)
    .sum([1])
    .divide(real.astype(x.dtype).sum([1]).maximum(1));
}
