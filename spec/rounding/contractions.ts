/**
 * Bounds of everything that is sums and products. All hold for any order of summation, for blocks, for fused
 * multiply-adds, and for an accumulator of more precision.
 *
 * The one argument: in any order of adding n numbers, each of them passes through at most n − 1 roundings, so the computed
 * sum is Σ xᵢ(1 + θᵢ) with |θᵢ| ≤ γ_{n−1}. A product before it is one rounding more.
 * λ is the smallest normal number: what one product can lose where small results are flushed to zero.
 * δ = 2·ulps.divide·u is the relative error of one division.
 */
import { at, type Int, type Real } from '../array.ts';
import { abs, add } from '../ops/elementwise.ts';
import { groupedLinear } from '../ops/linear.ts';
import { groupedMatmul, groupedOuter, linear, matmul } from '../ops/matmul.ts';
import { cumsum } from '../ops/order.ts';
import { scatterAdd } from '../ops/placement.ts';
import { transpose } from '../ops/projection.ts';
import { mean, norm, reduceWith, sum, variance } from '../ops/reduce.ts';
import { moeCombine } from '../ops/routing.ts';
import { compound, gamma, smallestNormal, type Ulps, whereFinite } from './model.ts';

type Axes = number | readonly number[] | undefined;
type Options = { readonly keepDims?: boolean };

/** How many elements each result of a reduction has. */
const countAlong = (x: Real, axes: Axes, options: Options): number => {
  const counts = reduceWith(x, axes, options, (elements) => elements.length);
  return counts.size === 0 ? 0 : counts.data[0];
};

/** |ŝ − s| ≤ γ_{n−1} Σ|xᵢ| + nλ */
export function sumBound(x: Real, axes: Axes, u: number, options: Options = {}): Real {
  const n = countAlong(x, axes, options);
  const magnitude = sum(abs(x), axes, options);
  return whereFinite(sum(x, axes, options), (index) => {
    return gamma(Math.max(n - 1, 0), u) * at(magnitude, index) + n * smallestNormal(u);
  });
}

/**
 * The division by n is off by δ; where its reciprocal is multiplied, by one rounding more:
 * ((1 + γ_n)(1 + δ) − 1) Σ|xᵢ|/n + 2λ.
 */
export function meanBound(x: Real, axes: Axes, u: number, ulps: Ulps, options: Options = {}): Real {
  const n = countAlong(x, axes, options);
  const relative = compound(gamma(n, u), 2 * ulps.divide * u);
  const magnitude = mean(abs(x), axes, options);
  return whereFinite(mean(x, axes, options), (index) => {
    return relative * at(magnitude, index) + 2 * smallestNormal(u);
  });
}

/**
 * Two passes: first the mean, off by |e| ≤ M; then Σ(xᵢ − x̄ − e)². As Σ(xᵢ − x̄) = 0, the mean's error enters squared only:
 * Σ(xᵢ − x̄ − e)² = Σ(xᵢ − x̄)² + n e². Each term is rounded twice by the difference (squared), once by the square, n − 1
 * times by the sum, once where the division is a product with the reciprocal, and by δ: with S = Σ(xᵢ − x̄)² and
 * r = (1 + γ_{n+3})(1 + δ) − 1,  |v̂ − v| ≤ (nM² + r(S + nM²)) / (n − correction) + 2nλ.
 * The one-pass form Σx² − n x̄² does not keep it.
 */
export function varianceBound(
  x: Real,
  axes: Axes,
  u: number,
  ulps: Ulps,
  { correction = 0, ...options }: Options & { readonly correction?: number } = {},
): Real {
  const n = countAlong(x, axes, options);
  const meanError = meanBound(x, axes, u, ulps, options);
  const relative = compound(gamma(n + 3, u), 2 * ulps.divide * u);
  return whereFinite(variance(x, axes, { correction, ...options }), (index, v) => {
    const shift = n * at(meanError, index) ** 2;
    const divisor = Math.abs(n - correction);
    const squares = Math.abs(v) * divisor;
    return (shift + relative * (squares + shift)) / divisor + 2 * n * smallestNormal(u);
  });
}

/**
 * s √Σ (xᵢ/s)², s the largest |x|: each quotient is off by δ, each square by one more, the sum of n by n − 1; the root halves
 * what came before and adds ρ, and the product with s rounds once more: (1 + δ)√(1 + γ_n)(1 + ρ)(1 + u) − 1, for which
 * (1 + δ)(1 + γ_n)(1 + ρ)(1 + u) − 1 is taken. Squares that are flushed cost n λ of a sum that is about 1; elements that are
 * flushed √n λ, and the result λ. Adding squares in a higher precision keeps it too.
 */
export function normBound(x: Real, axes: Axes, u: number, ulps: Ulps, options: Options = {}): Real {
  const n = countAlong(x, axes, options);
  const lambda = smallestNormal(u);
  const relative = compound(gamma(n, u), 2 * ulps.divide * u, 2 * ulps.sqrt * u, u) + n * lambda;
  return whereFinite(norm(x, axes, options), (_, size) => relative * size + (Math.sqrt(n) + 1) * lambda);
}

/** [..., m, inner] · [..., inner, n]: γ_inner |A||B| + inner·λ */
export function matmulBound(a: Real, b: Real, u: number): Real {
  const inner = a.shape[a.shape.length - 1];
  const magnitude = matmul(abs(a), abs(b));
  return whereFinite(magnitude, (_, m) => gamma(inner, u) * m + inner * smallestNormal(u));
}

/** γ_{in+1} (|x||W| + |b|) + in·λ, with the bias as one more term */
export function linearBound(x: Real, weight: Real, bias: Real | undefined, u: number): Real {
  const input = weight.shape[0];
  const magnitude = linear(abs(x), abs(weight), bias && abs(bias));
  return whereFinite(magnitude, (_, m) => gamma(input + 1, u) * m + input * smallestNormal(u));
}

/** `linearBound` for each row with its expert's matrix and bias */
export function groupedLinearBound(x: Real, weights: Real, biases: Real, offsets: Int, u: number): Real {
  const input = x.shape[1];
  const magnitude = groupedLinear(abs(x), abs(weights), abs(biases), offsets);
  return whereFinite(magnitude, (_, m) => gamma(input + 1, u) * m + input * smallestNormal(u));
}

/** Σ over the k slots of a token of gate · row, a product and k − 1 sums: γ_k Σ|gate||row| + kλ */
export function moeCombineBound(rows: Real, gates: Real, rowOfSlot: Int, offsets: Int, u: number): Real {
  const k = gates.shape[1];
  const magnitude = moeCombine(abs(rows), abs(gates), rowOfSlot, offsets);
  return whereFinite(magnitude, (_, m) => gamma(k, u) * m + k * smallestNormal(u));
}

/** `matmulBound` for each row with its expert's matrix */
export function groupedMatmulBound(x: Real, weights: Real, offsets: Int, u: number): Real {
  const input = x.shape[1];
  const magnitude = groupedMatmul(abs(x), abs(weights), offsets);
  return whereFinite(magnitude, (_, m) => gamma(input, u) * m + input * smallestNormal(u));
}

/** γ_rows Σ|x||g| + rows·λ, with the rows of the expert */
export function groupedOuterBound(x: Real, g: Real, offsets: Int, u: number): Real {
  const magnitude = groupedOuter(abs(x), abs(g), offsets);
  return whereFinite(magnitude, ([e], m) => {
    const rows = at(offsets, [e + 1]) - at(offsets, [e]);
    return gamma(rows, u) * m + rows * smallestNormal(u);
  });
}

/** `matmulBound` of AᵀA */
export const gramBound = (a: Real, u: number): Real => matmulBound(transpose(a), a, u);

/**
 * G − V(VᵀG), V [rows, rank]. A term of VᵀG carries `rows` roundings, of V(·) `rank` more, the difference one more:
 * γ_{rows+rank+1} (|G| + |V||V|ᵀ|G|) + (rows·Σ|V| + rank + 1)λ, Σ|V| the sum of a row of |V|.
 */
export function orthogonalProjectBound(g: Real, v: Real, u: number): Real {
  const [rows, rank] = v.shape.slice(-2);
  const [G, V] = [abs(g), abs(v)];
  const magnitude = add(G, matmul(V, matmul(transpose(V), G)));
  const rowSum = sum(V, -1);
  return whereFinite(magnitude, (index, size) => {
    const lost = rows * at(rowSum, index.slice(0, -1)) + rank + 1;
    return gamma(rows + rank + 1, u) * size + lost * smallestNormal(u);
  });
}

/** G − (G V)Vᵀ: the bound of Gᵀ − V(VᵀGᵀ), transposed. */
export const orthogonalProjectRightBound = (g: Real, v: Real, u: number): Real =>
  transpose(orthogonalProjectBound(transpose(g), v, u));

/** Element i of a running sum is a sum of i + 1 numbers: γᵢ Σ_{j≤i}|xⱼ| + (i + 1)λ, however the partial sums are shared. */
export function cumsumBound(x: Real, axis: number, u: number): Real {
  const along = axis < 0 ? axis + x.shape.length : axis;
  return whereFinite(cumsum(abs(x), along), (index, magnitude) => {
    return gamma(index[along], u) * magnitude + (index[along] + 1) * smallestNormal(u);
  });
}

/** At a place that m updates go to: γ_m (|x| + Σ|updates|) + (m + 1)λ; the bound takes m for the number of all updates. */
export function scatterAddBound(x: Real, list: Int, updates: Real, axis: number, u: number): Real {
  const m = list.shape[0];
  return whereFinite(scatterAdd(abs(x), list, abs(updates), axis), (_, magnitude) => {
    return gamma(m, u) * magnitude + (m + 1) * smallestNormal(u);
  });
}
