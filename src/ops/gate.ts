import { ShapeError, UsageError } from '../errors.ts';
import type { Op } from '../op.ts';
import {
  formatSpec,
  formatSpecs,
  requireDType,
  requireFloat,
  requireOneDType,
  requireRank,
  sameShape,
} from '../shape.ts';

/** The top-k gate and its gradient. */

export interface TopKGateAttrs {
  /** Experts per token, 1 ≤ k ≤ E. */
  readonly k: number;
  /** Divide the kept probabilities by their sum. */
  readonly renormalize: boolean;
}

/**
 * The top-k gate (Shazeer et al. 2017): logits z [token, expert] -> gates [token, slot], chosen int32 [token, slot].
 * The k largest logits are kept, descending, ties to the lowest expert. Renormalised, the gates are p_e / Σ_kept p_f, which
 * is softmax over the kept logits; otherwise p_e itself. p is the softmax over all experts.
 * @throws UsageError unless 1 ≤ k ≤ E; DTypeError, ShapeError for anything but floats [token, expert]
 */
export const topKGate: Op<TopKGateAttrs> = {
  name: 'topKGate',
  kind: 'composite',
  infer([logits], { k }) {
    requireFloat('topKGate', logits);
    requireRank('topKGate', 'logits', logits, 2);
    const [tokens, experts] = logits.shape;
    if (!Number.isInteger(k) || k < 1 || k > experts)
      throw new UsageError({
        operation: 'topKGate',
        received: `k = ${k} for ${formatSpec(logits)}`,
        expected: experts === 0 ? 'at least one expert' : `k from 1 to ${experts}`,
        advice:
          experts === 0 ? 'A Mixture of Experts needs an expert.' : 'Choose fewer experts per token or build more.',
      });
    return [
      { shape: [tokens, k], dtype: logits.dtype },
      { shape: [tokens, k], dtype: 'int32' },
    ];
  },
  compose([logits], { k, renormalize }) {
    const { values: kept, indices: chosen } = logits.topK(k); // [token, slot]
    if (renormalize) return [kept.softmax(1), chosen];
    const p = logits.softmax(1).expandDims(1); // [token, 1, expert]
    return [chosen.oneHot(logits.shape[1], 'bool').where(p, 0).sum([2]), chosen];
  },
  vjp: ({ inputs: [logits], outputs: [gates, chosen], gradients: [g], attrs: { renormalize } }) => [
    logits.engine.run(topKGateGradient, [logits, gates, chosen, g], { renormalize })[0],
  ],
};

/**
 * ∂z of the gate: logits z [token, expert], its gates γ and chosen int32 [token, slot], and g, the gradient of the gates, [token,
 * slot] -> [token, expert]. With w = g γ, slot by slot:  renormalised, as softmax of what was kept, ∂z = w − γ Σ_slot w at the
 * chosen experts;  otherwise ∂z = w at the chosen experts, and −p Σ_slot w at all, p = softmax(z).
 * What is chosen outside [0, experts) goes to no expert.
 * @throws DTypeError, ShapeError for anything but these
 */
export const topKGateGradient: Op<Pick<TopKGateAttrs, 'renormalize'>> = {
  name: 'topKGateGradient',
  kind: 'composite',
  infer(inputs) {
    const [logits, gates, chosen, g] = inputs;
    requireFloat('topKGateGradient', logits);
    requireOneDType('topKGateGradient', [logits, gates, g]);
    requireDType('topKGateGradient', 'chosen', chosen, 'int32');
    requireRank('topKGateGradient', 'logits', logits, 2);
    requireRank('topKGateGradient', 'gates', gates, 2);
    const inSlots = [chosen, g].every(({ shape }) => sameShape(shape, gates.shape));
    if (!inSlots || gates.shape[0] !== logits.shape[0])
      throw new ShapeError({
        operation: 'topKGateGradient',
        received: formatSpecs(inputs),
        expected: 'logits [token, expert], and gates, chosen and their gradient [token, slot]',
      });
    return [{ shape: logits.shape, dtype: logits.dtype }];
  },
  compose([logits, gates, chosen, g], { renormalize }) {
    const weighted = g.multiply(gates); // [token, slot]
    const total = weighted.sum([1], { keepDims: true }); // [token, 1]
    const atSlot = renormalize ? weighted.subtract(gates.multiply(total)) : weighted;
    // Each slot's share goes to the expert it chose. No scatter: token · slot · expert comparisons.
    const atExpert = chosen
      .oneHot(logits.shape[1], 'bool')
      .where(atSlot.expandDims(2), 0) // [token, slot, expert]
      .sum([1]);
    return [renormalize ? atExpert : atExpert.subtract(logits.softmax(1).multiply(total))];
  },
};
