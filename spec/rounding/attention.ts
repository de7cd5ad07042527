/**
 * Bounds of attention and of what flows back through it. ε_f = 2·ulps(f)·u as in functions.ts, δ that of a division; λ is the
 * smallest normal number. Capital letters are errors of what has the small letter.
 */
import { at, type Bool, fromFunction, lane, type Real } from '../array.ts';
import { attentionGradient, attentionWeights } from '../ops/attention.ts';
import { abs, add } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { transpose } from '../ops/projection.ts';
import { softmaxGradient } from '../ops/softmax.ts';
import { softmaxGradientBound } from './gradients.ts';
import { compound, gamma, smallestNormal, type Ulps, whereFinite } from './model.ts';

/** 1/√dim: the constant and its product, two roundings; or a division by δ. */
const scaling = (u: number, ulps: Ulps): number => compound(gamma(2, u), 2 * ulps.divide * u);

/** A·B where A is off by E (null: not at all): E|B| + γ_inner (|A| + E)|B| + inner·λ */
function productBound(a: Real, error: Real | null, b: Real, u: number): Real {
  const inner = a.shape[a.shape.length - 1];
  const moved = error && matmul(error, abs(b));
  const size = matmul(abs(a), abs(b));
  return fromFunction(size.shape, (index) => {
    const E = moved ? at(moved, index) : 0;
    return E + gamma(inner, u) * (at(size, index) + E) + inner * smallestNormal(u);
  });
}

/**
 * The scores: off by S = ((1 + γ_dim)(1 + scaling) − 1) Σ|q||k|/√dim + (dim + 1)λ. Of a weight e_j/Z, e_j = e^{s_j − m}, Z = Σ e_k, the
 * computed maximum m̂ cancels, whatever it is; the difference ŝ_j − m̂ is rounded, by u(|s_j − m| + 2 max S). So e_j is off by the
 * factor e^{d_j}(1 + ε_exp), d_j = S_j + u(|s_j − m| + 2 max S): by E_j. The sum is off by RZ, R of ΣE/Z, γ_{n−1} and nλ; the division by
 * d, which is δ and one rounding as in softmaxBound:
 *   |ŵ_j − w_j| ≤ (E_j(1 + d) + e_j(d + R))/(Z(1 − R)) + 2λ.
 * And as no term of a sum of positive ones is above the sum, ŵ_j ≤ (1 + γ_{n−1})(1 + d), where this says nothing.
 * Masked weights are 0, exactly.
 */
export function attentionWeightsBound(q: Real, k: Real, mask: Bool, u: number, ulps: Ulps): Real {
  const [dim, keys] = [q.shape[3], k.shape[2]];
  const lambda = smallestNormal(u);
  const root = Math.sqrt(dim);
  const [dots, sizes] = [matmul(q, transpose(k)), matmul(abs(q), abs(transpose(k)))];
  const relative = compound(gamma(dim, u), scaling(u, ulps));
  const divided = compound(gamma(1, u), 2 * ulps.divide * u);
  const adding = gamma(Math.max(keys - 1, 0), u);
  return whereFinite(attentionWeights(q, k, mask), (index) => {
    const allowed = (j: number) => at(mask, [index[0], j]) !== 0;
    const s = lane(dots, 3, index).map((dot) => dot / root);
    const S = lane(sizes, 3, index).map((size) => (relative * size) / root + (dim + 1) * lambda);
    // e^{−∞} = 0 has no error
    const real = s.map((_, j) => j).filter((j) => allowed(j) && s[j] !== -Infinity);
    const here = index[3];
    if (!real.includes(here)) return 0;
    const highest = real.reduce((m, j) => Math.max(m, s[j]), -Infinity);
    const most = real.reduce((m, j) => Math.max(m, S[j]), 0);
    const term = (j: number) => Math.exp(s[j] - highest);
    const error = (j: number) => {
      const d = S[j] + u * (Math.abs(s[j] - highest) + 2 * most);
      const e = term(j);
      // where e itself has vanished, what it may become is its error
      return e === 0
        ? Math.exp(s[j] - highest + d) * (1 + 2 * ulps.exp * u)
        : e * compound(Math.expm1(d), 2 * ulps.exp * u);
    };
    const Z = real.reduce((sum, j) => sum + term(j), 0);
    const E = real.reduce((sum, j) => sum + error(j), 0);
    const R = compound(E / Z, adding) + keys * lambda * Math.exp(most);
    const bound = (error(here) * (1 + divided) + term(here) * (divided + R)) / (Z * (1 - R)) + 2 * lambda;
    const atMost = 1 + compound(adding, divided);
    return R < 1 ? Math.min(bound, atMost) : atMost;
  });
}

/** [y, weights]: with the weights w off by W, y by Σ W|v| + γ_n Σ (w + W)|v| + nλ. */
export function attentionBound(q: Real, k: Real, v: Real, mask: Bool, u: number, ulps: Ulps): Real[] {
  const weights = attentionWeights(q, k, mask);
  const W = attentionWeightsBound(q, k, mask, u, ulps);
  const y = productBound(weights, W, v, u);
  return [whereFinite(matmul(weights, v), (index) => at(y, index)), W];
}

/**
 * ∂w = g vᵀ (+ g_w), off by A = γ_{dim+1}(Σ|g||v| + |g_w|) + dim·λ; ∂s by `softmaxGradientBound` with it; scaled by 1/√dim; then the
 * products with k and q, and that of wᵀ and g.
 */
export function attentionGradientBound(
  weights: Real,
  q: Real,
  k: Real,
  v: Real,
  g: Real,
  weightsGradient: Real | undefined,
  u: number,
  ulps: Ulps,
): Real[] {
  const dim = q.shape[3];
  const lambda = smallestNormal(u);
  const plus = (x: Real, y: Real | undefined) => (y ? add(x, y) : x);
  const toWeights = plus(matmul(g, transpose(v)), weightsGradient);
  const size = plus(matmul(abs(g), abs(transpose(v))), weightsGradient && abs(weightsGradient));
  const A = fromFunction(size.shape, (index) => gamma(dim + 1, u) * at(size, index) + dim * lambda);
  const toScores = softmaxGradient(weights, toWeights, -1);
  const E = softmaxGradientBound(weights, toWeights, -1, u, A);
  const scaled = fromFunction(toScores.shape, (index) => at(toScores, index) / Math.sqrt(dim));
  const X = fromFunction(toScores.shape, (index) => {
    const error = at(E, index);
    return (error + scaling(u, ulps) * (Math.abs(at(toScores, index)) + error)) / Math.sqrt(dim) + lambda;
  });
  const bounds = [
    productBound(scaled, X, k, u),
    productBound(transpose(scaled), transpose(X), q, u),
    productBound(transpose(weights), null, g, u),
  ];
  return attentionGradient(weights, q, k, v, g, weightsGradient).map((exact, i) =>
    whereFinite(exact, (index) => at(bounds[i], index)),
  );
}
