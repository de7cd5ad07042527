import { concatColumns } from '../linalg/index.ts';
import { biasTakesPart, type ExpertLinear, expertNorms } from '../ops/orthogonal-update.ts';
import type { Pending } from '../pending.ts';
import type { Tensor } from '../tensor.ts';
import type { OmoeOptions } from './options.ts';
import type { ExpertColumns } from './projector/index.ts';
import { squared, uploadStack } from './protect.ts';

/** What an orthogonal step did to one expert linear; lists are over experts. */
export interface LinearReport {
  readonly linear: string;
  /** trace(Q)/size: the share of directions left to learn in */
  readonly trace: readonly number[];
  /** ‖Δ_projected‖/‖Δ‖ before rescaling */
  readonly normKept: readonly number[];
  /** What Δ_projected was multiplied by */
  readonly renormFactor: readonly number[];
  /**
   * ‖A_{−i}ᵀΔ‖/(‖A_{−i}‖‖Δ‖) of the applied update and the other experts' columns; null where either is zero. An upper
   * bound where columns were sketched.
   */
  readonly leakage: readonly (number | null)[];
  /** Experts whose update lay almost wholly in the protected subspace, and so was not rescaled */
  readonly vanished: readonly boolean[];
}

/** The other experts' columns on the device, for the leakage. */
export interface OthersColumns {
  /** [expert, size, column] */
  readonly columns: Tensor;
  /** ‖A_{−i}‖²_F of the true columns, [expert] */
  readonly squaredNorms: readonly number[];
  /** δ = Σ_{j≠i} δ_j: what sketching took off the squared singular values of A_{−i}; 0 where nothing was sketched, [expert] */
  readonly sketchErrors: readonly number[];
}

export function uploadOthers(weight: Tensor, experts: readonly ExpertColumns[]): OthersColumns {
  const held = experts.map((expert) => expert.matrix()); // may shrink a sketch, so before δ is read
  const others = <T>(i: number, pick: (j: number) => T): T[] => experts.flatMap((_, j) => (j === i ? [] : [pick(j)]));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const small = experts.map(({ rows }, i) =>
    squared(
      concatColumns(
        rows,
        others(i, (j) => held[j]),
      ),
    ),
  );
  const width = Math.max(0, ...small.map((m) => m.cols));
  return {
    columns: uploadStack(weight.engine, small, width, weight.dtype),
    squaredNorms: experts.map((_, i) => sum(others(i, (j) => experts[j].squaredNorm))),
    sketchErrors: experts.map((_, i) => sum(others(i, (j) => experts[j].sketchError))),
  };
}

/**
 * Leakage of the applied update of every expert; always against the *other* experts, for the controls too.
 * From a sketch B of A only a bound is known: 0 ≼ AAᵀ − BBᵀ ≼ δI gives ‖AᵀΔ‖² ≤ ‖BᵀΔ‖² + δ‖Δ‖². That bound is reported.
 */
export function leakageOf(
  delta: ExpertLinear,
  { columns, squaredNorms, sketchErrors }: OthersColumns,
  options: OmoeOptions,
): Pending<(number | null)[]> {
  const hit = options.side === 'input' ? hitFromLeft(delta, columns, options) : hitFromRight(delta, columns);
  return {
    tensors: [hit, expertNorms(delta, biasTakesPart(options))],
    of: ([hits, lengths]) =>
      squaredNorms.map((squaredNorm, i) => {
        if (squaredNorm === 0 || lengths[i] === 0) return null;
        const share = hits[i] / lengths[i];
        return Math.min(1, Math.sqrt((share * share + sketchErrors[i]) / squaredNorm));
      }),
  };
}

/** ‖AᵀΔ‖ of each expert; with the bias A is [A_W; a_b] and AᵀΔ = A_WᵀΔW + a_bᵀΔb. */
function hitFromLeft({ weight, bias }: ExpertLinear, columns: Tensor, options: OmoeOptions): Tensor {
  if (!biasTakesPart(options)) return columns.transpose().matmul(weight).norm([1, 2]); // [column, in] · [in, out]
  const input = weight.shape[1];
  const [ofWeight, ofBias] = [columns.slice([0, input], 1), columns.slice([input, input + 1], 1)];
  const hit = ofWeight.transpose().matmul(weight); // [column, in] · [in, out] -> [column, out]
  return hit.add(ofBias.transpose().multiply(bias.expandDims(1))).norm([1, 2]); // [column, 1] · [1, out]
}

/** ‖ΔA‖ of each expert, the rows of ΔW and Δb together: [in, out] · [out, column] */
const hitFromRight = ({ weight, bias }: ExpertLinear, columns: Tensor): Tensor =>
  weight.engine
    .stack([weight.matmul(columns).norm([1, 2]), bias.expandDims(1).matmul(columns).norm([1, 2])], 1)
    .norm([1]);
