import type { HostArray } from '../backend.ts';
import { dot, norm } from '../linalg/matrix.ts';
import { foldIn, type Key, normal } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import { learntLeakage, type UpdateSide } from './learnt.ts';
import type { OmoeOptions } from './options.ts';
import { sources } from './projector/combine.ts';
import { learntSpan, projectOff, updateBasis } from './projector/index.ts';
import { projectOnDevice } from './update-on-device.ts';

/**
 * Update side: each expert's flattened [W; b] update is made orthogonal to what the others have learnt since the upcycle. In
 * Float64: on the device where it has that and the directions are clearly independent, else on the host, by a QR that tells
 * their rank.
 * @param delta [expert, in + 1, out], as `matrix` and `base`
 */
export async function projectAgainstLearnt(
  delta: Tensor,
  matrix: Tensor,
  base: Tensor,
  options: OmoeOptions,
  key: Key,
): Promise<UpdateSide> {
  if (delta.engine.backend.dtypes.includes('float64') && options.control !== 'rotated') {
    const done = await projectOnDevice(delta, matrix, base, options);
    if (done) return done;
  }
  return projectOnHost(delta, matrix, base, options, key);
}

/** For backends without Float64, for directions that depend on each other, and for the control `rotated`. */
async function projectOnHost(
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
  const learnt = now.map((m, i) => difference(m, start[i]));
  const span = learntSpan(size, learnt);
  const projected = new Float64Array(experts * size);
  const trace = updates.map((update, i) => {
    const against = sources(i, experts, options.columns);
    const done =
      options.control === 'rotated'
        ? projectOffRandom(update, span.projectOff(update, against).rank, foldIn(key, i))
        : span.projectOff(update, against);
    projected.set(done.projected, i * size);
    return size === 0 ? 1 : 1 - done.rank / size;
  });
  const lengths = learnt.map(norm);
  return {
    projected: delta.engine.tensor(projected, delta.shape, delta.dtype),
    trace,
    leakage: (applied) => ({
      tensors: [applied],
      of: ([data]) =>
        rows(data).map((move, i) => learntLeakage(lengths, i, (j) => dot(learnt[j], 0, move, 0, size), norm(move))),
    }),
  };
}

/** A Haar rotation of a subspace is a Haar-random subspace of the same rank: as many random directions do it. */
function projectOffRandom(update: Float64Array, rank: number, key: Key) {
  const size = update.length;
  const directions = Array.from({ length: rank }, (_, j) => normal(foldIn(key, j), size));
  return { projected: projectOff(update, updateBasis(size, directions)), rank };
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  const result = new Float64Array(a.length);
  for (let e = 0; e < a.length; e++) result[e] = a[e] - b[e];
  return result;
}
