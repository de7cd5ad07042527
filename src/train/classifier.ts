import type { Engine } from '../engine.ts';
import type { Recording } from '../moe/statistics.ts';
import { type EncoderOptions, type EncoderParameters, encoder } from '../nn/encoder.ts';
import type { Batch } from '../tasks/types.ts';
import type { Tensor } from '../tensor.ts';
import { type LossParts, recordLayers, watchedOf, withAuxiliary } from './objective.ts';
import type { ComparePlan } from './types.ts';

/** The model of the main job and its loss: a sentence classifier, dense or with experts. */

/** What of a plan the model and its loss depend on. */
export type ClassifierPlan = Pick<ComparePlan, 'model' | 'capacityFactor' | 'balanceLoss' | 'zLoss'>;

export const encoderOptions = ({
  model,
  capacityFactor,
}: Pick<ClassifierPlan, 'model' | 'capacityFactor'>): EncoderOptions => ({
  heads: model.heads,
  k: model.topK,
  capacityFactor,
});

export interface BatchTensors {
  readonly tokens: Tensor;
  readonly mask: Tensor;
  readonly labels: Tensor;
}

export const upload = (t: Engine, batch: Batch): BatchTensors => ({
  tokens: t.tensor(batch.tokens, [batch.size, batch.length]),
  mask: t.tensor(batch.mask, [batch.size, batch.length], 'bool'),
  labels: t.tensor(batch.labels, [batch.size]),
});

export interface ClassifierParts extends LossParts {
  readonly logits: Tensor;
  /** Of each MoE layer. */
  readonly routerLogits: readonly Tensor[];
}

/** loss = mean cross entropy + balanceLoss · top-k balance + zLoss · router z, the last two averaged over MoE layers. */
export function classifierLoss(
  parameters: EncoderParameters,
  batch: BatchTensors,
  plan: ClassifierPlan,
  recording: Recording | null,
): readonly [Tensor, ClassifierParts] {
  const { logits, layers } = encoder(parameters, batch, encoderOptions(plan));
  const task = logits.crossEntropy(batch.labels).mean();
  const { loss, balance } = withAuxiliary(task, layers, batch.mask.reshape([batch.mask.size]), plan);
  const routerLogits = layers.map(({ gate }) => gate.logits);
  const records = recordLayers(layers, recording);
  return [loss, { task, balance, logits, records, routerLogits, watched: watchedOf(layers, logits) }];
}
