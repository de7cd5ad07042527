import type { Engine } from '../engine.ts';
import { cholesky, eigh, identity, type Matrix, matrix, solveCholesky } from '../linalg/index.ts';
import { readTogether } from '../pending.ts';
import type { Tensor } from '../tensor.ts';
import { learntLeakage, type UpdateSide } from './learnt.ts';
import type { OmoeOptions } from './options.ts';
import { sources } from './projector/combine.ts';

/**
 * The update side without moving a weight to the host. With the unit vectors U [expert, entry] of what each expert has learnt, and
 * G = UUᵀ, an update x loses U_Jᵀ G_JJ⁻¹ U_J x, J the experts it has to avoid. Only G and the lengths are read; the small
 * inverses are made on the host; the long products stay where the weights are.
 *
 * A Gram matrix squares condition numbers. It is trusted while its eigenvalues lie within a factor of `widest`: then one pass
 * leaves at most about 10⁶·u of an update along a direction, and a second one the rounding of its own sums, as the QR does.
 */
const widest = 1e6;

/**
 * @param delta [expert, in + 1, out], as `current` and `base`
 * @returns null where the Gram matrix cannot be trusted: directions that nearly depend on each other, or no finite numbers
 */
export async function projectOnDevice(
  delta: Tensor,
  current: Tensor,
  base: Tensor,
  { columns }: OmoeOptions,
): Promise<UpdateSide | null> {
  const [experts, ...shape] = delta.shape;
  const size = shape[0] * shape[1];
  using scratch = delta.engine.region();
  /** [expert, in + 1, out] -> [expert, entry], exact */
  const long = (x: Tensor): Tensor => x.astype('float64').reshape([experts, size]);

  const { units, lengths } = within(scratch, (inner) => {
    const learnt = long(inner.borrow(current)).subtract(long(inner.borrow(base)));
    const lengths = learnt.norm([1]); // [expert]
    const divisors = lengths.equal(0).where(1, lengths); // who has not moved keeps a row of zeros
    return { units: learnt.divide(divisors.expandDims(1)), lengths };
  });
  const across = units.transpose();
  const gram = units.matmul(across); // [expert, entry] · [entry, expert] -> [expert, expert]
  const [[read, moved]] = await readTogether({
    tensors: [gram, lengths],
    of: ([g, l]) => [matrix(experts, experts, g), l] as const,
  });
  const inverses = inversesOf(read, moved, columns);
  if (!inverses) return null;

  const inverse = scratch.tensor(inverses.data, [experts, experts, experts], 'float64');
  let rest = long(scratch.borrow(delta));
  // Twice, as in Gram–Schmidt: the first pass leaves a remainder of the size of its own rounding.
  for (let pass = 0; pass < 2; pass++)
    rest = within(scratch, (inner) => {
      const x = inner.borrow(rest);
      const along = x.matmul(across); // [expert i, entry] · [entry, expert j] -> [expert i, expert j]
      const shares = inverse.matmul(along.expandDims(2)).squeeze(2); // [i, j, j′] · [i, j′, 1] -> [i, j]
      return x.subtract(shares.matmul(inner.borrow(units))); // [i, j] · [j, entry] -> [i, entry]
    });
  const kept = scratch.keep({ projected: rest.astype(delta.dtype).reshape(delta.shape), across });
  return {
    projected: kept.projected,
    trace: inverses.ranks.map((rank) => (size === 0 ? 1 : 1 - rank / size)),
    leakage(applied) {
      const moves = applied.astype('float64').reshape([experts, size]);
      return {
        tensors: [moves.matmul(kept.across), moves.norm([1])],
        of: ([along, norms]) =>
          Array.from(moved, (_, i) => learntLeakage(moved, i, (j) => moved[j] * along[i * experts + j], norms[i])),
      };
    },
  };
}

/** What `make` returns outlives the region that it works in; these tensors are as long as the weights. */
function within<T>(outer: Engine, make: (inner: Engine) => T): T {
  using inner = outer.region();
  return inner.keep(make(inner));
}

interface Inverses {
  /** G_JJ⁻¹ for each expert, in the places of its J, zero elsewhere: [expert, expert, expert] */
  readonly data: Float64Array;
  /** How many directions each expert has to avoid. */
  readonly ranks: readonly number[];
}

/** @returns null unless the eigenvalues of G, of those that have moved, lie within `widest` of each other */
function inversesOf(gram: Matrix, lengths: ArrayLike<number>, columns: OmoeOptions['columns']): Inverses | null {
  const experts = gram.rows;
  if (!gram.data.every(Number.isFinite) || !Array.from(lengths).every(Number.isFinite)) return null;
  const movers = [...Array(experts).keys()].filter((j) => lengths[j] > 0);
  const { values } = eigh(part(gram, movers));
  // Eigenvalues of a part lie between those of the whole (Cauchy), so that every G_JJ is as good.
  if (movers.length > 0 && !(values[0] * widest >= values[values.length - 1])) return null;
  const data = new Float64Array(experts ** 3);
  const ranks = Array.from({ length: experts }, (_, i) => {
    const from = sources(i, experts, columns).filter((j) => lengths[j] > 0);
    const inverse = solveCholesky(cholesky(part(gram, from)), identity(from.length));
    from.forEach((j, a) => {
      from.forEach((other, b) => {
        data[(i * experts + j) * experts + other] = inverse.data[a * from.length + b];
      });
    });
    return from.length;
  });
  return { data, ranks };
}

/** Rows and columns `places`. Rounding left the two halves of G apart; the lower one stands. */
function part(gram: Matrix, places: readonly number[]): Matrix {
  const out = matrix(places.length, places.length);
  places.forEach((i, a) => {
    places.forEach((j, b) => {
      out.data[a * places.length + b] = gram.data[Math.max(i, j) * gram.cols + Math.min(i, j)];
    });
  });
  return out;
}
