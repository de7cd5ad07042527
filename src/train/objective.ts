import type { Engine } from '../engine.ts';
import { routerZ, topKBalance } from '../moe/losses.ts';
import type { MoEResult } from '../moe/moe.ts';
import { mergeRecorded, type Recorded, type Recording, recordStatistics } from '../moe/statistics.ts';
import type { Key } from '../random.ts';
import type { Batch, HeadKind } from '../tasks/types.ts';
import type { Tensor } from '../tensor.ts';
import { headLoss } from './head-loss.ts';
import { type TaskTensors, uploadBatch } from './upload.ts';

/** What a trainer needs to know of a model and its task. */

/** What a loss tells besides its value. */
export interface LossParts {
  /** The loss of the task alone, without auxiliary losses. */
  readonly task: Tensor;
  readonly balance: Tensor;
  /** What the optimizer wanted recorded, by name of the expert linear. */
  readonly records: ReadonlyMap<string, Recorded>;
  /** Between parameters and loss, in the order of computation: where to look when the loss is no number. */
  readonly watched: readonly (readonly [name: string, tensor: Tensor])[];
}

/** `D`: a batch on the host; `B`: the same on the device; `P`: the tree of parameters. */
export interface Objective<P, D, B> {
  upload(t: Engine, batch: D): B;
  /** The loss is a mean over what `D.scored` counts. The key is the step's own, for whatever is drawn in it. */
  loss(parameters: P, batch: B, recording: Recording | null, key: Key): readonly [Tensor, LossParts];
}

/** An objective that can be evaluated on a task as well. */
export interface Trainee<P, B = unknown> extends Objective<P, Batch, B> {
  /** What the head says, example by example as `Output` is laid out: [example, …]. Nothing is dropped, masked or drawn. */
  predict(parameters: P, batch: B): Tensor;
}

/** A MoE layer's part in a forward pass. */
export type MoELayer = Pick<MoEResult, 'gate' | 'plan' | 'flow'> & {
  /** Where its parameters are in the tree; absent: `blocks.<block>.moe`. */
  readonly path?: string;
  readonly block: number;
};

export interface AuxiliaryWeights {
  readonly balanceLoss: number;
  readonly zLoss: number;
}

/** task + balanceLoss · top-k balance + zLoss · router z, the last two averaged over MoE layers. `mask`: bool [token]. */
export function withAuxiliary(
  task: Tensor,
  layers: readonly MoELayer[],
  mask: Tensor,
  { balanceLoss, zLoss }: AuxiliaryWeights,
): { readonly loss: Tensor; readonly balance: Tensor } {
  const averaged = (loss: (layer: MoELayer) => Tensor): Tensor =>
    layers
      .reduce((sum, layer) => sum.add(loss(layer)), task.engine.zeros([], task.dtype))
      .divide(Math.max(1, layers.length));
  const balance = averaged(({ gate }) => topKBalance(gate, mask));
  const loss = task.add(balance.multiply(balanceLoss));
  if (!(zLoss > 0)) return { loss, balance };
  return { loss: loss.add(averaged(({ gate }) => routerZ(gate, mask)).multiply(zLoss)), balance };
}

/** The statistics that the optimizer asked for, of every expert linear. */
export function recordLayers(layers: readonly MoELayer[], recording: Recording | null): Map<string, Recorded> {
  const records = new Map<string, Recorded>();
  if (recording)
    for (const { block, path = `blocks.${block}.moe`, flow, plan } of layers) {
      const { fc1, fc2 } = recordStatistics(flow, plan, recording);
      for (const [name, record] of [
        [`${path}.fc1`, fc1],
        [`${path}.fc2`, fc2],
      ] as const) {
        const before = records.get(name); // there where layers share a block
        if (record) records.set(name, before ? mergeRecorded(before, record, recording.statistic) : record);
      }
    }
  return records;
}

/** A model with a head, as far as training goes. */
export interface TaskModel<P> {
  /** Logits as the head's `Output` is laid out, [example, …]. `key` is null in evaluation: nothing may be drawn or dropped then. */
  forward(
    parameters: P,
    batch: TaskTensors,
    key: Key | null,
  ): { readonly logits: Tensor; readonly layers: readonly MoELayer[] };
}

/** A model and the loss of its head, with the auxiliary losses of its routers. */
export const taskTrainee = <P>(
  model: TaskModel<P>,
  head: HeadKind,
  weights: AuxiliaryWeights,
): Trainee<P, TaskTensors> => ({
  upload: uploadBatch,
  loss(parameters, batch, recording, key) {
    const { logits, layers } = model.forward(parameters, batch, key);
    const task = headLoss(head, logits, batch);
    const { loss, balance } = withAuxiliary(task, layers, batch.mask.reshape([batch.mask.size]), weights);
    return [loss, { task, balance, records: recordLayers(layers, recording), watched: watchedOf(layers, logits) }];
  },
  predict: (parameters, batch) => model.forward(parameters, batch, null).logits,
});

export const watchedOf = (layers: readonly MoELayer[], logits: Tensor): LossParts['watched'] => [
  ...layers.map(({ gate }, layer) => [`the router logits of MoE layer ${layer}`, gate.logits] as const),
  ['the class logits', logits],
];
