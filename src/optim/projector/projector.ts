import { ShapeError } from '../../errors.ts';
import type { Matrix } from '../../linalg/matrix.ts';
import {
  frobeniusNorm,
  identity,
  matrix,
  multiply,
  multiplyLeftTransposed,
  multiplyRightTransposed,
  outerGram,
} from '../../linalg/matrix.ts';

/** What is known of a projector besides its entries; goes into the run's record. */
export interface ProjectorFacts {
  /** The ridge α of `span`; for `mean` the mean of the ridges α_j of its parts that saw something; 0 for `hard`. */
  readonly alpha: number;
  /** Directions taken out: exact for `hard`, otherwise the most that the columns can span (those of a ridge are damped). */
  readonly rank: number;
  /** δ = Σ δ_j, what Frequent Directions gave up of the squared singular values of the columns used; 0 without a sketch. */
  readonly sketchError: number;
}

/**
 * A symmetric rows × rows matrix Q with spectrum in [0, 1], in the cheaper of two forms, or the identity (both null).
 * trace = trace(Q); trace / rows is the plasticity that is left.
 */
export interface Projector extends ProjectorFacts {
  readonly rows: number;
  /** V, rows × r with r < rows / 2: Q = I − V Vᵀ. */
  readonly factor: Matrix | null;
  /** Q itself, where a factor would have rows / 2 columns or more. */
  readonly dense: Matrix | null;
  readonly identity: boolean;
  readonly trace: number;
}

const nothingSeen: ProjectorFacts = { alpha: 0, rank: 0, sketchError: 0 };

const onlyFacts = ({ alpha, rank, sketchError }: ProjectorFacts): ProjectorFacts => ({ alpha, rank, sketchError });

/** Q = I: there is nothing to avoid. */
export function identityProjector(rows: number, facts: ProjectorFacts = nothingSeen): Projector {
  return { rows, factor: null, dense: null, identity: true, trace: rows, ...onlyFacts(facts) };
}

/**
 * Q = I − V Vᵀ, kept as V while that is cheaper to apply: 4·rows·r·cols operations against 2·rows²·cols, so for
 * r < rows / 2.
 */
export function factoredProjector(v: Matrix, facts: ProjectorFacts): Projector {
  if (v.cols === 0) return identityProjector(v.rows, facts);
  if (2 * v.cols >= v.rows) return denseProjector(complement(outerGram(v)), facts);
  // trace(I − VVᵀ) = rows − ‖V‖²_F
  const trace = Math.max(0, v.rows - frobeniusNorm(v) ** 2);
  return { rows: v.rows, factor: v, dense: null, identity: false, trace, ...onlyFacts(facts) };
}

/** Q as it stands. @throws ShapeError where it is not square. */
export function denseProjector(q: Matrix, facts: ProjectorFacts): Projector {
  if (q.rows !== q.cols) {
    throw new ShapeError({
      operation: 'denseProjector',
      received: `[${q.rows}, ${q.cols}]`,
      expected: 'a square matrix',
    });
  }
  let trace = 0;
  for (let i = 0; i < q.rows; i++) trace += q.data[i * q.rows + i]!;
  return { rows: q.rows, factor: null, dense: q, identity: false, trace: Math.max(0, trace), ...onlyFacts(facts) };
}

/** I − M */
function complement(m: Matrix): Matrix {
  const out = matrix(m.rows, m.cols);
  for (let k = 0; k < m.data.length; k++) out.data[k] = 0 - m.data[k]!; // not −m, which would make −0 of 0
  for (let i = 0; i < m.rows; i++) out.data[i * m.cols + i]! += 1;
  return out;
}

/** Q as a rows × rows matrix, whatever its form. */
export function toDense(q: Projector): Matrix {
  if (q.dense) return q.dense;
  return q.factor ? complement(outerGram(q.factor)) : identity(q.rows);
}

/** A − B, entry by entry. */
function minus(a: Matrix, b: Matrix): Matrix {
  return { rows: a.rows, cols: a.cols, data: a.data.map((x, k) => x - b.data[k]!) };
}

/**
 * Q G, for the input side: [row, row'] · [row', out] -> [row, out]; G − V(VᵀG) in the factored form.
 * With Q = I the very same G comes back. @throws ShapeError where G has other rows than Q.
 */
export function projectRows(q: Projector, g: Matrix): Matrix {
  if (g.rows !== q.rows) {
    throw new ShapeError({
      operation: 'projectRows',
      received: `Q of ${q.rows}, G [${g.rows}, ${g.cols}]`,
      expected: 'as many rows',
    });
  }
  if (q.dense) return multiply(q.dense, g);
  return q.factor ? minus(g, multiply(q.factor, multiplyLeftTransposed(q.factor, g))) : g;
}

/**
 * G Q, for the output side: [in, col'] · [col', col] -> [in, col]; G − (G V)Vᵀ in the factored form.
 * With Q = I the very same G comes back. @throws ShapeError where G has not as many columns as Q rows.
 */
export function projectColumns(g: Matrix, q: Projector): Matrix {
  if (g.cols !== q.rows) {
    throw new ShapeError({
      operation: 'projectColumns',
      received: `G [${g.rows}, ${g.cols}], Q of ${q.rows}`,
      expected: 'as many columns',
    });
  }
  if (q.dense) return multiply(g, q.dense);
  return q.factor ? minus(g, multiplyRightTransposed(multiply(g, q.factor), q.factor)) : g;
}
