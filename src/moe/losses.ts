import type { Tensor } from '../tensor.ts';
import { requireMask } from './arguments.ts';
import type { Gate } from './gate.ts';

/** Auxiliary losses of the router. Padding is left out; without any real token a loss is 0. Definitions: spec/method/losses.ts. */

/** The mean over real tokens of rows [token, …]: Σ_real row / max(1, number of real tokens). */
function meanOverTokens(operation: string, rows: Tensor, mask: Tensor | undefined): Tensor {
  requireMask(operation, mask, rows.shape[0]);
  if (!mask) return rows.sum([0]).divide(Math.max(1, rows.shape[0]));
  const real = mask.reshape([rows.shape[0], ...rows.shape.slice(1).map(() => 1)]);
  return real.where(rows, 0).sum([0]).divide(mask.astype(rows.dtype).sum().maximum(1));
}

/** E Σ_e f_e P_e, where f_e is the share of slots (the first `slots` choices of each token) that went to e, P_e its mean probability. */
function balance(operation: string, { probabilities, chosen }: Gate, slots: number, mask?: Tensor): Tensor {
  const experts = probabilities.shape[1];
  const choices = chosen.slice([0, slots], 1).oneHot(experts, probabilities.dtype); // [token, slot, expert]
  const share = meanOverTokens(operation, choices.sum([1]), mask)
    .divide(slots)
    .stopGradient(); // f
  return share
    .multiply(meanOverTokens(operation, probabilities, mask))
    .sum()
    .multiply(experts);
}

/** Switch balance loss (Fedus et al. 2021): f counts each token's first choice. 1 at equal loads and equal mean probabilities. */
export const switchBalance = (gate: Gate, mask?: Tensor): Tensor => balance('switchBalance', gate, 1, mask);

/** The same with f over all k choices divided by k, so that it is 1 at uniform too. */
export const topKBalance = (gate: Gate, mask?: Tensor): Tensor =>
  balance('topKBalance', gate, gate.chosen.shape[1], mask);

/** Router z-loss (ST-MoE): the mean of logSumExp(z)², which keeps logits small. */
export const routerZ = ({ logits }: Gate, mask?: Tensor): Tensor =>
  meanOverTokens('routerZ', logits.logSumExp([1]).square(), mask);
