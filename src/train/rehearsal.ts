import { blockCount, blockOrder, type ModelConfig } from '../models/config.ts';
import type { HeadSpec } from '../models/folder.ts';
import type { ModelParameters, Parts } from '../models/parameters.ts';
import { taskModel } from '../models/task-model.ts';
import type { OmoeOptions } from '../optim/options.ts';
import { bucketedBatches } from '../tasks/buckets.ts';
import type { Batch, Task } from '../tasks/types.ts';
import { type AuxiliaryWeights, type Objective, taskTrainee } from './objective.ts';
import type { Scored } from './step.ts';
import type { TaskTensors } from './upload.ts';

/** A training step, as far as its cost goes: the loss of a model with any of its blocks, and batches of any size. */

/** A batch whose tokens can be counted, padding included: that is worked on too. */
export interface Counted extends Scored {
  readonly tokens: Int32Array;
}

export interface Rehearsal<D extends Counted, B> {
  readonly config: ModelConfig;
  readonly parts: Parts;
  /** Examples in a micro-batch, and how many of these a step adds up. */
  readonly batch: number;
  readonly accumulate: number;
  /** The methods whose steps are compared; empty: the base optimizer alone. */
  readonly methods: readonly (OmoeOptions | null)[];
  objective(config: ModelConfig): Objective<ModelParameters, D, B>;
  /** Micro-batch `index` of a training by so many examples each. */
  batchOf(size: number): (index: number) => D;
}

export interface TaskRehearsal {
  /** With the experts that its blocks are to have. */
  readonly config: ModelConfig;
  readonly head: HeadSpec;
  readonly task: Task;
  readonly batch: number;
  readonly accumulate?: number;
  readonly dropout?: number;
  readonly capacityFactor?: number | null;
  readonly weights: AuxiliaryWeights;
  readonly methods: readonly (OmoeOptions | null)[];
}

/** The fine-tuning of a model on a task. Only the shapes are needed: the checkpoint need not be there. */
export const rehearseTask = (given: TaskRehearsal): Rehearsal<Batch, TaskTensors> => {
  const { config, head, task, batch, accumulate = 1, methods, weights } = given;
  const { dropout = 0, capacityFactor = null } = given;
  return {
    ...{ config, batch, accumulate, methods },
    parts: { pooler: true, mlm: false, head: [config.width * (1 + head.spans), head.outputs] },
    objective: (some) => taskTrainee(taskModel(some, head, { dropout, capacityFactor }), head.kind, weights),
    batchOf: (size) => bucketedBatches(task, { batch: size, seed: 0 }),
  };
};

/** How often blocks of each kind run in a forward pass, and how many of them there are. */
export function blockUses(config: ModelConfig): {
  readonly dense: { readonly blocks: number; readonly runs: number };
  readonly moe: { readonly blocks: number; readonly runs: number };
} {
  const sparse = new Set(config.moe?.layers);
  const [order, count] = [blockOrder(config), blockCount(config)];
  const moeRuns = order.filter((block) => sparse.has(block)).length;
  return {
    dense: { blocks: count - sparse.size, runs: order.length - moeRuns },
    moe: { blocks: sparse.size, runs: moeRuns },
  };
}

/** The model with so many blocks of one kind and nothing else between its embeddings and its head; 0 is that alone. */
export function withBlocks(config: ModelConfig, kind: 'dense' | 'moe', blocks: number): ModelConfig {
  const moe = kind === 'moe' && config.moe && blocks > 0 ? { ...config.moe, layers: [...Array(blocks).keys()] } : null;
  return { ...config, layers: blocks, groups: config.family === 'albert' ? blocks : 1, inner: 1, moe };
}

/** Batches that are looked at for the largest one and the mean. */
const looked = 64;

/** Of the first micro-batches of so many examples: the largest, the mean number of tokens, and the one that is nearest to it. */
export function largeAndMean<D extends Counted, B>(
  { batchOf }: Pick<Rehearsal<D, B>, 'batchOf'>,
  size: number,
): { readonly largest: D; readonly mean: number; readonly nearest: D } {
  const at = batchOf(size);
  const batches = Array.from({ length: looked }, (_, i) => at(i));
  const mean = batches.reduce((sum, { tokens }) => sum + tokens.length, 0) / looked;
  const best = (score: (tokens: number) => number) =>
    batches.reduce((a, b) => (score(b.tokens.length) > score(a.tokens.length) ? b : a));
  return { largest: best((n) => n), mean, nearest: best((n) => -Math.abs(n - mean)) };
}
