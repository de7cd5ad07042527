import { concatColumns, frobeniusNorm, type Matrix } from '../linalg/index.ts';
import type { Tensor } from '../tensor.ts';
import type { OmoeOptions } from './options.ts';
import type { ExpertColumns } from './projector/index.ts';
import { expertNorms, squared, uploadStack, withoutBiasRow } from './protect.ts';

/** What an orthogonal step did to one expert linear; lists are over experts. */
export interface LinearReport {
  readonly linear: string;
  /** trace(Q)/size: the share of directions left to learn in */
  readonly trace: readonly number[];
  /** ‖Δ_projected‖/‖Δ‖ before rescaling */
  readonly normKept: readonly number[];
  /** What Δ_projected was multiplied by */
  readonly renormFactor: readonly number[];
  /** ‖A_{−i}ᵀΔ‖/(‖A_{−i}‖‖Δ‖) of the applied update and the other experts' columns; null where either is zero */
  readonly leakage: readonly (number | null)[];
  /** Experts whose update lay almost wholly in the protected subspace, and so was not rescaled */
  readonly vanished: readonly boolean[];
}

/** The other experts' columns on the device, for the leakage. */
export interface OthersColumns {
  /** [expert, size, column] */
  readonly columns: Tensor;
  /** ‖A_{−i}‖_F, [expert] */
  readonly norms: readonly number[];
}

export function uploadOthers(weight: Tensor, experts: readonly ExpertColumns[]): OthersColumns {
  const held = experts.map((expert) => expert.matrix());
  const others: Matrix[] = held.map((_, i) =>
    concatColumns(
      experts[i].rows,
      held.filter((_, j) => j !== i),
    ),
  );
  const small = others.map(squared);
  const width = Math.max(0, ...small.map((m) => m.cols));
  return { columns: uploadStack(weight.engine, small, width, weight.dtype), norms: others.map(frobeniusNorm) };
}

/** Leakage of the applied update of every expert; always against the *other* experts, for the controls too. */
export async function leakageOf(
  delta: Tensor,
  { columns, norms }: OthersColumns,
  options: OmoeOptions,
): Promise<(number | null)[]> {
  const part = options.side === 'input' && options.bias !== 'augment' ? withoutBiasRow(delta).weight : delta;
  // input: Aᵀ Δ, [column, in] · [in, out];  output: Δ A, [in, out] · [out, column]
  const hit = options.side === 'input' ? columns.transpose().matmul(part) : part.matmul(columns);
  const [hits, lengths] = await Promise.all([expertNorms(hit).data(), expertNorms(part).data()]);
  return norms.map((norm, i) => (norm === 0 || lengths[i] === 0 ? null : hits[i] / (norm * lengths[i])));
}
