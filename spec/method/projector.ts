/**
 * The ridge projector of a set of columns A: almost 0 along what was seen often, almost 1 along what was not.
 *
 *   P = I − A(AᵀA + αI)⁻¹Aᵀ = α(αI + AAᵀ)⁻¹,   α > 0
 *
 * Along a singular vector of A with value σ, P is α/(α + σ²). It is symmetric with spectrum in (0, 1], and an orthogonal
 * projector only in the limit α → 0. If A has no columns or is zero, P = I.
 *
 * Four forms follow. They are equal in exact arithmetic, and each has a reason to be here: the first two define, the
 * recursion is what OWM runs, and the last is what survives badly scaled data.
 */
import { fromFunction, precondition, type Real } from '../array.ts';
import {
  below,
  beside,
  cols,
  column,
  identity,
  inner,
  minus,
  norm,
  orthonormalBasis,
  plus,
  product,
  rows,
  scaled,
  solve,
  transpose,
} from './linear-algebra.ts';

export type AlphaMode = 'relative' | 'absolute';

/**
 * The ridge of one phase, fixed when its projector is built.
 *
 *   relative:  α = alpha · ‖A‖²_F / rows      (‖A‖²_F / rows is the mean eigenvalue of AAᵀ, so alpha is a pure number)
 *   absolute:  α = alpha
 *
 * `rows` is in + 1 with an augmented input. With forgetting, A is the scaled columns; with a sketch, ‖A‖²_F is still that
 * of the true columns. For the `span` of several experts it is the sum of theirs.
 */
export function ridge(alpha: number, mode: AlphaMode, squaredNorm: number, size: number): number {
  precondition(Number.isFinite(alpha) && alpha > 0, `alpha is a number above 0, not ${alpha}`);
  return mode === 'absolute' ? alpha : (alpha * squaredNorm) / size;
}

/** ‖A‖²_F. */
export const squaredNorm = (a: Real): number => inner(a, a);

/** Whether there is nothing to avoid, so that P = I without any factorisation. */
export const isEmptyOrZero = (a: Real): boolean => cols(a) === 0 || norm(a) === 0;

/** P = I − A(AᵀA + αI)⁻¹Aᵀ: solves a system of one unknown for each column of A. */
export function closedForm(a: Real, alpha: number): Real {
  precondition(alpha > 0 || isEmptyOrZero(a), `the ridge α is above 0, not ${alpha}`);
  if (isEmptyOrZero(a)) return identity(rows(a));
  const gram = plus(product(transpose(a), a), scaled(identity(cols(a)), alpha));
  return minus(identity(rows(a)), product(a, solve(gram, transpose(a))));
}

/** P = α(αI + AAᵀ)⁻¹: the same by a system of one unknown for each row of A. */
export function dualForm(a: Real, alpha: number): Real {
  precondition(alpha > 0 || isEmptyOrZero(a), `the ridge α is above 0, not ${alpha}`);
  if (isEmptyOrZero(a)) return identity(rows(a));
  const n = rows(a);
  return scaled(solve(plus(scaled(identity(n), alpha), product(a, transpose(a))), identity(n)), alpha);
}

/**
 * One step of OWM's recursion (arXiv 1810.01256, in the symmetric form):  h = P r;  P ← P − h hᵀ / (α + rᵀh).
 * It is the Sherman–Morrison formula for α(αI + AAᵀ + rrᵀ)⁻¹.
 *
 * @param r one column, [row, 1]
 */
export function recursionStep(p: Real, r: Real, alpha: number): Real {
  precondition(alpha > 0, `the ridge α is above 0, not ${alpha}`);
  const h = product(p, r);
  return minus(p, scaled(product(h, transpose(h)), 1 / (alpha + inner(r, h))));
}

/**
 * P from P₀ = I by one recursion step for each column. α must be the same in all of them: a relative α is known only when
 * the phase ends, so it is run then, over the stored columns.
 */
export function recursion(a: Real, alpha: number): Real {
  let p = identity(rows(a));
  if (isEmptyOrZero(a)) return p;
  for (let j = 0; j < cols(a); j++) p = recursionStep(p, column(a, j), alpha);
  return p;
}

/**
 * Q₁ of the thin QR [A; √α I] = [Q₁; Q₂] R, so that P = I − Q₁Q₁ᵀ.
 *
 * For RᵀR = AᵀA + αI and Q₁ = AR⁻¹, hence Q₁Q₁ᵀ = A(AᵀA + αI)⁻¹Aᵀ. The stack has full column rank whatever A is, so that no
 * pivot can fail, and AᵀA, in which small singular values drown, is never formed.
 *
 * @returns Q₁, [row, column of A]
 */
export function qrFactor(a: Real, alpha: number): Real {
  precondition(alpha > 0, `the ridge α is above 0, not ${alpha}`);
  const q = orthonormalBasis(below(a, scaled(identity(cols(a)), Math.sqrt(alpha))));
  precondition(cols(q) === cols(a), 'the stacked matrix lost rank: √α vanishes beside A');
  return fromFunction([rows(a), cols(a)], ([i, j]) => q.get(i, j));
}

/** P = I − Q₁Q₁ᵀ. */
export function qrForm(a: Real, alpha: number): Real {
  if (isEmptyOrZero(a)) return identity(rows(a));
  const q = qrFactor(a, alpha);
  return minus(identity(rows(a)), product(q, transpose(q)));
}

/**
 * P G = G − Q₁(Q₁ᵀG) without forming P. For an [in, out] gradient and m columns this costs 4·in·m·out operations, the dense
 * product 2·in²·out: the factored form is cheaper while m < in / 2.
 */
export function applyFactored(q: Real, g: Real): Real {
  return minus(g, product(q, product(transpose(q), g)));
}

export type ProjectorForm = 'closed' | 'recursion' | 'qr';

/**
 * The ridge projector in the form asked for. α = 0 happens only to a relative ridge of columns so small that their squares
 * vanish; they count as zero.
 */
export function ridgeProjector(a: Real, alpha: number, form: ProjectorForm = 'qr'): Real {
  if (alpha === 0) return identity(rows(a));
  if (form === 'closed') return closedForm(a, alpha);
  return form === 'recursion' ? recursion(a, alpha) : qrForm(a, alpha);
}

/** [A_1, A_2, …]: all columns of several experts. */
export function stacked(parts: readonly Real[], size: number): Real {
  const empty = fromFunction([size, 0], () => 0);
  return parts.reduce((all, part) => beside(all, part), empty);
}
