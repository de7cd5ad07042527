import { requireCounts } from '../arguments.ts';
import { UsageError } from '../errors.ts';
import { upcycle, upcycleBound, upcycleError } from '../moe/upcycle.ts';
import { feedForward } from '../nn/feed-forward.ts';
import { foldIn, type Key } from '../random.ts';
import { blockCount, type ModelConfig, type MoEConfig } from './config.ts';
import { encode, type ModelInput } from './encode.ts';
import type { ModelParameters } from './parameters.ts';

export interface UpcycleModelOptions {
  readonly experts: number;
  /** For the routers, drawn afresh. */
  readonly key: Key;
  /** Blocks to be turned into Mixtures of Experts. Default: every one. ALBERT's layers share what their block becomes. */
  readonly layers?: readonly number[];
  /** Experts per token. Default: 2, or 1 of 1. */
  readonly k?: number;
  /** Default: true for k > 1. Without it the gates of a token do not sum to 1, and the dense function is not kept. */
  readonly renormalize?: boolean;
  readonly balanceLoss?: number;
  /** Standard deviation of noise added to each expert's copy. Default 0: exact copies. */
  readonly noise?: number;
}

/**
 * The model with the feed-forward networks of some blocks replaced by Mixtures of Experts that start as copies of them
 * (Komatsuzaki et al. 2022), and the config that says so. Everything else is the very same tensors.
 * @throws UsageError for a block that is not there or not dense, and for an option out of its range
 */
export function upcycleModel(
  parameters: ModelParameters,
  config: ModelConfig,
  options: UpcycleModelOptions,
): { readonly parameters: ModelParameters; readonly config: ModelConfig } {
  const { experts, key, noise } = options;
  requireCounts('upcycleModel', { experts });
  const count = blockCount(config);
  const layers = [...(options.layers ?? Array.from({ length: count }, (_, block) => block))].sort((a, b) => a - b);
  const { k = Math.min(2, experts), renormalize = k > 1, balanceLoss = config.moe?.balanceLoss ?? 0.01 } = options;
  requireLayers(layers, count);
  if (!(Number.isInteger(k) && k >= 1 && k <= experts))
    throw new UsageError({
      operation: 'upcycleModel',
      received: `k ${k}`,
      expected: `1 to ${experts} experts a token`,
    });
  const before = config.moe;
  if (before && (before.experts !== experts || before.k !== k || before.renormalize !== renormalize))
    throw new UsageError({
      operation: 'upcycleModel',
      received: `${experts} experts with k ${k}, beside blocks that have ${before.experts} with k ${before.k}`,
      expected: 'the same in every block of a model',
    });
  const chosen = new Set(layers);
  const blocks = parameters.blocks.map((block, b) => {
    if (!chosen.has(b)) return block;
    const { feedForward: dense, norm2, ...rest } = block;
    if (!dense)
      throw new UsageError({
        operation: 'upcycleModel',
        received: `block ${b}, which has no feed-forward network`,
        expected: 'dense blocks',
        advice: 'It may be upcycled already.',
      });
    return { ...rest, moe: upcycle(dense, { experts, key: foldIn(key, `block ${b}`), noise }), norm2 };
  });
  const all = [...(before?.layers ?? []), ...layers].sort((a, b) => a - b);
  const moe: MoEConfig = { layers: all, experts, k, renormalize, balanceLoss };
  return { parameters: { ...parameters, blocks }, config: { ...config, moe } };
}

function requireLayers(layers: readonly number[], count: number): void {
  const fits = layers.length > 0 && new Set(layers).size === layers.length;
  if (!fits || !layers.every((layer) => Number.isInteger(layer) && layer >= 0 && layer < count))
    throw new UsageError({
      operation: 'upcycleModel',
      received: `layers [${layers.join(', ')}]`,
      expected: `different numbers from 0 to ${count - 1}`,
    });
}

/** How far an upcycled layer is from the dense one, on the same input. */
export interface LayerReceipt {
  readonly layer: number;
  readonly block: number;
  /** max |MoE(x) − FFN(x)| over real tokens */
  readonly error: number;
  /** What rounding explains of it (`upcycleBound`); null where the gates are not renormalised, and nothing is promised. */
  readonly bound: number | null;
  /** max |FFN(x)| over real tokens */
  readonly largest: number;
}

export interface UpcycleReceipt {
  readonly layers: readonly LayerReceipt[];
  /** max |hidden state upcycled − dense| over real tokens, after the last block */
  readonly hidden: number;
}

/** The receipt for an upcycle: each MoE layer against the network it was copied from, and the whole encoder against the dense one. */
export async function upcycleReceipt(
  dense: { readonly parameters: ModelParameters; readonly config: ModelConfig },
  sparse: { readonly parameters: ModelParameters; readonly config: ModelConfig },
  input: ModelInput,
): Promise<UpcycleReceipt> {
  const t = input.tokens.engine;
  using region = t.region();
  const inside = region.borrow(input);
  const real = inside.mask.reshape([inside.mask.size]);
  const after = encode(sparse.parameters, inside, sparse.config);
  const before = encode(dense.parameters, inside, dense.config);
  const { activation } = dense.config;
  const layers: LayerReceipt[] = [];
  for (const { layer, block, input: x, output } of after.layers) {
    const network = dense.parameters.blocks[block]?.feedForward;
    if (!network) continue; // it was sparse before this upcycle
    const { k, renormalize } = sparse.config.moe!;
    const error = await upcycleError(x, network, output, activation, real).item();
    const largest = await real
      .expandDims(1)
      .where(feedForward(x, network, activation).abs(), 0)
      .max()
      .item();
    const dtype = x.dtype === 'float64' ? 'float64' : 'float32';
    const bound = renormalize ? upcycleBound(k, largest, dtype, t.backend.ulps) : null;
    layers.push({ layer, block, error, bound, largest });
  }
  const apart = after.hidden.subtract(before.hidden).abs();
  const hidden = await inside.mask.expandDims(2).where(apart, 0).max().item();
  return { layers, hidden };
}
