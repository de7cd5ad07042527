import { requireOptions, requireTensor } from '../arguments.ts';
import { UsageError } from '../errors.ts';
import { formatSpec, requireFloat, requireRank } from '../shape.ts';
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
 * The choice is made on the logits, as softmax may round different ones to equal probabilities. Definition: spec/method/gate.ts.
 * @param logits z, [token, expert]
 * @throws UsageError unless 1 ≤ k ≤ E; ShapeError for logits or a mask of another shape; DTypeError for logits that are no
 *   floats or a mask that is not bool
 */
export function topKGate(logits: Tensor, options: GateOptions): Gate {
  requireTensor('topKGate', 'logits', logits);
  requireFloat('topKGate', logits);
  requireRank('topKGate', 'logits', logits, 2);
  requireOptions('topKGate', options, '{ k: 2 }');
  const { k, renormalize = k > 1, mask } = options;
  const [tokens, experts] = logits.shape;
  requireMask('topKGate', mask, tokens);
  if (!Number.isInteger(k) || k < 1 || k > experts)
    throw new UsageError({
      operation: 'topKGate',
      received: `k = ${k} for ${formatSpec(logits)}`,
      expected: experts === 0 ? 'at least one expert' : `k from 1 to ${experts}`,
      advice: experts === 0 ? 'A Mixture of Experts needs an expert.' : 'Choose fewer experts per token or build more.',
    });
  const { values: kept, indices } = logits.topK(k); // [token, slot]
  // Renormalised: p_e / Σ_kept p_f = softmax over the kept logits. Otherwise p_e = e^{z_e} / Σ_all e^{z_f}.
  const weights = renormalize ? kept.softmax(1) : kept.subtract(logits.logSumExp([1], { keepDims: true })).exp();
  const real = mask?.expandDims(1); // [token, 1]
  return {
    logits,
    probabilities: real ? real.where(logits.softmax(1), 0) : logits.softmax(1),
    chosen: real ? real.where(indices, -1) : indices,
    gates: real ? real.where(weights, 0) : weights,
  };
}
