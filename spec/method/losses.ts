/**
 * Auxiliary losses of the router. Padding takes no part in them; without any token they are 0.
 */
import { array, type Bool, precondition, type Real, toFlat } from '../array.ts';
import { logSumExp } from '../ops/reduce.ts';
import { type Gate, realTokens } from './gate.ts';

/** Mean of f over the tokens that are not padding; 0 without any. */
function meanOverTokens(tokens: number, mask: Bool | undefined, f: (token: number) => number): number {
  const real = realTokens(tokens, mask);
  return real.length === 0 ? 0 : real.reduce((sum, t) => sum + f(t), 0) / real.length;
}

/** E · Σ_e f_e P_e, with P_e the mean probability of expert e and f_e the mean over tokens of `share(token, e)`. */
function balance(gate: Gate, mask: Bool | undefined, share: (token: number, expert: number) => number): number {
  const [tokens, experts] = gate.probabilities.shape;
  let loss = 0;
  for (let e = 0; e < experts; e++) {
    const f = meanOverTokens(tokens, mask, (t) => share(t, e));
    const P = meanOverTokens(tokens, mask, (t) => gate.probabilities.get(t, e));
    loss += f * P;
  }
  return experts * loss;
}

/**
 * Switch balance loss (Fedus et al. 2021, arXiv 2101.03961, eq. 4-6):  E · Σ_e f_e P_e,
 * f_e = share of tokens whose first choice is e, P_e = mean router probability of e.
 *
 * f counts and has no gradient; the gradient flows through P. The value is 1 at equal loads and equal mean
 * probabilities, E when all tokens surely choose one expert. It can fall below 1, never to 1/E (E ≥ 2):
 * a first choice has p ≥ 1/E, so P_e ≥ f_e/E and E·Σ f_e P_e ≥ Σ f_e² ≥ 1/E, with equality on the right only at equal f,
 * where the value is 1.
 */
export function switchBalanceLoss(gate: Gate, mask?: Bool): number {
  return balance(gate, mask, (t, e) => (gate.chosen.get(t, 0) === e ? 1 : 0));
}

/**
 * The same with f_e = share of all n·k slots that ask for e, so that the value at equal loads is 1 for every k. (The widely
 * used form does not divide by k and gives k there.) Slots count whether or not a capacity drops them later.
 */
export function topKBalanceLoss(gate: Gate, mask?: Bool): number {
  const k = gate.chosen.shape[1];
  return balance(gate, mask, (t, e) => {
    let slots = 0;
    for (let slot = 0; slot < k; slot++) if (gate.chosen.get(t, slot) === e) slots += 1;
    return slots / k;
  });
}

/**
 * Router z-loss (Zoph et al. 2022, ST-MoE, arXiv 2202.08906, eq. 5):  mean over tokens of (log Σ_e exp z_e)².
 * It keeps the logits small, where softmax rounds little.
 *
 * @param logits z, [token, expert]
 */
export function routerZLoss(logits: Real, mask?: Bool): number {
  precondition(logits.shape.length === 2, `router logits are [token, expert], not [${logits.shape}]`);
  const [tokens, experts] = logits.shape;
  return meanOverTokens(tokens, mask, (t) => {
    const z = Array.from({ length: experts }, (_, e) => logits.get(t, e));
    return toFlat(logSumExp(array(z)))[0] ** 2;
  });
}
