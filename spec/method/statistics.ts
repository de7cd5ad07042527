/**
 * Statistics: what the optimizer remembers of the signals that pass through an expert's linear y = xW + b.
 *
 * They are columns of a matrix A_i, one column a step or one a token. Their span is the subspace that the updates of the
 * *other* experts shall avoid (OWM, Zeng et al. 2019, arXiv 1810.01256, for tasks in place of experts).
 */
import { fromFunction, precondition, type Real, zeros } from '../array.ts';
import { beside, cols, scaled } from './linear-algebra.ts';

/** `mean`: one column, the mean over the expert's tokens, as OWM does. `tokens`: a column for every token. */
export type Statistic = 'mean' | 'tokens';

/** A_i without columns: nothing seen yet, or forgotten. */
export const noStatistics = (size: number): Real => zeros([size, 0]);

/**
 * The columns r of one step.
 * Input side: `seen` are the inputs x of the expert's tokens. Output side: its outputs xW + b for them.
 *
 *   mean:    r = (1/n) Σ_t seen_t          tokens:  r_t = seen_t
 *
 * With `augmented` every column gets a last entry 1, r = [x; 1], so that xW + b = rᵀ[W; b] and the bias is protected too.
 * An expert without tokens gives no column.
 *
 * @param seen [token, feature], the tokens that the expert served: no padding, no dropped slots
 * @returns [feature (+ 1), column]
 */
export function stepColumns(seen: Real, statistic: Statistic, augmented: boolean): Real {
  precondition(seen.shape.length === 2, `what an expert saw is [token, feature], not [${seen.shape}]`);
  const [tokens, features] = seen.shape;
  const size = features + (augmented ? 1 : 0);
  if (tokens === 0) return noStatistics(size);
  const entry = (token: number, i: number) => (i < features ? seen.get(token, i) : 1);
  if (statistic === 'tokens') return fromFunction([size, tokens], ([i, token]) => entry(token, i));
  return fromFunction([size, 1], ([i]) => {
    let sum = 0;
    for (let token = 0; token < tokens; token++) sum += entry(token, i);
    return sum / tokens;
  });
}

/**
 * A ← [√λ · A, r]: the columns so far, scaled down when λ < 1, then the new ones.
 * Without new columns A stays as it is: an expert that saw nothing forgets nothing.
 *
 * λ weighs the squares: AAᵀ ← λ AAᵀ + rrᵀ.
 */
export function accumulate(a: Real, columns: Real, forgetting = 1): Real {
  precondition(forgetting > 0 && forgetting <= 1, `forgetting λ is above 0 and at most 1, not ${forgetting}`);
  if (cols(columns) === 0) return a;
  return beside(forgetting === 1 ? a : scaled(a, Math.sqrt(forgetting)), columns);
}
