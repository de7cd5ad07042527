import type { HostArray } from '../backend.ts';
import type { Pending } from '../pending.ts';
import { foldIn, type Key, normal } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import type { OmoeOptions } from './options.ts';
import { sources } from './projector/combine.ts';
import { projectOff, updateBasis } from './projector/index.ts';

/**
 * Update side: each expert's flattened [W; b] update is made orthogonal to what the others have learnt since the upcycle,
 * M_j − M_j,base, taken before the step for all experts at once. Runs on the host in Float64.
 */
export interface UpdateSide {
  /** [expert, in + 1, out] */
  readonly projected: Tensor;
  /** 1 − (directions taken out)/(entries), [expert] */
  readonly trace: readonly number[];
  /** ‖(M_j − M_j,base)ᵀ vec(Δ)‖/(‖·‖‖Δ‖) over the other experts, of a given applied update */
  leakage(applied: Tensor): Pending<(number | null)[]>;
}

export async function projectAgainstLearnt(
  delta: Tensor,
  matrix: Tensor,
  base: Tensor,
  options: OmoeOptions,
  key: Key,
): Promise<UpdateSide> {
  const [experts, ...shape] = delta.shape;
  const size = shape[0] * shape[1];
  const rows = (data: HostArray): Float64Array[] => {
    const values = Float64Array.from(data);
    return Array.from({ length: experts }, (_, i) => values.subarray(i * size, (i + 1) * size));
  };
  const read = await Promise.all([delta, matrix, base].map((tensor) => tensor.data()));
  const [updates, now, start] = read.map(rows);
  const learnt = now.map((m, i) => m.map((entry, e) => entry - start[i][e]));
  const projected = new Float64Array(experts * size);
  const trace = updates.map((update, i) => {
    let against: Float64Array[] = sources(i, experts, options.columns)
      .map((j) => learnt[j])
      .filter((move) => move.some((x) => x !== 0));
    // A Haar rotation of a subspace is a Haar-random subspace of the same rank: as many random directions do it.
    if (options.control === 'rotated')
      against = Array.from({ length: updateBasis(size, against).rank }, (_, j) =>
        normal(foldIn(foldIn(key, i), j), size),
      );
    const basis = updateBasis(size, against);
    projected.set(projectOff(update, basis), i * size);
    return size === 0 ? 1 : 1 - basis.rank / size;
  });
  return {
    projected: delta.engine.tensor(projected, delta.shape, delta.dtype),
    trace,
    leakage: (applied) => ({
      tensors: [applied],
      of: ([data]) =>
        rows(data).map((move, i) => {
          const others = learnt.filter((_, j) => j !== i);
          const hit = Math.hypot(...others.map((other) => dot(other, move)));
          const length = Math.hypot(...others.map(norm)) * norm(move);
          return length === 0 ? null : hit / length;
        }),
    }),
  };
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i], 0);
const norm = (a: Float64Array): number => Math.sqrt(dot(a, a));
