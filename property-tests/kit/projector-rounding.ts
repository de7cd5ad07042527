import type { Matrix } from '../../src/linalg/matrix.ts';
import { frobeniusNorm } from '../../src/linalg/matrix.ts';
import { leftSingular, maxSweeps, svd } from '../../src/linalg/svd.ts';
import { gamma } from './within.ts';

/** What Float64 can add to the laws of the projectors, derived from the backward errors of their factorisations. */

/**
 * One projector from `cols` columns of `rows` entries, formed and applied once, relative to the lengths it meets:
 * the QR that narrows A (2·min·(cols + 10) roundings twice, see `qrBound` in src/linalg), the QR of [A; √α I]
 * (4·cols·(rows + cols + 10)), I − VVᵀ entry by entry (2·rows·(cols + 2) in the Frobenius norm), and the product
 * (rows + cols). With n = rows + cols all of these together are under 4(n + 1)(2n + 10).
 */
export function formingAndApplying(rows: number, cols: number): number {
  const n = rows + cols;
  return gamma(4 * (n + 1) * (2 * n + 10));
}

/**
 * One-sided Jacobi: the QR before it, 2k(n + 10); a column meets k − 1 others in each sweep, 6 roundings a rotation; the lengths
 * and the completion of U, 3k + n (as in src/linalg's own test).
 * @param sweeps where they are not known, as many as the code permits
 */
export function singularVectors(rows: number, cols: number, sweeps = maxSweeps): number {
  const n = Math.max(rows, cols);
  const k = Math.min(rows, cols);
  return gamma(2 * k * (n + 10) + (6 * sweeps + 3) * k + n);
}

/** `singularVectors` of A with the sweeps counted that `svd` and `leftSingular` take for it, whichever takes more. */
export const singularVectorsOf = (a: Matrix): number =>
  singularVectors(a.rows, a.cols, Math.max(svd(a).sweeps, leftSingular(a).sweeps));

/**
 * ‖Q̂a − Qa‖ for a column a of A, on the ridge's QR form, at every α. V̂ is the top of an orthonormal basis of S + E,
 * S = [A; √α I], ‖E‖ <= g‖S‖_F. With a = Ae, [a; 0] = Se − [0; √α e], hence (I − V̂V̂ᵀ)a is the top of
 * −(I − Π)([0; √α e] + Ee): at most √α/2 from the first term, since V̂ᵀV̂ + Q̂₂ᵀQ̂₂ = I, and ‖E‖ from the second.
 * So rounding adds a multiple of u·‖S‖_F to the bound √α/2, with no condition number in it.
 */
export const ridgeSlack = (a: Matrix, alpha: number): number =>
  formingAndApplying(a.rows, a.cols) * (2 * frobeniusNorm(a) + Math.sqrt(a.cols * alpha));

/** κ = 1 + ‖A‖²_F/α: over the condition of αI + AAᵀ. */
export const conditionNumber = (a: Matrix, alpha: number): number => 1 + frobeniusNorm(a) ** 2 / alpha;

/**
 * ‖P̂ − P‖ of the QR form: the range of S moves by at most ‖E‖/σ_min(S) <= g‖S‖_F/√α = g·√(‖A‖²_F/α + cols), twice for
 * the two sides of a projector; and g for forming it.
 */
export const qrFormError = (a: Matrix, alpha: number): number =>
  formingAndApplying(a.rows, a.cols) * (2 * Math.sqrt(conditionNumber(a, alpha) + a.cols) + 1);

/** Errors of first order are claimed only where κ times them is at most this: what they multiply is then small against 1. */
export const firstOrder = 0.25;

/**
 * ‖P̂ − P‖ of the recursion. f(P) = P − hhᵀ/(α + s), h = Pr, s = rᵀh, is (P⁻¹ + rrᵀ/α)⁻¹; its derivative is E ↦ W E Wᵀ with
 * W = f(P)P⁻¹. An error ε made at step k therefore reaches the end as ‖P_m P_k⁻¹‖²ε, and as P_m ≼ P_k,
 * ‖P_m P_k⁻¹‖ ≤ ‖P_k⁻¹‖^½ ≤ √κ. Locally ‖δh‖ ≤ γ_n√n‖r‖, which enters by 2‖δh‖‖h‖/(α + s) ≤ ‖δh‖/√α because ‖h‖² ≤ s, and
 * δs ≤ γ_n(1 + √n)‖r‖² by ‖h‖²δs/(α + s)² ≤ δs/(4α). With the step's own roundings ε ≤ 2√n·κ·γ_{n+4} at most.
 * m steps: m·κ·ε = 2m√n·κ²·γ_{n+4}, to first order (see `firstOrder`).
 */
export const recursionError = (a: Matrix, alpha: number): number =>
  2 * a.cols * Math.sqrt(a.rows) * conditionNumber(a, alpha) ** 2 * gamma(a.rows + 4);

/**
 * ‖P̂ − P‖ of the closed form: L̂L̂ᵀ = AᵀA + αI + Δ, ‖Δ‖ ≤ γ(‖A‖²_F + mα) from the product and Cholesky, moves P by at most
 * ‖Δ‖/α/(1 − ‖Δ‖/α); the triangular solve by 2γ_m‖L̂‖_F/√α. All under 4γκ', κ' = κ + m, while that is below 1/2.
 */
export const closedFormError = (a: Matrix, alpha: number): number =>
  4 * formingAndApplying(a.rows, a.cols) * (conditionNumber(a, alpha) + a.cols);
