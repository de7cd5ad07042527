import { OmoeError, ShapeError, UsageError } from '../../errors.ts';
import { cholesky, solveLower } from '../../linalg/cholesky.ts';
import type { Matrix } from '../../linalg/matrix.ts';
import { dot, identity, matrix, maxAbs, outerGram, transpose } from '../../linalg/matrix.ts';
import { qr, qrTriangle } from '../../linalg/qr.ts';
import type { OmoeOptions } from '../options.ts';
import { denseProjector, factoredProjector, identityProjector, type Projector } from './projector.ts';

/**
 * The ridge of a phase (spec/method/projector.ts): α = alpha · ‖A‖²_F / rows when relative, alpha itself when absolute.
 * @param squaredNorm ‖A‖²_F of the true columns, summed over experts for `span`.
 * @throws UsageError unless alpha is finite and > 0.
 */
export function ridge(alpha: number, mode: OmoeOptions['alphaMode'], squaredNorm: number, rows: number): number {
  if (!(alpha > 0 && Number.isFinite(alpha))) {
    throw new UsageError({ operation: 'ridge', received: `alpha = ${alpha}`, expected: 'a finite number > 0' });
  }
  if (mode === 'absolute') return alpha;
  return rows === 0 ? 0 : (alpha * squaredNorm) / rows;
}

/**
 * P = I − A(AᵀA + αI)⁻¹Aᵀ = α(αI + AAᵀ)⁻¹: along a singular vector of A with value σ it is α/(α + σ²).
 * Equal in exact arithmetic in all three forms. In Float64, with κ = 1 + ‖A‖²_F/α, n = rows and m columns:
 * - `qr`: symmetric, spectrum in [0, 1] up to a small multiple of u whatever α and scale are; entries off by √κ·u. The default.
 * - `closed`: Cholesky of AᵀA + αI; off by κ·u, and may fail where κ·u nears 1.
 * - `recursion`: OWM's rank-one steps in the order of the columns; off by at most 2·m·√n·κ²·γ_{n+4} (proof: property-tests/kit/projector-rounding.ts).
 *
 * A without columns, or all zero, gives the identity without factorising; so does α = 0, which under relative α means
 * that the squares of A underflow.
 * @throws UsageError on α < 0 or not finite, on NaN in A · NotPositiveDefiniteError from `closed` alone.
 */
export function ridgeProjector(a: Matrix, alpha: number, form: OmoeOptions['form'] = 'qr', sketchError = 0): Projector {
  if (!(alpha >= 0 && Number.isFinite(alpha))) {
    throw new UsageError({ operation: 'ridgeProjector', received: `α = ${alpha}`, expected: 'a finite number >= 0' });
  }
  if (maxAbs(a.data) === 0 || alpha === 0) return identityProjector(a.rows, { alpha, rank: 0, sketchError });
  const facts = { alpha, rank: Math.min(a.rows, a.cols), sketchError };
  if (form === 'recursion') return denseProjector(recursion(a, alpha), facts);
  const factorOf = form === 'qr' ? qrFactor : choleskyFactor;
  return factoredProjector(factorOf(narrowed(a), alpha), facts);
}

/** With more columns than rows: Rᵀ of Aᵀ = QR, square, and RᵀR = AAᵀ, which is all that P depends on. */
function narrowed(a: Matrix): Matrix {
  return a.cols > a.rows ? transpose(qrTriangle(transpose(a))) : a;
}

/**
 * V = Q₁ of the thin QR [A; √α I] = [Q₁; Q₂]R: RᵀR = AᵀA + αI, Q₁ = A R⁻¹, so Q₁Q₁ᵀ = A(AᵀA + αI)⁻¹Aᵀ.
 * AᵀA, in which small singular values drown, is never formed, and the stack has full rank whatever A is.
 */
function qrFactor(a: Matrix, alpha: number): Matrix {
  const { rows, cols } = a;
  const stacked = matrix(rows + cols, cols);
  stacked.data.set(a.data);
  for (let j = 0; j < cols; j++) stacked.data[(rows + j) * cols + j] = Math.sqrt(alpha);
  return matrix(rows, cols, qr(stacked).q.data.slice(0, rows * cols));
}

/** V = A L⁻ᵀ with LLᵀ = AᵀA + αI, found as Vᵀ from L Vᵀ = Aᵀ. @throws NotPositiveDefiniteError */
function choleskyFactor(a: Matrix, alpha: number): Matrix {
  const at = transpose(a);
  const gram = outerGram(at);
  for (let j = 0; j < gram.rows; j++) gram.data[j * gram.rows + j]! += alpha;
  return transpose(solveLower(cholesky(gram), at));
}

/** P₀ = I, then one step for each recorded column, in their order. */
function recursion(a: Matrix, alpha: number): Matrix {
  const p = identity(a.rows);
  const columns = transpose(a); // one column r a row
  for (let j = 0; j < a.cols; j++) recursionStep(p, columns.data.subarray(j * a.rows, (j + 1) * a.rows), alpha);
  return p;
}

/**
 * One step of OWM (Zeng et al. 2019) in the symmetric form, in place: h = P r; P ← P − h hᵀ/(α + rᵀh).
 * α is fixed for all steps of a phase; each entry and its mirror image get the same subtraction, so P stays symmetric.
 * @throws ShapeError where r does not fit P · OmoeError where rᵀPr, which is never negative, comes out under −α/2:
 * then rounding outweighs the ridge and what follows would be noise.
 */
export function recursionStep(p: Matrix, r: Float64Array, alpha: number): void {
  const n = p.rows;
  if (p.cols !== n || r.length !== n) {
    throw new ShapeError({
      operation: 'recursionStep',
      received: `P [${p.rows}, ${p.cols}], r [${r.length}]`,
      expected: 'a square P and one column of its size',
    });
  }
  const h = new Float64Array(n);
  for (let i = 0; i < n; i++) h[i] = dot(p.data, i * n, r, 0, n);
  const seen = dot(r, 0, h, 0, n);
  if (!(seen >= -alpha / 2)) {
    throw new OmoeError({
      operation: 'recursionStep',
      received: `rᵀPr = ${seen} at α = ${alpha}`,
      expected: 'a ridge that rounding cannot outweigh',
      advice: "Use the form 'qr', or a larger alpha.",
    });
  }
  const divisor = alpha + seen;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const entry = p.data[i * n + j]! - (h[i]! * h[j]!) / divisor;
      p.data[i * n + j] = entry;
      p.data[j * n + i] = entry;
    }
  }
}
