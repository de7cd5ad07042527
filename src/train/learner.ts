import type { Engine } from '../engine.ts';
import type { Activation } from '../moe/experts.ts';
import type { MoEParameters, MoEResult } from '../moe/moe.ts';
import type { FeedForwardParameters } from '../nn/feed-forward.ts';
import type { Batch } from '../tasks/types.ts';
import type { MoELayer, Trainee } from './objective.ts';

/** Parameters with blocks, each with a feed-forward network or the experts that took its place. */
export interface BlockModel {
  readonly blocks: readonly { readonly feedForward?: FeedForwardParameters; readonly moe?: MoEParameters }[];
}

/** A MoE layer in a forward pass, with what its experts and router saw: `input` and `output` [token, width]. */
export type SeenLayer = MoELayer & Pick<MoEResult, 'output'> & { readonly input: MoEResult['output'] };

/**
 * A family of models on one task, as comparisons and trainings see it: how the dense model of a seed begins, how it becomes a
 * Mixture of Experts, how it learns and answers.
 */
export interface Learner<P extends BlockModel, B> extends Trainee<P, B> {
  readonly activation: Activation;
  /** The dense model that a seed begins with: drawn afresh, or a checkpoint with a fresh head. */
  dense(t: Engine, seed: number): Promise<P>;
  /** Exact copies of its feed-forward networks as experts, with routers drawn by the seed. */
  upcycle(dense: P, seed: number): P;
  /** The training batches of a seed as a function of the step, from 0. */
  batchesOf(seed: number): (step: number) => Batch;
  /** What passes through the MoE layers. Dropless, nothing dropped out. */
  layers(parameters: P, batch: B): readonly SeenLayer[];
}
