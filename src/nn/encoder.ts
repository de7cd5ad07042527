import { requireCounts, requireOptions, requireSpec, requireTensor } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { OmoeError, UsageError } from '../errors.ts';
import { type MoEOptions, type MoEParameters, type MoEResult, moe } from '../moe/moe.ts';
import { upcycle } from '../moe/upcycle.ts';
import { foldIn, type Key } from '../random.ts';
import { requireDType, requireRank } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { requireHeads } from './arguments.ts';
import { type AttentionParameters, attention, initAttention } from './attention.ts';
import { type FeedForwardParameters, feedForward, initFeedForward } from './feed-forward.ts';
import { initLinear, initNorm, type LinearParameters, linear, type NormParameters, norm } from './linear.ts';
import { meanOfTokens } from './pooling.ts';

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

/** @throws UsageError naming the size that is no whole number of at least 1, or heads that do not divide the width */
export function initEncoder(t: Engine, key: Key, shape: EncoderShape): EncoderParameters {
  requireOptions('initEncoder', shape, '{ vocabulary: 100, positions: 32, width: 16, … }');
  const { vocabulary, positions, width, hidden, heads, layers, classes } = shape;
  requireCounts('initEncoder', { vocabulary, positions, width, hidden, heads, layers, classes });
  requireHeads('initEncoder', width, heads);
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

/**
 * Replaces the feed-forward network of every block by a Mixture of Experts that starts as copies of it.
 * @throws UsageError where no block has one: there is nothing to copy
 */
export function upcycleEncoder(parameters: EncoderParameters, experts: number, key: Key): EncoderParameters {
  if (!parameters.blocks.some(({ feedForward: dense }) => dense))
    throw new UsageError({
      operation: 'upcycleEncoder',
      received: `${parameters.blocks.length} blocks without a feed-forward network`,
      expected: 'a dense encoder',
      advice: 'It may be upcycled already.',
    });
  const blocks = parameters.blocks.map(({ feedForward: dense, ...block }, i) => {
    if (!dense) return block;
    return { ...block, moe: upcycle(dense, { experts, key: foldIn(key, `block ${i}`) }) };
  });
  return { ...parameters, blocks };
}

/**
 * Token ids to logits.
 * @throws UsageError for a sentence longer than the positions, for heads that do not divide the width, for a block without
 *   a feed-forward network and experts, and for a token id outside the vocabulary (where the backend sees it at once, as
 *   the CPU does; else the read fails as that of a `gather`); ShapeError, DTypeError for tokens or a mask of another kind
 */
export function encoder(
  parameters: EncoderParameters,
  { tokens, mask }: EncoderInput,
  options: EncoderOptions,
): EncoderResult {
  requireInput(parameters, { tokens, mask }, options);
  const [batch, length] = tokens.shape;
  const width = parameters.positions.shape[1];
  const count = batch * length;
  const realTokens = mask.reshape([count]);
  const layers: (MoEResult & { block: number; input: Tensor })[] = [];

  // [batch, position] -> [batch, position, width]
  let x = embed(parameters.tokens, tokens.reshape([count])).reshape([batch, length, width]);
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

function requireInput(parameters: EncoderParameters, { tokens, mask }: EncoderInput, options: EncoderOptions): void {
  requireOptions('encoder', options, '{ heads: 2, k: 2 }');
  requireTensor('encoder', 'tokens', tokens);
  requireDType('encoder', 'tokens', tokens, 'int32');
  requireRank('encoder', 'tokens', tokens, 2);
  requireSpec('encoder', 'mask', mask, 'bool', tokens.shape, '[batch, position], as the tokens');
  const [positions, width] = parameters.positions.shape;
  requireHeads('encoder', width, options.heads);
  if (tokens.shape[1] > positions)
    throw new UsageError({
      operation: 'encoder',
      received: `${tokens.shape[1]} tokens`,
      expected: `at most ${positions} positions`,
    });
  const hollow = parameters.blocks.findIndex((block) => !block.feedForward && !block.moe);
  if (hollow >= 0)
    throw new UsageError({
      operation: 'encoder',
      received: `block ${hollow} with neither feedForward nor moe`,
      expected: 'one of them in every block',
    });
}

/** The rows of the table, where an index is spoken of as a token id. [vocabulary, width], int32 [token] -> [token, width] */
function embed(table: Tensor, ids: Tensor): Tensor {
  try {
    return table.gather(ids);
  } catch (error) {
    if (!(error instanceof OmoeError) || !error.complaint.received.startsWith('index ')) throw error;
    const complaint = {
      operation: 'encoder',
      received: error.complaint.received.replace('index', 'token id'),
      expected: `token ids from 0 to ${table.shape[0] - 1}, as the vocabulary has ${table.shape[0]}`,
    };
    throw new UsageError(complaint, { cause: error });
  }
}
