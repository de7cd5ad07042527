/**
 * The Mixture-of-Experts layer, token by token.
 */
import { type Bool, fromFunction, precondition, type Real, zeros } from '../array.ts';
import { type Assignment, assign, capacityOf } from './dispatch.ts';
import { type Activation, type Expert, feedForward } from './expert.ts';
import { type Gate, realTokens, routerLogits, topKGate } from './gate.ts';

export interface MoeParameters {
  /** W_r, [width, expert] */
  readonly router: Real;
  readonly experts: readonly Expert[];
}

export interface MoeOptions {
  /** How many experts see a token, 1 ≤ k ≤ E. */
  readonly k: number;
  /** Default: gelu. */
  readonly activation?: Activation;
  /** Default: true for k > 1. */
  readonly renormalize?: boolean;
  /** `null` (default): dropless. */
  readonly capacityFactor?: number | null;
  /** [token], 0 for padding. */
  readonly mask?: Bool;
}

export interface MoeResult {
  /** y, [token, width]. Rows of padding are 0. */
  readonly output: Real;
  readonly logits: Real;
  readonly gate: Gate;
  readonly assignment: Assignment;
}

/**
 * y_t = Σ_{e chosen by t and not full} g_{t,e} · FFN_e(x_t).
 *
 * The gates of a token are not rescaled when one of its slots is dropped: its output just lacks that share.
 *
 * @param x [token, width]
 */
export function moeLayer(x: Real, parameters: MoeParameters, options: MoeOptions): MoeResult {
  const { router, experts } = parameters;
  precondition(experts.length > 0, 'a Mixture of Experts has at least one expert');
  precondition(
    router.shape[1] === experts.length,
    `the router [${router.shape}] has ${experts.length} experts to choose`,
  );
  const logits = routerLogits(x, router);
  const gate = topKGate(logits, options.k, { renormalize: options.renormalize, mask: options.mask });
  const tokens = realTokens(x.shape[0], options.mask).length;
  const capacity = capacityOf(options.capacityFactor ?? null, tokens, options.k, experts.length);
  const assignment = assign(gate.chosen, experts.length, capacity);
  const output = zeros([x.shape[0], experts[0].fc2.weight.shape[1]]);
  assignment.served.forEach((slots, e) => {
    for (const { token } of slots) {
      const row = feedForward(tokenRow(x, token), experts[e], options.activation);
      for (let j = 0; j < output.shape[1]; j++) {
        output.set(token, j, output.get(token, j) + gate.gates.get(token, e) * row.get(0, j));
      }
    }
  });
  return { output, logits, gate, assignment };
}

/** x_t as a matrix of one row. */
const tokenRow = (x: Real, token: number): Real => fromFunction([1, x.shape[1]], ([, j]) => x.get(token, j));
