import { sizeOf } from '../shape.ts';
import type { ModelConfig } from './config.ts';
import type { HeadSpec } from './folder.ts';
import { buildTree, type Parts } from './parameters.ts';

/** How many numbers a model is made of; a block that several layers share counts once. */
export interface ModelCount {
  /** Before its feed-forward networks became experts. */
  readonly dense: number;
  /** With its experts and routers; as `dense` where it has none. */
  readonly moe: number;
  /** What one token passes through: k of the experts in each block that has them. */
  readonly active: number;
}

/**
 * The parameters of a model before any of them exists. The builder of the parameters themselves is asked for the shapes, so that
 * the count is exact for every family: factorised embeddings, shared blocks, some blocks with experts and others without.
 *
 * @param head of a task; null for the encoder alone
 * @throws UsageError for a config whose fields do not fit together
 */
export function countModel(
  config: ModelConfig,
  head: Pick<HeadSpec, 'outputs' | 'spans'> | null = null,
  { pooler = true, mlm = false }: Partial<Pick<Parts, 'pooler' | 'mlm'>> = {},
): ModelCount {
  const parts: Parts = { pooler, mlm, head: head && [config.width * (1 + head.spans), head.outputs] };
  let [dense, moe, active] = [0, 0, 0];
  buildTree({ ...config, moe: null }, parts, (_, shape) => {
    dense += sizeOf(shape);
  });
  buildTree(config, parts, (path, shape) => {
    const size = sizeOf(shape);
    moe += size;
    // Each of k experts' share of the stack; the router is passed through whole.
    active += /\.moe\.fc[12]\./.test(path) ? (size / shape[0]) * config.moe!.k : size;
  });
  return { dense, moe, active };
}
