import { type Engine, key, type Tensor } from '../src/index.ts';
import { freshConfig, type ModelConfig } from '../src/models/config.ts';
import { headSpec } from '../src/models/heads.ts';
import { initModel, type ModelParameters } from '../src/models/parameters.ts';
import { taskModel } from '../src/models/task-model.ts';
import { upcycleModel } from '../src/models/upcycle.ts';
import { taskTrainee } from '../src/train/objective.ts';
import type { TaskTensors } from '../src/train/upload.ts';
import { dimensions, type Size, u } from './case.ts';

/**
 * The encoder whose training is timed: BERT's blocks, each with 8 experts (top-2, ffn of four widths) in the place of its
 * feed-forward network, 4 heads, 8,000 word pieces, and a classifier on the pooled state. Sizes are layers × width × batch ×
 * length. Sentences fill their length, so that every token counted is one that is trained on.
 */

export const fullSize = '4x256x16x128';
const vocabulary = 8000;
const classes = 2;

export interface EncoderSize {
  readonly layers: number;
  readonly width: number;
  readonly batch: number;
  readonly length: number;
  readonly config: ModelConfig;
}

export function encoderSize(size: Size): EncoderSize {
  const [layers, width, batch, length] = dimensions(size);
  const dense = freshConfig('bert', { vocabulary, positions: length, width, hidden: 4 * width, heads: 4, layers });
  const moe = { layers: [...Array(layers).keys()], experts: 8, k: 2, renormalize: true, balanceLoss: 0 };
  return { layers, width, batch, length, config: { ...dense, moe } };
}

export const encoderTitle = (size: Size): string => {
  const { layers, width, batch, length } = encoderSize(size);
  return `encoder training step: ${layers} layers, width ${width}, 8 experts, top-2, batch ${batch} × ${length}`;
};

export const tokensOf = (size: Size): number => encoderSize(size).batch * encoderSize(size).length;

/** Of the products alone: 2 forward and 4 backward for each weight that a token passes through, and attention's own two. */
export function encoderFlops(size: Size): number {
  const { layers, width, length, config } = encoderSize(size);
  const { hidden, moe } = config;
  const perToken = 4 * width * width + 2 * length * width + moe!.k * 2 * width * hidden + width * moe!.experts;
  return 6 * layers * perToken * tokensOf(size);
}

/** The loss of the classifier alone: auxiliary losses are left out, so that others can be asked for the same. */
export const encoderTrainee = (config: ModelConfig) =>
  taskTrainee(taskModel(config, headSpec('classify', { classes })), 'classify', { balanceLoss: 0, zLoss: 0 });

export interface EncoderInputs {
  readonly parameters: ModelParameters;
  /** int32 [sentence, position] */
  readonly tokens: Tensor;
  /** int32 [sentence] */
  readonly labels: Tensor;
}

export function encoderInputs(t: Engine, size: Size): EncoderInputs {
  const { batch, length, width, config } = encoderSize(size);
  const { moe, ...rest } = config;
  const dense = { ...rest, moe: null };
  const drawn = initModel(t, key(1), dense, { head: [width, classes] });
  const options = { experts: moe!.experts, k: moe!.k, noise: 0.02, key: key(2) };
  const ids = t.uniform(key(3), [batch, length], { low: 5, high: vocabulary }).astype('int32');
  const labels = t.uniform(key(4), [batch], { low: 0, high: classes }).astype('int32');
  return { parameters: upcycleModel(drawn, dense, options).parameters, tokens: ids, labels };
}

/** The batch as a trainer has it on the device. */
export function encoderBatch({ tokens, labels }: Pick<EncoderInputs, 'tokens' | 'labels'>): TaskTensors {
  const [size, length] = tokens.shape;
  const mask = tokens.greaterEqual(0);
  const none = { segments: null, values: null, spans: null, tags: null, tagged: null, answers: null };
  return { ...none, tokens, labels, mask, size, length, rows: 1 };
}

/**
 * How far losses and gradients may be off, relative to 1 + loss and to a gradient's norm: u times the lengths of all sums between
 * a token and the loss, there and back. An estimate and not a proof, as the layers are proved one by one in the kit; a wrong
 * formula is far above.
 */
export function encoderTolerance(size: Size): number {
  const { layers, width, length, config } = encoderSize(size);
  return 12 * layers * (width + config.hidden + length) * u;
}
