import { requireOptions, requireTensor } from '../arguments.ts';
import { composites } from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';
import { requireMask } from './arguments.ts';

export interface GateOptions {
  /** Experts per token, 1 ≤ k ≤ E. */
  readonly k: number;
  /** Divide the kept probabilities by their sum. Default: true for k > 1. */
  readonly renormalize?: boolean;
  /** bool [token], false for padding: padding chooses nobody. */
  readonly mask?: Tensor;
}

export interface Gate {
  /** z, [token, expert] */
  readonly logits: Tensor;
  /** p = softmax(z), [token, expert]; rows of padding are 0 */
  readonly probabilities: Tensor;
  /** The chosen experts, int32 [token, slot], most probable first; −1 for padding. */
  readonly chosen: Tensor;
  /** g, the weight of each choice, [token, slot]; 0 for padding. */
  readonly gates: Tensor;
}

/**
 * The top-k gate (Shazeer et al. 2017): softmax of the router logits, the k largest kept (ties to the lowest expert).
 * The choice is made on the logits, as softmax may round different ones to equal probabilities. Definition: spec/method/gate.ts;
 * the choice and its weights are one operation, src/ops/gate.ts.
 * @param logits z, [token, expert]
 * @throws UsageError unless 1 ≤ k ≤ E; ShapeError for logits or a mask of another shape; DTypeError for logits that are no
 *   floats or a mask that is not bool
 */
export function topKGate(logits: Tensor, options: GateOptions): Gate {
  requireTensor('topKGate', 'logits', logits);
  requireOptions('topKGate', options, '{ k: 2 }');
  const { k, renormalize = k > 1, mask } = options;
  const [weights, indices] = logits.engine.run(composites.topKGate, [logits], { k, renormalize }); // [token, slot]
  requireMask('topKGate', mask, logits.shape[0]);
  const real = mask?.expandDims(1); // [token, 1]
  return {
    logits,
    probabilities: real ? real.where(logits.softmax(1), 0) : logits.softmax(1),
    chosen: real ? real.where(indices, -1) : indices,
    gates: real ? real.where(weights, 0) : weights,
  };
}
