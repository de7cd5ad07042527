import type { Spec } from '../../src/backend.ts';
import { moveGrain } from './copy.ts';
import type { CompositeAttrs } from './kernel.ts';
import * as blocks from './kernels/blocks.ts';
import { tall, tileBytes } from './kernels/sheet.ts';
import { twin } from './rows.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';
import { bytesOf } from './storage.ts';

/** Attention, all heads at once, and what flows back: in blocks of queries, as kernels/attention.ts cuts them. */

/** Multiplications of a chunk that is worth waking a thread for. */
const chunkProducts = 2 ** 19;

interface Sizes {
  readonly heads: number;
  readonly positions: number;
  readonly dim: number;
  readonly bytes: number;
  /** 1/√dim */
  readonly scale: number;
}
function sizesOf({ shape: [, heads, positions, dim], dtype }: Spec): Sizes {
  return { heads, positions, dim, bytes: bytesOf[dtype], scale: 1 / Math.sqrt(dim) };
}

/** Address and steps of each view, for the kernels. */
function operandsOf(runtime: Runtime, views: readonly WasmView[]): number {
  const words = views.map((view) => [runtime.address(view), ...view.strides.map((step) => step * bytesOf[view.dtype])]);
  return runtime.table(words.flat());
}

/** Memory for a panel of b and a tile of c. */
const productBytes = ({ positions, dim }: Sizes): number => (Math.max(positions, dim) + tall) * tileBytes;

/** One piece for each thread, of whole cache lines. */
function scratchOf(runtime: Runtime, bytes: number): readonly [address: number, bytes: number] {
  const piece = Math.ceil(bytes / 64) * 64;
  return [runtime.scratch(piece * runtime.threads), piece];
}

export const attention: WasmKernel<CompositeAttrs['attention']> = (runtime, [q, k, v, mask], _, outputs) => {
  const [y, weights] = outputs.map(runtime.output);
  const sizes = sizesOf(q);
  const { heads, positions, dim, bytes, scale } = sizes;
  const [batch] = q.shape;
  if (batch * heads * positions === 0) return [y, weights];
  const bits = runtime.scratch(batch * positions * bytes);
  const real = runtime.address(runtime.contiguous(mask));
  runtime.run(bytes === 8 ? 'maskBits64' : 'maskBits32', batch * positions, moveGrain, real, bits);
  const operands = operandsOf(runtime, [q, k, v]);
  const scratch = scratchOf(runtime, productBytes(sizes));
  const items = batch * heads * Math.ceil(positions / blocks.queries);
  const grain = Math.ceil(chunkProducts / (2 * blocks.queries * positions * dim + 1));
  const to = [y.address, weights.address] as const;
  runtime.run(`attention${twin(q)}`, items, grain, operands, bits, ...to, heads, positions, dim, scale, ...scratch);
  return [y, weights];
};

export const attentionGradient: WasmKernel<CompositeAttrs['attentionGradient']> = (
  runtime,
  [weights, q, k, v, gy, gweights],
  _,
  outputs,
) => {
  const gradients = outputs.map(runtime.output);
  const sizes = sizesOf(q);
  const { heads, positions, dim, bytes, scale } = sizes;
  const items = q.shape[0] * heads;
  if (items * positions === 0) return gradients;
  const given = runtime.address(runtime.contiguous(weights));
  const ofWeights = gweights ? runtime.address(runtime.contiguous(gweights)) : 0;
  const operands = operandsOf(runtime, [q, k, v, gy]);
  const scratch = scratchOf(runtime, Math.min(blocks.queries, positions) * positions * bytes + productBytes(sizes));
  const grain = Math.ceil(chunkProducts / (5 * positions * positions * dim + 1));
  const [ofQ, ofK, ofV] = gradients.map(({ address }) => address);
  const name = `attentionGradient${twin(q)}` as const;
  runtime.run(name, items, grain, operands, given, ofWeights, ofQ, ofK, ofV, heads, positions, dim, scale, ...scratch);
  return gradients;
};
