import type { Engine } from '../engine.ts';
import { ShapeError } from '../errors.ts';
import { type EncodeOptions, encode, type ModelConfig, type ModelParameters, mlmLoss } from '../models/index.ts';
import { foldIn, type Key, key } from '../random.ts';
import { requireCount } from '../tasks/collate.ts';
import { endlessLine } from '../tasks/endless-line.ts';
import type { Scores } from '../tasks/types.ts';
import type { Tensor } from '../tensor.ts';
import type { Block } from '../text/corpus.ts';
import { type MaskOptions, masking } from '../text/masking.ts';
import { type AuxiliaryWeights, type Objective, recordLayers, withAuxiliary } from './objective.ts';
import type { Scored } from './step.ts';

/** Pretraining by masked-language modelling (Devlin et al. 2019): batches, loss, perplexity. */

/** Blocks side by side, with some of their tokens hidden. */
export interface MaskedBatch extends Scored {
  /** [block · position] */
  readonly tokens: Int32Array;
  /** 1 = real token, 0 = padding: [block · position] */
  readonly mask: Uint8Array;
  /** Where something is to be predicted, as block · length + position, and what stood there: each [scored]. */
  readonly places: Int32Array;
  readonly labels: Int32Array;
  readonly size: number;
  readonly length: number;
}

export interface MaskedTensors {
  /** int32 [block, position] */
  readonly tokens: Tensor;
  /** bool [block, position] */
  readonly mask: Tensor;
  /** int32 [scored] */
  readonly places: Tensor;
  readonly labels: Tensor;
}

export interface MaskedBatches extends MaskOptions {
  readonly pad: number;
  /** Blocks in a batch. */
  readonly batch: number;
  /** Positions of a block. */
  readonly length: number;
  readonly seed: number;
}

/** An epoch that no training reaches: the masks of evaluation, the same every time. */
const evaluationEpoch = 2 ** 31 - 1;

type Hide = ReturnType<typeof masking>;

function collateMasked(
  chosen: readonly { readonly epoch: number; readonly index: number }[],
  blocks: readonly Block[],
  { pad, length }: MaskedBatches,
  hide: Hide,
  stream: Key,
): MaskedBatch {
  const size = chosen.length;
  const tokens = new Int32Array(size * length).fill(pad);
  const mask = new Uint8Array(size * length);
  const places: number[] = [];
  const labels: number[] = [];
  chosen.forEach(({ epoch, index }, row) => {
    const hidden = hide(stream, epoch, index, blocks[index]);
    tokens.set(hidden.tokens, row * length);
    mask.fill(1, row * length, row * length + hidden.tokens.length);
    hidden.targets.forEach((target, position) => {
      if (target < 0) return;
      places.push(row * length + position);
      labels.push(target);
    });
  });
  const scored = places.length;
  return { tokens, mask, places: Int32Array.from(places), labels: Int32Array.from(labels), size, length, scored };
}

function requireBlocks(blocks: readonly Block[], length: number, what: string): void {
  const longest = blocks.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
  if (blocks.length > 0 && longest <= length) return;
  throw new ShapeError({
    operation: what,
    received: blocks.length === 0 ? 'no block of text' : `a block of ${longest} tokens`,
    expected: `at least one block, of at most ${length} tokens`,
    advice: blocks.length === 0 ? 'The text is too short; give more of it.' : undefined,
  });
}

/**
 * The batches of a training, as a function of the number of the batch, from 0. Each epoch visits every block once, in an order
 * and with masks of its own; all of it depends on seed and number alone.
 * @throws ShapeError without blocks, or for a block longer than `length`; UsageError for sizes below 1
 */
export function maskedBatches(blocks: readonly Block[], options: MaskedBatches): (index: number) => MaskedBatch {
  requireCount('masked batch', 'batch', options.batch, 1);
  requireBlocks(blocks, options.length, 'masked batch');
  const stream = foldIn(key(options.seed), 'pretraining');
  const hide = masking(options);
  const line = endlessLine(blocks.length, foldIn(stream, 'order'));
  return (index) => {
    requireCount('masked batch', 'index', index, 0);
    const chosen = Array.from({ length: options.batch }, (_, i) => line(index * options.batch + i));
    return collateMasked(chosen, blocks, options, hide, stream);
  };
}

/** All blocks once, with the same masks every time. @throws as `maskedBatches` */
export function maskedEvaluation(blocks: readonly Block[], options: MaskedBatches): readonly MaskedBatch[] {
  requireCount('masked batch', 'batch', options.batch, 1);
  requireBlocks(blocks, options.length, 'masked batch');
  const stream = foldIn(key(options.seed), 'held out');
  const hide = masking(options);
  const all = Array.from(blocks.keys(), (index) => ({ epoch: evaluationEpoch, index }));
  return Array.from({ length: Math.ceil(all.length / options.batch) }, (_, b) =>
    collateMasked(all.slice(b * options.batch, (b + 1) * options.batch), blocks, options, hide, stream),
  );
}

/** loss = mean cross entropy of what was hidden + the auxiliary losses of the routers, if there are any. */
export const maskedObjective = (
  config: ModelConfig,
  weights: AuxiliaryWeights,
  { dropout = 0, capacityFactor = null }: Pick<EncodeOptions, 'capacityFactor'> & { readonly dropout?: number } = {},
): Objective<ModelParameters, MaskedBatch, MaskedTensors> => ({
  upload: uploadMasked,
  loss(parameters, batch, recording, stepKey) {
    const dropped = dropout > 0 ? { rate: dropout, key: stepKey } : null;
    const { hidden, layers } = encode(parameters, { ...batch, segments: null }, config, {
      capacityFactor,
      dropout: dropped,
    });
    const task = mlmLoss(parameters, hidden, batch, config);
    const { loss, balance } = withAuxiliary(task, layers, batch.mask.reshape([batch.mask.size]), weights);
    const watched = [
      ...layers.map(({ gate }, layer) => [`the router logits of MoE layer ${layer}`, gate.logits] as const),
      ['the hidden states', hidden] as const,
    ];
    return [loss, { task, balance, records: recordLayers(layers, recording), watched }];
  },
});

const uploadMasked = (t: Engine, { tokens, mask, places, labels, size, length, scored }: MaskedBatch) => ({
  tokens: t.tensor(tokens, [size, length]),
  mask: t.tensor(mask, [size, length], 'bool'),
  places: t.tensor(places, [scored]),
  labels: t.tensor(labels, [scored]),
});

/**
 * Mean cross entropy over all that is hidden, and its exponential, the perplexity. Dropless, nothing dropped out.
 * @returns null where `signal` asked to stop before the end
 */
export async function maskedPerplexity(
  t: Engine,
  parameters: ModelParameters,
  config: ModelConfig,
  batches: readonly MaskedBatch[],
  signal?: AbortSignal,
): Promise<Scores | null> {
  let [sum, scored] = [0, 0];
  for (const batch of batches) {
    if (signal?.aborted) return null;
    using pass = t.region();
    const tensors = uploadMasked(pass, batch);
    const { hidden } = encode(pass.borrow(parameters), { ...tensors, segments: null }, config);
    const mean = (await mlmLoss(pass.borrow(parameters), hidden, tensors, config).data())[0];
    sum += mean * batch.scored;
    scored += batch.scored;
    await new Promise((resolve) => setTimeout(resolve)); // lets a request to stop be heard
  }
  const crossEntropy = sum / scored;
  return { perplexity: Math.exp(crossEntropy), crossEntropy };
}

/**
 * What no model may fall behind: the perplexity of the same hidden tokens under their frequency in the training text, one
 * added to each count: p(w) = (n_w + 1)/(n + vocabulary).
 */
export function unigramPerplexity(
  training: readonly Block[],
  batches: readonly MaskedBatch[],
  { size, isSpecial }: Pick<MaskOptions, 'size' | 'isSpecial'>,
): number {
  const counts = new Float64Array(size).fill(1);
  let all = size;
  for (const { tokens } of training)
    for (const token of tokens)
      if (!isSpecial(token)) {
        counts[token]++;
        all++;
      }
  let [sum, scored] = [0, 0];
  for (const { labels } of batches)
    for (const label of labels) {
      sum -= Math.log(counts[label] / all);
      scored++;
    }
  return Math.exp(sum / scored);
}
