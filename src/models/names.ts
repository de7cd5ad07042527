import type { HeadKind } from '../tasks/types.ts';
import type { Family, ModelConfig } from './config.ts';
import { buildTree, type Parts } from './parameters.ts';

/**
 * Where each of our parameters is in a Hugging Face checkpoint.
 *
 * A path ends in `.weight` or `.bias` on both sides, so the tables name what stands before it. Matrices are stored [out, in],
 * ours are [in, out]; tables of embeddings, norms and biases are stored as they are.
 *
 * Names of the encoder carry the family's prefix (`bert.`) in a model with a head and none in a bare one; both are read.
 * Of experts both layouts are read and written, for E experts of a block whose names begin with BLOCK:
 *
 *   BLOCK.moe.gate.weight                          [E, width]          the router, in both
 *   per expert, e from 0 to E − 1
 *   BLOCK.moe.experts.e.up_proj.{weight, bias}     [hidden, width], [hidden]
 *   BLOCK.moe.experts.e.down_proj.{weight, bias}   [width, hidden], [width]
 *   packed
 *   BLOCK.moe.experts.{up_proj, up_proj_bias}      [E, hidden, width], [E, hidden]
 *   BLOCK.moe.experts.{down_proj, down_proj_bias}  [E, width, hidden], [E, width]
 */

export type ExpertLayout = 'per-expert' | 'packed';

type Tie = readonly [copy: string, of: string];

interface FamilyNames {
  /** Before the names of the encoder itself: embeddings, blocks, pooler. */
  readonly prefix: string;
  readonly block: (block: number, config: ModelConfig) => string;
  readonly inBlock: Readonly<Record<string, string>>;
  readonly pooler: string;
  readonly mlm: Readonly<Record<'mlm.dense' | 'mlm.norm' | 'mlm.bias', string>>;
  /** Second copies that some writers keep of tensors that are tied: theirs, and the one that it has to be equal to. */
  readonly tied: readonly [weight: Tie, bias: Tie];
  /** Heads of other tasks, which a model is loaded without. */
  readonly otherHeads: readonly RegExp[];
}

const inBertBlock = {
  'attention.query': 'attention.self.query',
  'attention.key': 'attention.self.key',
  'attention.value': 'attention.self.value',
  'attention.output': 'attention.output.dense',
  norm1: 'attention.output.LayerNorm',
  'feedForward.fc1': 'intermediate.dense',
  'feedForward.fc2': 'output.dense',
  norm2: 'output.LayerNorm',
};

const words = 'embeddings.word_embeddings.weight';

const families: Readonly<Record<Family, FamilyNames>> = {
  bert: {
    prefix: 'bert.',
    block: (block) => `encoder.layer.${block}`,
    inBlock: inBertBlock,
    pooler: 'pooler.dense',
    mlm: {
      'mlm.dense': 'cls.predictions.transform.dense',
      'mlm.norm': 'cls.predictions.transform.LayerNorm',
      'mlm.bias': 'cls.predictions.bias',
    },
    tied: [
      ['cls.predictions.decoder.weight', words],
      ['cls.predictions.decoder.bias', 'cls.predictions.bias'],
    ],
    otherHeads: [
      /^cls\.seq_relationship\.(weight|bias)$/,
      /^classifier\.(weight|bias)$/,
      /^qa_outputs\.(weight|bias)$/,
    ],
  },
  roberta: {
    prefix: 'roberta.',
    block: (block) => `encoder.layer.${block}`,
    inBlock: inBertBlock,
    pooler: 'pooler.dense',
    mlm: { 'mlm.dense': 'lm_head.dense', 'mlm.norm': 'lm_head.layer_norm', 'mlm.bias': 'lm_head.bias' },
    tied: [
      ['lm_head.decoder.weight', words],
      ['lm_head.decoder.bias', 'lm_head.bias'],
    ],
    otherHeads: [/^classifier\.((dense|out_proj)\.)?(weight|bias)$/, /^qa_outputs\.(weight|bias)$/],
  },
  albert: {
    prefix: 'albert.',
    block: (block, { inner }) =>
      `encoder.albert_layer_groups.${Math.floor(block / inner)}.albert_layers.${block % inner}`,
    inBlock: {
      'attention.query': 'attention.query',
      'attention.key': 'attention.key',
      'attention.value': 'attention.value',
      'attention.output': 'attention.dense',
      norm1: 'attention.LayerNorm',
      'feedForward.fc1': 'ffn',
      'feedForward.fc2': 'ffn_output',
      norm2: 'full_layer_layer_norm',
    },
    pooler: 'pooler',
    mlm: { 'mlm.dense': 'predictions.dense', 'mlm.norm': 'predictions.LayerNorm', 'mlm.bias': 'predictions.bias' },
    tied: [
      ['predictions.decoder.weight', words],
      ['predictions.decoder.bias', 'predictions.bias'],
    ],
    otherHeads: [
      /^sop_classifier\.classifier\.(weight|bias)$/,
      /^classifier\.(weight|bias)$/,
      /^qa_outputs\.(weight|bias)$/,
    ],
  },
};

/** Buffers that old versions stored beside the parameters; they say nothing that the config does not. */
const buffers: readonly string[] = ['embeddings.position_ids', 'embeddings.token_type_ids'];

const embeddingNames: Readonly<Record<string, string>> = {
  'embeddings.words': words,
  'embeddings.positions': 'embeddings.position_embeddings.weight',
  'embeddings.segments': 'embeddings.token_type_embeddings.weight',
  'embeddings.norm': 'embeddings.LayerNorm',
  'embeddings.mapping': 'encoder.embedding_hidden_mapping_in',
};

/** TensorFlow's words for the weight and bias of a norm, in checkpoints converted early on. */
export const modernName = (name: string): string =>
  name.replace(/(LayerNorm|layer_norm)\.gamma$/, '$1.weight').replace(/(LayerNorm|layer_norm)\.beta$/, '$1.bias');

export const tiedNames = (family: Family): FamilyNames['tied'] => families[family].tied;

export const prefixOf = (family: Family): string => families[family].prefix;

/** The class of `transformers` that holds such a model; null where it has none. */
export function architectureOf(config: ModelConfig, parts: Parts, head: HeadKind | null, spans = 0): string | null {
  const stem = { bert: 'Bert', roberta: 'Roberta', albert: 'Albert' }[config.family];
  if (config.moe || (head && spans > 0)) return null;
  const pooled = head === null ? parts.pooler : head !== 'tag' && head !== 'span';
  if (config.pooling === 'mean' && pooled) return null;
  const classes = {
    classify: 'ForSequenceClassification',
    regress: 'ForSequenceClassification',
    choose: 'ForMultipleChoice',
    tag: 'ForTokenClassification',
    span: 'ForQuestionAnswering',
  };
  return stem + (head ? classes[head] : parts.mlm ? 'ForMaskedLM' : 'Model');
}

/** One parameter of ours, and the stored tensors that it is made of. */
export interface Entry {
  readonly path: string;
  /** Of each stored tensor. */
  readonly stored: readonly number[];
  /** Last two axes of ours the other way round. */
  readonly transposed: boolean;
  /** One name; or one for each expert, to be stacked. */
  readonly names: readonly string[];
  readonly shape: readonly number[];
}

/** What is expected of a checkpoint, and what else it may hold. Names are without the prefix. */
export interface Layout {
  readonly entries: readonly Entry[];
  /** Whether a name may be there without being read: a buffer, or the head of another task. */
  readonly mayIgnore: (name: string) => boolean;
  /** Whether a name belongs to the encoder and so carries the family's prefix, where names do. */
  readonly isPrefixed: (name: string) => boolean;
}

export function layoutOf(config: ModelConfig, parts: Parts, head: HeadKind | null, experts: ExpertLayout): Layout {
  const family = families[config.family];
  const entries: Entry[] = [];
  // RoBERTa's sentence classifiers keep their pooler in the head.
  const pooledHead = config.family === 'roberta' && (head === 'classify' || head === 'regress');
  const named = (stem: string): string | undefined => {
    if (stem === 'pooler') return pooledHead ? 'classifier.dense' : family.pooler;
    if (stem === 'head') return head === 'span' ? 'qa_outputs' : pooledHead ? 'classifier.out_proj' : 'classifier';
    if (Object.hasOwn(family.mlm, stem)) return family.mlm[stem as keyof typeof family.mlm];
    const block = /^blocks\.(\d+)\.(.*)$/.exec(stem);
    if (!block) return embeddingNames[stem];
    const name = block[2] === 'moe.router' ? 'moe.gate' : family.inBlock[block[2]];
    return name && `${family.block(Number(block[1]), config)}.${name}`;
  };
  buildTree(config, parts, (path, shape) => {
    const transposed = path.endsWith('.weight') && shape.length >= 2;
    const turned = transposed ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;
    const expert = /^blocks\.(\d+)\.moe\.fc([12])\.(weight|bias)$/.exec(path);
    if (expert) {
      const [, block, fc, kind] = expert;
      const at = `${family.block(Number(block), config)}.moe.experts`;
      const map = fc === '1' ? 'up_proj' : 'down_proj';
      if (experts === 'packed')
        entries.push({
          path,
          shape,
          transposed,
          stored: turned,
          names: [`${at}.${map}${kind === 'bias' ? '_bias' : ''}`],
        });
      else {
        const names = Array.from({ length: shape[0] }, (_, e) => `${at}.${e}.${map}.${kind}`);
        entries.push({ path, shape, transposed, stored: turned.slice(1), names });
      }
      return null;
    }
    const dot = path.lastIndexOf('.');
    const name = named(path) ?? `${named(path.slice(0, dot))}${path.slice(dot)}`;
    entries.push({ path, shape, transposed, stored: turned, names: [name] });
    return null;
  });
  return {
    entries,
    mayIgnore: (name) =>
      buffers.includes(name) ||
      family.otherHeads.some((pattern) => pattern.test(name)) ||
      (pooledHead && name.startsWith(`${family.pooler}.`)),
    isPrefixed: (name) => /^(embeddings|encoder|pooler)\./.test(name),
  };
}

/** Names by which a checkpoint shows that it has a part. */
export const markOf = (family: Family): Readonly<Record<'pooler' | 'mlm', readonly string[]>> => {
  const { pooler, mlm } = families[family];
  return {
    pooler: [`${pooler}.weight`, `${pooler}.bias`],
    mlm: [`${mlm['mlm.dense']}.weight`, mlm['mlm.bias'], `${mlm['mlm.norm']}.weight`],
  };
};
