import type { Engine } from '../engine.ts';
import { routerZ, topKBalance } from '../moe/losses.ts';
import { type Recorded, type Recording, recordStatistics } from '../moe/statistics.ts';
import { type EncoderOptions, type EncoderParameters, type EncoderResult, encoder } from '../nn/encoder.ts';
import type { Batch } from '../tasks/types.ts';
import type { Tensor } from '../tensor.ts';
import type { ComparePlan } from './types.ts';

/** The loss of the main job: a sentence classifier, dense or with experts. */

export const encoderOptions = ({ model, capacityFactor }: ComparePlan): EncoderOptions => ({
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

export interface LossParts {
  readonly task: Tensor;
  readonly balance: Tensor;
  readonly logits: Tensor;
  readonly records: ReadonlyMap<string, Recorded>;
  readonly routerLogits: readonly Tensor[];
}

/** loss = mean cross entropy + balanceLoss · top-k balance + zLoss · router z, the last two averaged over MoE layers. */
export function classifierLoss(
  parameters: EncoderParameters,
  batch: BatchTensors,
  plan: ComparePlan,
  recording: Recording | null,
): readonly [Tensor, LossParts] {
  const { logits, layers } = encoder(parameters, batch, encoderOptions(plan));
  const mask = batch.mask.reshape([batch.mask.size]);
  const task = logits.crossEntropy(batch.labels).mean();
  const averaged = (loss: (layer: EncoderResult['layers'][number]) => Tensor): Tensor =>
    layers
      .reduce((sum, layer) => sum.add(loss(layer)), logits.engine.zeros([], logits.dtype))
      .divide(Math.max(1, layers.length));
  const balance = averaged(({ gate }) => topKBalance(gate, mask));
  let loss = task.add(balance.multiply(plan.balanceLoss));
  if (plan.zLoss > 0) loss = loss.add(averaged(({ gate }) => routerZ(gate, mask)).multiply(plan.zLoss));
  const records = new Map<string, Recorded>();
  if (recording)
    for (const { block, flow, plan: dispatch } of layers) {
      const { fc1, fc2 } = recordStatistics(flow, dispatch, recording);
      if (fc1) records.set(`blocks.${block}.moe.fc1`, fc1);
      if (fc2) records.set(`blocks.${block}.moe.fc2`, fc2);
    }
  return [loss, { task, balance, logits, records, routerLogits: layers.map(({ gate }) => gate.logits) }];
}
