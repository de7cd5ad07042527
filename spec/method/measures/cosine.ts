/**
 * Cosine similarity of experts: of what they say, of what they are, and of what training made of them.
 *
 * cos(a, b) = ⟨a, b⟩ / (‖a‖‖b‖). A zero vector has no direction: its cosine is 0, no evidence that two experts are alike.
 */
import { fromFunction, precondition, type Real, toFlat } from '../../array.ts';
import { inner, minus, norm } from '../linear-algebra.ts';

export function cosine(a: Real, b: Real): number {
  const lengths = norm(a) * norm(b);
  return lengths === 0 ? 0 : inner(a, b) / lengths;
}

/** The mean of f(i, j) over the E(E − 1)/2 pairs i < j of experts; NaN for E = 1, where there is none. */
export function meanOverPairs(experts: number, f: (i: number, j: number) => number): number {
  let sum = 0;
  for (let i = 0; i < experts; i++) for (let j = i + 1; j < experts; j++) sum += f(i, j);
  return sum / ((experts * (experts - 1)) / 2);
}

/**
 * What all experts make of the *same* tokens, one [token, width] matrix each: every expert is run on every token, chosen
 * or not. Otherwise experts would differ because their inputs do. Padding is left out beforehand.
 */
export type ExpertOutputs = readonly Real[];

/** The outputs of one expert for token t, as a vector. */
const outputRow = (y: Real, t: number): Real => fromFunction([y.shape[1]], ([j]) => y.get(t, j));

/** cos_ij = 1/n Σ_t cos(FFN_i(x_t), FFN_j(x_t)); NaN without tokens. */
export function outputCosineOf(a: Real, b: Real): number {
  precondition(a.shape.join() === b.shape.join(), `outputs [${a.shape}] and [${b.shape}] are not of the same tokens`);
  let sum = 0;
  for (let t = 0; t < a.shape[0]; t++) sum += cosine(outputRow(a, t), outputRow(b, t));
  return sum / a.shape[0];
}

/** Output cosine: the mean of cos_ij over expert pairs, so over tokens and pairs. */
export const outputCosine = (outputs: ExpertOutputs): number =>
  meanOverPairs(outputs.length, (i, j) => outputCosineOf(outputs[i], outputs[j]));

/** Weight cosine: the mean over pairs of cos(θ_i, θ_j), θ_i all weights of expert i as one vector. */
export const weightCosine = (weights: readonly Real[]): number =>
  meanOverPairs(weights.length, (i, j) => cosine(weights[i], weights[j]));

/**
 * Weight delta cosine: the same for θ_i − θ_i,base, with base the upcycled weights. Upcycled copies keep a weight cosine
 * near 1 all along; this one sees where they went. Null before the first step, when nobody has moved.
 */
export function weightDeltaCosine(weights: readonly Real[], base: readonly Real[]): number | null {
  const moves = weights.map((weight, i) => minus(weight, base[i]));
  return moves.every((move) => toFlat(move).every((x) => x === 0)) ? null : weightCosine(moves);
}
