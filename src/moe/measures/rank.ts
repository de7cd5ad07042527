import { UsageError } from '../../errors.ts';
import { leftSingular, matrix, transpose } from '../../linalg/index.ts';
import { checkOutputs, type ExpertOutputs, outputsOf } from './outputs.ts';

/**
 * Effective rank exp(H(σ/Σσ)), H(p) = −Σ p ln p (Roy and Vetterli 2007): how many directions a matrix uses, as a real
 * number. r equal singular values give r, one dominant value gives nearly 1. Between 1 and the rank. NaN for a zero matrix
 * or no values: no direction is used.
 *
 * @param singularValues σ ≥ 0 in any order
 * @throws UsageError if a value is negative, NaN or infinite
 */
export function effectiveRank(singularValues: ArrayLike<number>): number {
  const values = Array.from(singularValues);
  const bad = values.find((sigma) => !(sigma >= 0 && sigma < Infinity));
  if (bad !== undefined) {
    throw new UsageError({
      operation: 'effectiveRank',
      received: `the singular value ${bad}`,
      expected: 'finite numbers ≥ 0',
    });
  }
  const largest = values.reduce((most, sigma) => Math.max(most, sigma), 0);
  if (largest === 0) return Number.NaN;
  // Relative to the largest, so that their sum cannot overflow.
  const relative = values.map((sigma) => sigma / largest);
  const sum = relative.reduce((total, sigma) => total + sigma, 0);
  const entropy = relative.reduce((total, sigma) => {
    const p = sigma / sum;
    return p === 0 ? total : total - p * Math.log(p);
  }, 0);
  return Math.exp(entropy);
}

export interface OutputRank {
  /** Mean over experts. */
  readonly mean: number;
  /** [expert] */
  readonly experts: number[];
}

/**
 * Effective rank of each expert's outputs Y_i [token, width], not centred (as for the output subspaces).
 * NaN for an expert with no outputs but zeros, and so for all of them with no tokens; then the mean is NaN too.
 *
 * @throws ShapeError if sizes and data disagree
 * @throws UsageError if an output is NaN or infinite
 */
export function outputEffectiveRank(outputs: ExpertOutputs): OutputRank {
  checkOutputs('outputEffectiveRank', outputs);
  const { tokens, width } = outputs;
  const experts = Array.from({ length: outputs.experts }, (_, expert) =>
    effectiveRank(leftSingular(transpose(matrix(tokens, width, outputsOf(outputs, expert)))).s),
  );
  return { mean: experts.reduce((sum, rank) => sum + rank, 0) / experts.length, experts };
}
