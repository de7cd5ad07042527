import type { Engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { foldIn, type Key } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import { blockCount, faultOf, type ModelConfig } from './config.ts';

/**
 * The parameters of an encoder as a tree of leaves of any kind: tensors, or what is known of them before they are read.
 * One builder makes all of them, so that names, shapes and fresh weights cannot disagree.
 */

/** y = x W + b: weight [in, out], bias [out]; of a norm both [width]. */
export interface MapTree<T> {
  readonly weight: T;
  readonly bias: T;
}

export interface BlockTree<T> {
  readonly attention: {
    readonly query: MapTree<T>;
    readonly key: MapTree<T>;
    readonly value: MapTree<T>;
    readonly output: MapTree<T>;
  };
  /** Behind the residual of the attention. */
  readonly norm1: MapTree<T>;
  readonly feedForward?: { readonly fc1: MapTree<T>; readonly fc2: MapTree<T> };
  /** In the place of `feedForward`: weights [expert, in, out], biases [expert, out]. */
  readonly moe?: { readonly router: { readonly weight: T }; readonly fc1: MapTree<T>; readonly fc2: MapTree<T> };
  /** Behind the residual of the feed-forward network or the experts. */
  readonly norm2: MapTree<T>;
}

export interface ModelTree<T> {
  readonly embeddings: {
    /** [token id, embedding] */
    readonly words: T;
    /** [position, embedding] */
    readonly positions: T;
    /** [segment, embedding] */
    readonly segments: T;
    readonly norm: MapTree<T>;
    /** ALBERT: from the width of the embeddings to that of the blocks. */
    readonly mapping?: MapTree<T>;
  };
  /** ALBERT: fewer than the layers, which share them (`blockOrder`). */
  readonly blocks: readonly BlockTree<T>[];
  /** tanh(W h + b) of the first token's state; absent in checkpoints that have none. */
  readonly pooler?: MapTree<T>;
  /** Of masked-language modelling, see mlm.ts. */
  readonly mlm?: { readonly dense: MapTree<T>; readonly norm: MapTree<T>; readonly bias: T };
  /** Of a task, see heads.ts. */
  readonly head?: MapTree<T>;
}

export type ModelParameters = ModelTree<Tensor>;

/** The parts that a model may have or not. */
export interface Parts {
  readonly pooler: boolean;
  readonly mlm: boolean;
  /** Inputs and outputs of the task's linear map. */
  readonly head: readonly [input: number, output: number] | null;
}

/** Makes each leaf by its path (`blocks.0.attention.query.weight`) and its shape. */
export type MakeLeaf<T> = (path: string, shape: readonly number[]) => T;

/** @throws UsageError for a config whose fields do not fit together */
export function buildTree<T>(config: ModelConfig, parts: Parts, leaf: MakeLeaf<T>): ModelTree<T> {
  const fault = faultOf(config);
  if (fault) throw new UsageError({ operation: 'model config', ...fault });
  const { vocabulary, positions, types, embedding, width, hidden, family } = config;
  const map = (path: string, input: number, output: number, stack: readonly number[] = []): MapTree<T> => ({
    weight: leaf(`${path}.weight`, [...stack, input, output]),
    bias: leaf(`${path}.bias`, [...stack, output]),
  });
  const norm = (path: string, size: number): MapTree<T> => ({
    weight: leaf(`${path}.weight`, [size]),
    bias: leaf(`${path}.bias`, [size]),
  });
  const experts = new Set(config.moe?.layers);
  const block = (at: string, sparse: boolean): BlockTree<T> => {
    const square = (name: string) => map(`${at}.attention.${name}`, width, width);
    const network = (path: string, stack: readonly number[] = []) => ({
      fc1: map(`${path}.fc1`, width, hidden, stack),
      fc2: map(`${path}.fc2`, hidden, width, stack),
    });
    const count = config.moe?.experts ?? 0;
    return {
      attention: { query: square('query'), key: square('key'), value: square('value'), output: square('output') },
      norm1: norm(`${at}.norm1`, width),
      ...(sparse
        ? {
            moe: {
              router: { weight: leaf(`${at}.moe.router.weight`, [width, count]) },
              ...network(`${at}.moe`, [count]),
            },
          }
        : { feedForward: network(`${at}.feedForward`) }),
      norm2: norm(`${at}.norm2`, width),
    };
  };
  return {
    embeddings: {
      words: leaf('embeddings.words', [vocabulary, embedding]),
      positions: leaf('embeddings.positions', [positions, embedding]),
      segments: leaf('embeddings.segments', [types, embedding]),
      norm: norm('embeddings.norm', embedding),
      ...(family === 'albert' ? { mapping: map('embeddings.mapping', embedding, width) } : {}),
    },
    blocks: Array.from({ length: blockCount(config) }, (_, b) => block(`blocks.${b}`, experts.has(b))),
    ...(parts.pooler ? { pooler: map('pooler', width, width) } : {}),
    ...(parts.mlm
      ? {
          mlm: {
            dense: map('mlm.dense', width, embedding),
            norm: norm('mlm.norm', embedding),
            bias: leaf('mlm.bias', [vocabulary]),
          },
        }
      : {}),
    ...(parts.head ? { head: map('head', ...parts.head) } : {}),
  };
}

/**
 * Fresh parameters: weights and tables truncated normal of standard deviation `initial` (cut at 2 sd), norms 1, biases 0.
 * @throws UsageError for a config whose fields do not fit together
 */
export function initModel(
  t: Engine,
  key: Key,
  config: ModelConfig,
  { pooler = true, mlm = false, head = null }: Partial<Parts> = {},
): ModelParameters {
  return buildTree(config, { pooler, mlm, head }, freshLeaf(t, key, config));
}

const freshLeaf =
  (t: Engine, key: Key, { initial }: ModelConfig): MakeLeaf<Tensor> =>
  (path, shape) => {
    if (path.endsWith('bias')) return t.zeros(shape);
    if (/norm\d?\.weight$/.test(path)) return t.ones(shape);
    return t.truncatedNormal(foldIn(key, path), shape, { sd: initial });
  };

/** The same model with a fresh pooler, for heads on a checkpoint that has none (RoBERTa's, and those of masked-language models). */
export const withPooler = (t: Engine, key: Key, parameters: ModelParameters, config: ModelConfig): ModelParameters => {
  const fresh = freshLeaf(t, key, config);
  const { width } = config;
  return {
    ...parameters,
    pooler: { weight: fresh('pooler.weight', [width, width]), bias: fresh('pooler.bias', [width]) },
  };
};
