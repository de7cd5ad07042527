/**
 * The gate: which experts see a token, and how much each counts (Shazeer et al. 2017, arXiv 1701.06538).
 */
import { type Bool, type Int, intArray, precondition, type Real, zeros } from '../array.ts';
import { matmul } from '../ops/matmul.ts';
import { slotGates } from '../ops/routing.ts';
import { softmax } from '../ops/softmax.ts';

export interface GateOptions {
  /** Divide the kept probabilities by their sum. Default: true for k > 1, where it makes y a convex combination. */
  readonly renormalize?: boolean;
  /** [token], 1 for a token, 0 for padding. Padding chooses nobody. */
  readonly mask?: Bool;
}

export interface Gate {
  /** p, [token, expert]: the router's probabilities. Rows of padding are 0. */
  readonly probabilities: Real;
  /** g, [token, expert]: gate weights, 0 for experts that were not chosen. */
  readonly gates: Real;
  /** [token, slot]: the chosen experts, most probable first; −1 in the rows of padding. */
  readonly chosen: Int;
}

/** Whether token t is a token (and not padding). Without a mask all are. */
export const isReal = (mask: Bool | undefined, t: number): boolean => mask === undefined || mask.get(t) !== 0;

/** The tokens that are not padding, in order. Throws `SpecError` where the mask has another length. */
export function realTokens(tokens: number, mask?: Bool): number[] {
  precondition(
    mask === undefined || (mask.shape.length === 1 && mask.shape[0] === tokens),
    `the mask has shape [${mask?.shape}], but there are ${tokens} tokens`,
  );
  return Array.from({ length: tokens }, (_, t) => t).filter((t) => isReal(mask, t));
}

/**
 * p = softmax(z);  T = the k experts with the largest z (ties: the lowest index);
 * g_e = p_e / Σ_{f ∈ T} p_f for e in T when renormalised, p_e for e in T otherwise, and 0 outside T.
 *
 * The choice is made on the logits: softmax keeps their order, but may round different ones to equal probabilities.
 *
 * @param logits z, [token, expert]
 * @throws SpecError unless 1 ≤ k ≤ E
 */
export function topKGate(logits: Real, k: number, options: GateOptions = {}): Gate {
  precondition(logits.shape.length === 2, `router logits are [token, expert], not [${logits.shape}]`);
  const [tokens, experts] = logits.shape;
  precondition(Number.isInteger(k) && k >= 1 && k <= experts, `k must be 1 … E = ${experts}, not ${k}`);
  const renormalize = options.renormalize ?? k > 1;
  const p = softmax(logits, 1);
  const kept = slotGates(logits, k, renormalize);
  const probabilities = zeros([tokens, experts]);
  const gates = zeros([tokens, experts]);
  const chosen = intArray(new Array<number>(tokens * k).fill(-1), [tokens, k]);
  for (const t of realTokens(tokens, options.mask)) {
    for (let e = 0; e < experts; e++) probabilities.set(t, e, p.get(t, e));
    for (let slot = 0; slot < k; slot++) {
      const e = kept.chosen.get(t, slot);
      chosen.set(t, slot, e);
      gates.set(t, e, kept.gates.get(t, slot));
    }
  }
  return { probabilities, gates, chosen };
}

/** z = x W_r: [token, in] · [in, expert] -> [token, expert]. */
export const routerLogits = (x: Real, router: Real): Real => matmul(x, router);
