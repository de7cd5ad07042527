/** The bound of orthogonalUpdate: those of its projection and of its norms, through a quotient. */
import type { Real } from '../array.ts';
import {
  type OrthogonalUpdate,
  orthogonalUpdate,
  participating,
  perExpert,
  restoring,
} from '../ops/orthogonal-update.ts';
import { orthogonalProject, orthogonalProjectRight } from '../ops/projection.ts';
import { norm } from '../ops/reduce.ts';
import { orthogonalProjectBound, orthogonalProjectRightBound } from './contractions.ts';
import { compound, gamma, smallestNormal, type Ulps, whereFinite } from './model.ts';

/**
 * For one expert let Δ have n elements, N = ‖Δ‖, P = ΔQ or QΔ, A = ‖P‖, and D the bound of the elements of P.
 *   A norm, taken whole or as that of two norms, is off by r = (1 + γ_n)(1 + γ_2)(1 + δ)²(1 + ρ)²(1 + u)² − 1 and loses
 *   l = (√n + 3)λ, as in normBound: N is off by dN = rN + l, A by dA = ‖D‖ + r(A + ‖D‖) + l.
 *   normKept = A/N: (A + dA)/(N − dN)(1 + δ)(1 + u) − A/N on the upper side, which is the larger one, + λ.
 *   c = min(N/A, limit), limit rounded once: c grows with N and falls with A, so it lies between its values at N − dN, A + dA and
 *   N + dN, A − dA, the quotient off by δ and u; and by 8u more, as a backend may use a factor that it foresaw if that is
 *   within 8u of what it then measures.
 *   Whether ‖P‖ ≤ 1e-6 ‖Δ‖ is open where A ± dA and 1e-6(1 ± 2u)(N ± dN) meet: then c may also be 1.
 *   Δ′ = cP: |dc|(|P| + D) + cD, one rounding of that, + λ.
 */
export function orthogonalUpdateBounds(
  weight: Real,
  bias: Real,
  v: Real,
  how: OrthogonalUpdate,
  u: number,
  ulps: Ulps,
): [Real, Real, Real, Real, Real] {
  const [experts, rows] = weight.shape;
  const delta = participating(weight, bias, how);
  const right = how.side === 'output';
  const projected = (right ? orthogonalProjectRight : orthogonalProject)(delta, v);
  const D = (right ? orthogonalProjectRightBound : orthogonalProjectBound)(delta, v, u);
  const [before, after, off] = [delta, projected, D].map((x) => norm(x, [1, 2]));
  const n = delta.shape[1] * delta.shape[2];
  const [division, root, lambda] = [2 * ulps.divide * u, 2 * ulps.sqrt * u, smallestNormal(u)];
  const r = compound(gamma(n, u), gamma(2, u), division, division, root, root, u, u);
  const lost = (Math.sqrt(n) + 3) * lambda;
  const quotient = compound(division, u);

  const of = (e: number) => {
    const [N, A] = [before.get(e), after.get(e)];
    // Zeros stay zeros, in whatever way they are measured.
    const dN = N === 0 ? 0 : r * N + lost;
    const dA = N === 0 ? 0 : off.get(e) + r * (A + off.get(e)) + lost;
    const least = 1e-6 * (1 - 2 * u) * Math.max(0, N - dN) - lambda;
    const open = N > 0 && A - dA <= 1e-6 * (1 + 2 * u) * (N + dN) + lambda && A + dA >= least;
    return { N, A, dN, dA, open };
  };
  const kept = perExpert(experts, (e) => {
    const { N, A, dN, dA } = of(e);
    if (!Number.isFinite(A / N)) return 0;
    return N > dN ? ((A + dA) / (N - dN)) * (1 + quotient) - A / N + lambda : Infinity;
  });
  const factorOff = (e: number): number => {
    const { N, A, dN, dA, open } = of(e);
    const c = restoring(N, A, how);
    if (!how.renorm || N === 0 || !Number.isFinite(c) || !Number.isFinite(A)) return 0;
    const limit = how.limit * (1 + u);
    const slack = (1 + quotient) * (1 + 8 * u);
    const most = A > dA ? Math.min(limit, ((N + dN) / (A - dA)) * slack) : limit;
    const least = Math.min(how.limit * (1 - u), Math.max(0, N - dN) / (A + dA) / slack);
    return Math.max(most - c, c - least, open ? Math.abs(c - 1) : 0, open ? limit - c : 0, 0);
  };
  const factor = perExpert(experts, factorOff);
  const exact = orthogonalUpdate(weight, bias, v, how);
  const restored = (e: number, i: number, j: number): number => {
    const c = exact[3].get(e);
    const [p, d] = [Math.abs(projected.get(e, i, j)), D.get(e, i, j)];
    const size = factor.get(e) * (p + d) + c * d;
    return Number.isFinite(size) ? size + u * (c * p + size) + lambda : Infinity;
  };
  return [
    whereFinite(exact[0], ([e, i, j]) => restored(e, i, j)),
    // Without a part in the projection the bias is met exactly.
    whereFinite(exact[1], ([e, j]) => (delta.shape[1] > rows ? restored(e, rows, j) : 0)),
    kept,
    factor,
    perExpert(experts, (e) => (of(e).open ? 1 : 0)),
  ];
}
