import { requireSpec, requireTensor } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { OmoeError, UsageError } from '../errors.ts';
import { type MoEResult, moe } from '../moe/moe.ts';
import { attention } from '../nn/attention.ts';
import { feedForward } from '../nn/feed-forward.ts';
import { linear } from '../nn/linear.ts';
import { meanOfTokens } from '../nn/pooling.ts';
import { foldIn, type Key } from '../random.ts';
import { requireDType, requireRank } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { blockOrder, longestInput, type ModelConfig } from './config.ts';
import type { MapTree, ModelParameters } from './parameters.ts';

/**
 * BERT (Devlin et al. 2019), RoBERTa (Liu et al. 2019) and ALBERT (Lan et al. 2020): one post-norm encoder. They differ in
 * where positions start, in the width of the embeddings, and in which layers share their parameters; `ModelConfig` says it.
 */

export interface ModelInput {
  /** int32 [batch, position] */
  readonly tokens: Tensor;
  /** int32 [batch, position]; null: all 0 */
  readonly segments: Tensor | null;
  /** bool [batch, position], false for padding */
  readonly mask: Tensor;
}

/** What a MoE layer did. A block that several layers share comes once for each. */
export interface ModelLayer extends MoEResult {
  /** Which step of the encoder this was. */
  readonly layer: number;
  /** Whose parameters it used, and where these are in the tree: `blocks.<block>.moe`. */
  readonly block: number;
  readonly path: string;
  /** What its experts and router saw, [token, width]. */
  readonly input: Tensor;
}

export interface Encoded {
  /** [batch, position, width] */
  readonly hidden: Tensor;
  /** [batch, width]; null where the model has no pooler */
  readonly pooled: Tensor | null;
  /** The embeddings (of the width of the blocks) and the output of every step, `hidden` last: each [batch, position, width]. */
  readonly states: readonly Tensor[];
  readonly layers: readonly ModelLayer[];
}

export interface EncodeOptions {
  /** null (default): dropless, see moe.ts. */
  readonly capacityFactor?: number | null;
  /**
   * Inverted dropout of the embeddings and of what each residual adds, drawn by the key on the host. Default: none, which
   * is also how these models are evaluated. The weights of the attention are never dropped, unlike in PyTorch.
   */
  readonly dropout?: { readonly rate: number; readonly key: Key } | null;
}

/**
 * Token ids to states.
 *   x₀ = norm(word + position + segment), for ALBERT then mapped to the width of the blocks
 *   y = norm₁(x + attention(x));  x' = norm₂(y + FFN(y)), or y + MoE(y)
 * @throws UsageError for sentences longer than `longestInput`, an id outside the vocabulary or a segment outside the types
 *   (where the backend sees it at once, as the CPU does; else the read fails), parameters of another config; ShapeError,
 *   DTypeError for an input of another kind
 */
export function encode(
  parameters: ModelParameters,
  input: ModelInput,
  config: ModelConfig,
  options: EncodeOptions = {},
): Encoded {
  requireInput(parameters, input, config);
  const drop = dropping(input.tokens.engine, options.dropout);
  const { capacityFactor = null } = options;
  let x = embed(parameters, input, config, drop);
  const states = [x];
  const layers: ModelLayer[] = [];
  for (let layer = 0; layer < blockOrder(config).length; layer++) {
    const step = runBlock(parameters, x, input.mask, config, layer, { capacityFactor, drop });
    x = step.output;
    states.push(x);
    if (step.moe) layers.push(step.moe);
  }
  return {
    hidden: x,
    pooled: parameters.pooler ? pool(x, parameters.pooler, config.pooling === 'mean' ? input.mask : null) : null,
    states,
    layers,
  };
}

type Drop = (x: Tensor, place: string) => Tensor;

const dropping = (t: Engine, dropout: EncodeOptions['dropout']): Drop =>
  dropout ? (x, place) => t.dropout(x, dropout.rate, foldIn(dropout.key, place)) : (x) => x;

/** One step of the encoder, [batch, position, width] to the same, and what its experts did if it has any. */
export function runBlock(
  parameters: ModelParameters,
  x: Tensor,
  mask: Tensor,
  config: ModelConfig,
  layer: number,
  { capacityFactor = null, drop = (y) => y }: { readonly capacityFactor?: number | null; readonly drop?: Drop } = {},
): { readonly output: Tensor; readonly moe: ModelLayer | null } {
  const { heads, activation, epsilon } = config;
  const b = blockOrder(config)[layer];
  const block = parameters.blocks[b];
  const [batch, length, width] = x.shape;
  const norm = (y: Tensor, { weight, bias }: MapTree<Tensor>) => y.layerNorm(weight, bias, epsilon);
  const middle = norm(x.add(drop(attention(x, block.attention, heads, mask), `attention ${layer}`)), block.norm1);
  const rows = middle.reshape([batch * length, width]);
  let found: ModelLayer | null = null;
  let added: Tensor;
  if (block.moe) {
    const { k, renormalize } = config.moe!;
    const result = moe(rows, block.moe, {
      k,
      renormalize,
      capacityFactor,
      activation,
      mask: mask.reshape([batch * length]),
    });
    found = { ...result, layer, block: b, path: `blocks.${b}.moe`, input: rows };
    added = result.output;
  } else added = feedForward(rows, block.feedForward!, activation);
  const summed = middle.add(drop(added.reshape([batch, length, width]), `feed-forward ${layer}`));
  return { output: norm(summed, block.norm2), moe: found };
}

/** tanh(W h + b) of the first token; with a mask, of the mean over real tokens. [batch, position, width] -> [batch, width] */
export const pool = (hidden: Tensor, pooler: MapTree<Tensor>, mask: Tensor | null = null): Tensor =>
  linear(mask ? meanOfTokens(hidden, mask) : hidden.slice([0, 1], 1).squeeze(1), pooler).tanh();

/** int32 [batch, position] -> [batch, position, width] */
function embed({ embeddings }: ModelParameters, input: ModelInput, config: ModelConfig, drop: Drop): Tensor {
  const { tokens, segments, mask } = input;
  const [batch, length] = tokens.shape;
  const { words, positions, mapping } = embeddings;
  const laid = [batch, length, config.embedding];
  const rowsOf = (ids: Tensor, table: Tensor, what: string) =>
    rows(table, ids.reshape([batch * length]), what).reshape(laid);
  // [batch, position, embedding], or [position, embedding] where every sentence counts alike
  const places =
    config.family === 'roberta'
      ? rowsOf(countReal(mask, config.pad), positions, 'position')
      : positions.slice([0, length]);
  const kinds = segments ? rowsOf(segments, embeddings.segments, 'segment') : embeddings.segments.slice([0, 1]);
  const sum = rowsOf(tokens, words, 'token id').add(places).add(kinds);
  const x = drop(sum.layerNorm(embeddings.norm.weight, embeddings.norm.bias, config.epsilon), 'embeddings');
  return mapping ? linear(x, mapping) : x;
}

/** RoBERTa's positions: real tokens are counted from pad + 1, padding stands at pad. bool [batch, position] -> int32 [batch, position] */
function countReal(mask: Tensor, pad: number): Tensor {
  const real = mask.astype('int32');
  return real.cumsum(1).multiply(real).add(pad);
}

/** The rows of a table, where a wrong index is spoken of as what it is. [row, size], int32 [token] -> [token, size] */
function rows(table: Tensor, ids: Tensor, what: string): Tensor {
  try {
    return table.gather(ids);
  } catch (error) {
    if (!(error instanceof OmoeError) || !error.complaint.received.startsWith('index ')) throw error;
    const complaint = {
      operation: 'encode',
      received: error.complaint.received.replace('index', what),
      expected: `a ${what} from 0 to ${table.shape[0] - 1}`,
    };
    throw new UsageError(complaint, { cause: error });
  }
}

function requireInput(parameters: ModelParameters, { tokens, segments, mask }: ModelInput, config: ModelConfig): void {
  requireTensor('encode', 'tokens', tokens);
  requireDType('encode', 'tokens', tokens, 'int32');
  requireRank('encode', 'tokens', tokens, 2);
  requireSpec('encode', 'mask', mask, 'bool', tokens.shape, '[batch, position], as the tokens');
  if (segments) requireSpec('encode', 'segments', segments, 'int32', tokens.shape, '[batch, position], as the tokens');
  const longest = longestInput(config);
  if (tokens.shape[1] > longest || tokens.shape[1] < 1)
    throw new UsageError({
      operation: 'encode',
      received: `${tokens.shape[1]} tokens`,
      expected: `1 to ${longest} positions`,
    });
  const sparse = new Set(config.moe?.layers);
  const order = blockOrder(config);
  const odd = order.find((b) => {
    const block = parameters.blocks[b];
    return !block || (sparse.has(b) ? !block.moe : !block.feedForward);
  });
  if (odd !== undefined)
    throw new UsageError({
      operation: 'encode',
      received: `block ${odd} without its ${sparse.has(odd) ? 'moe' : 'feedForward'}`,
      expected: 'parameters of this config',
      advice: 'upcycleModel returns the parameters and the config that belong together.',
    });
}
