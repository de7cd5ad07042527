/**
 * How the router spreads its tokens. Nothing to measure (no token, no slot) is NaN, never a flattering 0.
 */
import { type Bool, fromFunction, type Int, intArray, type Real } from '../../array.ts';
import { realTokens } from '../gate.ts';

/** −p ln p, 0 at p = 0. */
const surprise = (p: number): number => (p === 0 ? 0 : -p * Math.log(p));

/** Routing entropy: mean over tokens of H(p_t) = −Σ_e p ln p, in nats. 0: certain; ln E: indifferent. */
export function routingEntropy(probabilities: Real, mask?: Bool): number {
  const tokens = realTokens(probabilities.shape[0], mask);
  let sum = 0;
  for (const t of tokens) for (let e = 0; e < probabilities.shape[1]; e++) sum += surprise(probabilities.get(t, e));
  return sum / tokens.length;
}

/** load_e: how many slots go to expert e. −1 (padding, dropped) goes nowhere. */
export function loads(chosen: Int, experts: number): Int {
  const load = intArray(new Array<number>(experts).fill(0));
  for (let t = 0; t < chosen.shape[0]; t++) {
    for (let slot = 0; slot < chosen.shape[1]; slot++) {
      const e = chosen.get(t, slot);
      if (e !== -1) load.set(e, load.get(e) + 1);
    }
  }
  return load;
}

const values = (load: Int): number[] => Array.from({ length: load.shape[0] }, (_, e) => load.get(e));
const total = (load: Int): number => values(load).reduce((sum, l) => sum + l, 0);
const mean = (load: Int): number => total(load) / load.shape[0];

/** Entropy of the mean load: H(load / Σload), in nats. ln E when all experts work equally much. */
export const loadEntropy = (load: Int): number => values(load).reduce((sum, l) => sum + surprise(l / total(load)), 0);

/** Load CV = √(population variance) / mean. 0 when balanced, √(E − 1) when one expert gets all. */
export function loadCv(load: Int): number {
  const variance = values(load).reduce((sum, l) => sum + (l - mean(load)) ** 2, 0) / load.shape[0];
  return Math.sqrt(variance) / mean(load);
}

/** MaxVio = (max load − mean load) / mean load (arXiv 2408.15664). 0 when balanced, E − 1 when one expert gets all. */
export const maxViolation = (load: Int): number => (Math.max(...values(load)) - mean(load)) / mean(load);

/** Experts without a slot. */
export const deadExperts = (load: Int): number => values(load).filter((l) => l === 0).length;

/**
 * Co-activation: [expert, expert], how many tokens chose both. All k(k − 1)/2 pairs of a token count, not only its first
 * two. The diagonal is the load.
 */
export function coactivation(chosen: Int, experts: number): Real {
  return fromFunction([experts, experts], ([i, j]) => {
    let count = 0;
    for (let t = 0; t < chosen.shape[0]; t++) {
      const slots = Array.from({ length: chosen.shape[1] }, (_, slot) => chosen.get(t, slot));
      if (slots.includes(i) && slots.includes(j)) count += 1;
    }
    return count;
  });
}
