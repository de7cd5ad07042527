import * as v from 'valibot';
import { requireCounts } from '../arguments.ts';
import { DataError, UsageError } from '../errors.ts';
import type { Activation } from '../moe/experts.ts';

/** What an encoder is made of, and the `config.json` that says so, as Hugging Face's `transformers` writes it. */

export type Family = 'bert' | 'roberta' | 'albert';

/** Which blocks are Mixtures of Experts, and how their routers choose. */
export interface MoEConfig {
  /** Blocks, counted as in `ModelParameters.blocks`: the layers, or for ALBERT the parameter sets that layers share. */
  readonly layers: readonly number[];
  readonly experts: number;
  /** Experts per token. */
  readonly k: number;
  /** Divide the kept probabilities by their sum. */
  readonly renormalize: boolean;
  /** Weight of the load-balance loss in training. */
  readonly balanceLoss: number;
}

export interface ModelConfig {
  readonly family: Family;
  readonly vocabulary: number;
  /** Rows of the table of positions; RoBERTa's sentences are shorter by pad + 1, see `longestInput`. */
  readonly positions: number;
  /** Segments that can be told apart. */
  readonly types: number;
  /** Width of the word vectors; other than `width` for ALBERT alone. */
  readonly embedding: number;
  readonly width: number;
  /** Hidden width of the feed-forward networks. */
  readonly hidden: number;
  readonly heads: number;
  readonly layers: number;
  /** ALBERT: sets of parameters, each used by layers / groups layers in a row; the others: 1. */
  readonly groups: number;
  /** ALBERT: blocks in a group, run one after the other in every layer of it; the others: 1. */
  readonly inner: number;
  readonly activation: Activation;
  /** ε of the layer norms. */
  readonly epsilon: number;
  /** Token id of padding. */
  readonly pad: number;
  /** Standard deviation of fresh weights. */
  readonly initial: number;
  readonly moe: MoEConfig | null;
  /**
   * What a pooler is given: the state of the first token, as these models were pretrained, or the mean of all real tokens, for
   * checkpoints whose first token was never taught to stand for the sentence.
   */
  readonly pooling: 'first' | 'mean';
  /** The fields that say nothing about the function computed (names of labels, dropout rates, …): written back as they were. */
  readonly other: Readonly<Record<string, unknown>>;
}

/** Hugging Face's names of activations and ours. */
const activations: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
};

/** What a missing field means, by family: the format's own defaults, which old files rely on. Sizes have none. */
const defaults: Readonly<Record<Family, { readonly pad_token_id: number; readonly hidden_act: string }>> = {
  bert: { pad_token_id: 0, hidden_act: 'gelu' },
  roberta: { pad_token_id: 1, hidden_act: 'gelu' },
  albert: { pad_token_id: 0, hidden_act: 'gelu_new' },
};

const size = v.pipe(v.number(), v.integer(), v.minValue(1));
const index = v.pipe(v.number(), v.integer(), v.minValue(0));
const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));

const schema = v.looseObject({
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  max_position_embeddings: size,
  type_vocab_size: v.optional(size, 2),
  layer_norm_eps: v.optional(positive, 1e-12),
  initializer_range: v.optional(positive, 0.02),
  pad_token_id: v.nullish(index),
  hidden_act: v.optional(v.string()),
  embedding_size: v.optional(size),
  num_hidden_groups: v.optional(size, 1),
  inner_group_num: v.optional(size, 1),
  // Ours, after the fields of transformers' MoE models
  num_local_experts: v.optional(size),
  num_experts_per_tok: v.optional(size),
  router_aux_loss_coef: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)), 0),
  norm_topk_prob: v.optional(v.boolean()),
  moe_layers: v.optional(v.array(index)),
  omoe_pooling: v.optional(v.picklist(['first', 'mean']), 'first'),
});

/** Fields that change what is computed in ways that are not done here, each with the values that leave it as it is. */
const plainValues: readonly (readonly [field: string, plain: (value: unknown) => boolean, expected: string])[] = [
  ['position_embedding_type', (value) => value === 'absolute', 'absolute positions'],
  ['is_decoder', (value) => value === false, 'an encoder'],
  ['is_encoder_decoder', (value) => value === false, 'an encoder'],
  ['add_cross_attention', (value) => value === false, 'self-attention only'],
  ['tie_word_embeddings', (value) => value === true, 'a decoder tied to the word embeddings'],
  ['pruned_heads', (value) => typeof value === 'object' && Object.keys(value ?? {}).length === 0, 'all heads'],
  ['quantization_config', () => false, 'weights that are not quantised'],
];

/** Fields that `ModelConfig` holds itself; the name of the activation is kept, as the format has several for one function. */
const ours = new Set(['model_type', ...Object.keys(schema.entries).filter((field) => field !== 'hidden_act')]);

/**
 * @param text of `config.json`
 * @param name of the file, for errors
 * @throws DataError naming the first field that is missing, out of range, or asks for a model of another kind
 */
export function readConfig(text: string, name = 'config.json'): ModelConfig {
  const document = parse(text, name);
  const family = familyOf(document, name);
  for (const [field, plain, expected] of plainValues) {
    const value = document[field];
    if (value !== undefined && value !== null && !plain(value))
      throw new DataError({ operation: name, received: `${field} ${JSON.stringify(value)}`, expected });
  }
  const { success, output, issues } = v.safeParse(schema, document);
  if (!success)
    throw new DataError({
      operation: name,
      received: `${v.getDotPath(issues[0]) ?? 'the document'} ${issues[0].received}`,
      expected: issues[0].expected ?? issues[0].message,
    });
  const act = output.hidden_act ?? defaults[family].hidden_act;
  if (!Object.hasOwn(activations, act))
    throw new DataError({
      operation: name,
      received: `hidden_act ${JSON.stringify(act)}`,
      expected: `one of ${Object.keys(activations).join(', ')}`,
    });
  const albert = family === 'albert';
  const config: ModelConfig = {
    family,
    vocabulary: output.vocab_size,
    positions: output.max_position_embeddings,
    types: output.type_vocab_size,
    embedding: output.embedding_size ?? (albert ? 128 : output.hidden_size),
    width: output.hidden_size,
    hidden: output.intermediate_size,
    heads: output.num_attention_heads,
    layers: output.num_hidden_layers,
    groups: output.num_hidden_groups,
    inner: output.inner_group_num,
    activation: activations[act],
    epsilon: output.layer_norm_eps,
    pad: output.pad_token_id ?? defaults[family].pad_token_id,
    initial: output.initializer_range,
    moe: moeOf(output, name),
    pooling: output.omoe_pooling,
    other: Object.fromEntries(Object.entries(document).filter(([field]) => !ours.has(field))),
  };
  const fault = faultOf(config);
  if (fault) throw new DataError({ operation: name, ...fault });
  return config;
}

function parse(text: string, name: string): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const complaint = { operation: name, received: error instanceof Error ? error.message : 'text', expected: 'JSON' };
    throw new DataError(complaint, { cause: error });
  }
  if (typeof document === 'object' && document !== null && !Array.isArray(document))
    return document as Readonly<Record<string, unknown>>;
  throw new DataError({ operation: name, received: 'a list or a single value', expected: 'an object' });
}

const isFamily = (name: unknown): name is Family => typeof name === 'string' && Object.hasOwn(defaults, name);

/** `model_type`; files from before it existed name a class instead (`BertForMaskedLM`). */
function familyOf(document: Readonly<Record<string, unknown>>, name: string): Family {
  const { model_type: type, architectures } = document;
  if (isFamily(type)) return type;
  const [architecture] = Array.isArray(architectures) ? architectures : [];
  const named = typeof architecture === 'string' ? /^[A-Z][a-z]+/.exec(architecture)?.[0].toLowerCase() : undefined;
  if (type === undefined && isFamily(named)) return named;
  throw new DataError({
    operation: name,
    received: `model_type ${type === undefined ? 'missing' : JSON.stringify(type)}`,
    expected: `one of ${Object.keys(defaults).join(', ')}`,
    advice: type === undefined ? 'Add the field to the file.' : undefined,
  });
}

function moeOf(output: v.InferOutput<typeof schema>, name: string): MoEConfig | null {
  const { num_local_experts: experts, num_experts_per_tok: k, moe_layers: layers } = output;
  if (experts === undefined && k === undefined && layers === undefined) return null;
  if (experts === undefined || k === undefined || layers === undefined)
    throw new DataError({
      operation: name,
      received: 'some of num_local_experts, num_experts_per_tok and moe_layers',
      expected: 'all three for a model with experts, or none',
    });
  return { layers, experts, k, renormalize: output.norm_topk_prob ?? k > 1, balanceLoss: output.router_aux_loss_coef };
}

/** What a model that is trained from nothing has to be told; all else has the format's defaults. */
export type FreshSizes = Pick<ModelConfig, 'vocabulary' | 'positions' | 'width' | 'hidden' | 'heads' | 'layers'> &
  Partial<Omit<ModelConfig, 'family' | 'moe' | 'other'>>;

/** @throws UsageError naming the size that is no whole number of at least 1, or what does not fit together */
export function freshConfig(family: Family, sizes: FreshSizes): ModelConfig {
  const { vocabulary, positions, width, hidden, heads, layers } = sizes;
  const operation = `${family} config`;
  requireCounts(operation, { vocabulary, positions, width, hidden, heads, layers });
  const config: ModelConfig = {
    family,
    types: 2,
    embedding: family === 'albert' ? 128 : width,
    groups: 1,
    inner: 1,
    activation: activations[defaults[family].hidden_act],
    epsilon: 1e-12,
    pad: defaults[family].pad_token_id,
    initial: 0.02,
    moe: null,
    pooling: 'first',
    other: {},
    ...sizes,
  };
  const fault = faultOf(config);
  if (fault) throw new UsageError({ operation, ...fault });
  return config;
}

/** What does not fit together in a config whose fields are each in range. */
export function faultOf(config: ModelConfig): { readonly received: string; readonly expected: string } | null {
  const { family, width, heads, embedding, groups, inner, layers, vocabulary, pad, moe } = config;
  const fits = (holds: boolean, received: string, expected: string) => (holds ? null : { received, expected });
  const blocks = blockCount(config);
  return (
    fits(
      width % heads === 0,
      `hidden_size ${width} with num_attention_heads ${heads}`,
      'heads that divide the hidden size',
    ) ??
    fits(
      family === 'albert' || embedding === width,
      `embedding_size ${embedding}`,
      `${width}, the hidden size: only albert factorises its embeddings`,
    ) ??
    fits(
      family === 'albert' || (groups === 1 && inner === 1),
      `num_hidden_groups ${groups}, inner_group_num ${inner}`,
      '1: only albert shares parameters',
    ) ??
    fits(groups <= layers, `num_hidden_groups ${groups}`, `at most num_hidden_layers, ${layers}`) ??
    fits(pad < vocabulary, `pad_token_id ${pad}`, `an id below vocab_size, ${vocabulary}`) ??
    fits(longestInput(config) > 0, `max_position_embeddings ${config.positions}`, `more than pad_token_id + 1`) ??
    (moe &&
      (fits(
        moe.k >= 1 && moe.k <= moe.experts,
        `num_experts_per_tok ${moe.k}`,
        `1 to num_local_experts, ${moe.experts}`,
      ) ??
        fits(
          moe.layers.length > 0 &&
            new Set(moe.layers).size === moe.layers.length &&
            moe.layers.every((block) => block < blocks),
          `moe_layers [${moe.layers.join(', ')}]`,
          `different numbers from 0 to ${blocks - 1}`,
        )))
  );
}

/** Sets of block parameters: one a layer, or for ALBERT one for each place in each group. */
export const blockCount = ({ family, layers, groups, inner }: ModelConfig): number =>
  family === 'albert' ? groups * inner : layers;

/** The block that each step of the encoder runs, in order. ALBERT: layer i belongs to group ⌊i/(layers/groups)⌋. */
export function blockOrder({ family, layers, groups, inner }: ModelConfig): readonly number[] {
  const steps = Array.from({ length: layers }, (_, layer) => layer);
  if (family !== 'albert') return steps;
  return steps.flatMap((layer) => {
    const group = Math.floor(layer / (layers / groups));
    return Array.from({ length: inner }, (_, place) => group * inner + place);
  });
}

/** The most tokens a sentence may have: RoBERTa counts its positions from pad + 1. */
export const longestInput = ({ family, positions, pad }: ModelConfig): number =>
  family === 'roberta' ? positions - pad - 1 : positions;

/** The text of `config.json`, the fields of `extra` included. */
export function writeConfig(config: ModelConfig, extra: Readonly<Record<string, unknown>> = {}): string {
  const { family, moe, other } = config;
  const document = {
    ...other,
    ...extra,
    model_type: family,
    vocab_size: config.vocabulary,
    hidden_size: config.width,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.hidden,
    hidden_act: nameOfActivation(config),
    max_position_embeddings: config.positions,
    type_vocab_size: config.types,
    layer_norm_eps: config.epsilon,
    initializer_range: config.initial,
    pad_token_id: config.pad,
    ...(family === 'albert'
      ? { embedding_size: config.embedding, num_hidden_groups: config.groups, inner_group_num: config.inner }
      : {}),
    ...(moe
      ? {
          num_local_experts: moe.experts,
          num_experts_per_tok: moe.k,
          norm_topk_prob: moe.renormalize,
          router_aux_loss_coef: moe.balanceLoss,
          moe_layers: moe.layers,
        }
      : {}),
    ...(config.pooling === 'mean' ? { omoe_pooling: 'mean' } : {}),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The name that was read, or the first that stands for the function. */
function nameOfActivation({ activation, other: { hidden_act: read } }: ModelConfig): string {
  if (typeof read === 'string' && activations[read] === activation) return read;
  return Object.keys(activations).find((name) => activations[name] === activation)!;
}
