/**
 * Bounds of what flows back through an operation. ε_f = 2·ulps(f)·u as in functions.ts, δ that of a division; λ is the smallest
 * normal number. Capital letters are errors of what has the small letter.
 */
import { at, type Int, indices, lane, type Real } from '../array.ts';
import { activationGradient, type DifferentiableActivation } from '../ops/activation.ts';
import { crossEntropyGradient } from '../ops/cross-entropy.ts';
import { unaryFunctions } from '../ops/elementwise.ts';
import { layerNormGradient } from '../ops/layer-norm.ts';
import { softmax, softmaxGradient } from '../ops/softmax.ts';
import { sumBound } from './contractions.ts';
import { erfOfGelu, sigmoidBound, siluBound, tanhOfGelu } from './functions.ts';
import { compound, gamma, smallestNormal, type Ulps, whereFinite } from './model.ts';
import { normalisedBound, softmaxBound } from './normalisations.ts';

/** A value, and how far it may be off. */
type Off = readonly [value: number, error: number];

/** a·b of two computed numbers: |a|B + |b|A + AB, and one rounding, of |ab| and all that. */
function product([a, A]: Off, [b, B]: Off, u: number): Off {
  const error = Math.abs(a) * B + Math.abs(b) * A + A * B;
  return [a * b, error + u * (Math.abs(a * b) + error)];
}

/** A sum of computed numbers in any order: their errors, and γ_{n−1} of all that is added. */
function total(terms: readonly Off[], u: number): Off {
  const error = terms.reduce((sum, [, E]) => sum + E, 0);
  const size = terms.reduce((sum, [value]) => sum + Math.abs(value), error);
  return [terms.reduce((sum, [value]) => sum + value, 0), error + gamma(Math.max(terms.length - 1, 0), u) * size];
}

type SlopeBound = (x: number, u: number, ulps: Ulps) => number;

const sigmoidOff = (x: number, u: number, ulps: Ulps): Off => [
  unaryFunctions.sigmoid(x),
  sigmoidBound(x, u, ulps) + smallestNormal(u),
];

/** How far act'(x) may be off, where it is computed from x, from y = act(x), or from both. */
const slopeBounds: { readonly [K in DifferentiableActivation]: SlopeBound } = {
  relu: () => 0,
  softplus: (x, u, ulps) => sigmoidOff(x, u, ulps)[1],
  /** σ(1 − σ) */
  sigmoid(x, u, ulps) {
    const [s, S] = sigmoidOff(x, u, ulps);
    return product(
      [s, S],
      total(
        [
          [1, 0],
          [-s, S],
        ],
        u,
      ),
      u,
    )[1];
  },
  /**
   * σ(1 + (x − y)) with y off by Y; or σ(1 + x(1 − σ)); or σ + y(1 − σ). With S the error of σ and m = 1 + |x|(1 − σ):
   * the bracket is off by Q = Y + γ₃(1 + |x| + |y| + Y), of the first way; the second has |x|S for Y, which is no more, and
   * γ₃ for its three roundings. The third is the second multiplied out, so that m stands for the bracket, which may cancel
   * there. Product: σQ + mS + SQ + γ₂(σ + S)(m + Q).
   */
  silu(x, u, ulps) {
    const [s, S] = sigmoidOff(x, u, ulps);
    const Y = siluBound(x, u, ulps) + smallestNormal(u);
    const Q = Y + gamma(3, u) * (1 + Math.abs(x) + Math.abs(x * s) + Y);
    const m = 1 + Math.abs(x) * (1 - s);
    return s * Q + m * S + S * Q + gamma(2, u) * (s + S) * (m + Q);
  },
  /**
   * Φ + xφ. Φ = (1 + erf(x/√2))/2 with erf off by T: half of T and of the sum's rounding. φ = e^{−x²/2}/√(2π): x² and the halving
   * are two roundings, which multiply the exponential by e^{γ₂x²/2}; ε_exp; the constant and its product two more, and one for x.
   */
  gelu(x, u, ulps) {
    const erf = erfOfGelu(x, u, ulps);
    const [distribution, D] = total(
      [
        [1, 0],
        [erf.value, erf.error],
      ],
      u,
    );
    const density = Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI);
    const relative = density === 0 ? 0 : compound(Math.expm1((gamma(2, u) * x * x) / 2), 2 * ulps.exp * u, gamma(3, u));
    const E = Math.abs(x) * (density * relative + smallestNormal(u));
    return total(
      [
        [distribution / 2, D / 2],
        [x * density, E],
      ],
      u,
    )[1];
  },
  /**
   * (1 + t)/2 + x/2 (1 − t²) z', t = tanh z off by T. z' is a sum of positive terms that pass at most six roundings (x², the constant
   * 3c, the product, the sum, √(2/π), the product). From |z| = 100 on t is ±1 exactly, which a stated law asks: the second term
   * is 0 there.
   */
  geluTanh(x, u, ulps) {
    const tanh = tanhOfGelu(x, u, ulps);
    if (Math.abs(tanh.z) * (1 - gamma(7, u)) >= 100) return smallestNormal(u);
    const t: Off = [tanh.value, tanh.error];
    const [, A] = total([[1, 0], t], u);
    const [square, S] = product(t, t, u);
    const inner = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
    const curved = product(
      product(
        [x / 2, 0],
        total(
          [
            [1, 0],
            [-square, S],
          ],
          u,
        ),
        u,
      ),
      [inner, gamma(6, u) * inner],
      u,
    );
    return total([[(1 + tanh.value) / 2, A / 2], curved], u)[1];
  },
};

/** g·act'(z), the slope off by D: |g|(D + u(|act'| + D)) + λ(1 + |g|). That of relu is 0 or 1, and exact. */
export function activationGradientBound(
  activation: DifferentiableActivation,
  g: Real,
  z: Real,
  u: number,
  ulps: Ulps,
): Real {
  const value = activationGradient(activation, g, z);
  if (activation === 'relu') return whereFinite(value, () => 0);
  return whereFinite(value, (index, v) => {
    const size = Math.abs(at(g, index));
    const D = slopeBounds[activation](at(z, index), u, ulps) + smallestNormal(u);
    return size * D + u * (Math.abs(v) + size * D) + smallestNormal(u);
  });
}

/**
 * y(g − t), t = Σ g y: a product and n − 1 sums, T = Σ|y|G + γ_n Σ(|g| + G)|y| + nλ where g itself is off by G (0 if it is given).
 * Whether the difference is taken first or the products y g and y t: |y|(G + T + γ₂(|g| + G + |t| + T)) + 2λ.
 */
export function softmaxGradientBound(y: Real, g: Real, axis: number, u: number, error?: Real): Real {
  const along = axis < 0 ? axis + y.shape.length : axis;
  const lambda = smallestNormal(u);
  return whereFinite(softmaxGradient(y, g, along), (index) => {
    const [shares, gradients] = [lane(y, along, index), lane(g, along, index)];
    const errors = error ? lane(error, along, index) : shares.map(() => 0);
    const n = shares.length;
    let [t, lost, size] = [0, 0, 0];
    shares.forEach((share, j) => {
      t += share * gradients[j];
      lost += Math.abs(share) * errors[j];
      size += Math.abs(share) * (Math.abs(gradients[j]) + errors[j]);
    });
    const T = lost + gamma(n, u) * size + n * lambda;
    const i = index[along];
    const magnitude = Math.abs(gradients[i]) + errors[i] + Math.abs(t) + T;
    return Math.abs(shares[i]) * (errors[i] + T + gamma(2, u) * magnitude) + 2 * lambda;
  });
}

/** g(p − [j = c]), the probability p off by S: |g|(S + γ₂(p + [j = c] + S)) + 2λ, in either order. */
export function crossEntropyGradientBound(logits: Real, labels: Int, g: Real, u: number, ulps: Ulps): Real {
  const [p, S] = [softmax(logits, 1), softmaxBound(logits, 1, u, ulps)];
  return whereFinite(crossEntropyGradient(logits, labels, g), ([r, j]) => {
    const target = at(labels, [r]) === j ? 1 : 0;
    const error = at(S, [r, j]);
    const size = Math.abs(at(g, [r]));
    return size * (error + gamma(2, u) * (at(p, [r, j]) + target + error)) + 2 * smallestNormal(u);
  });
}

/**
 * ∂x = (h − a − n b)/σ with h = g w, a = mean(h), b = mean(h n), n off by N as `normalisedBound` says. One rounding makes h,
 * one h n and one n b; a mean of values with errors E is off by mean(E) and by (1 + γ_n)(1 + δ) − 1 of mean(|·| + E); the
 * three terms pass two sums; the division by σ is off as that of n is.
 * ∂w = Σ_rows g n: γ_{rows−1} and one rounding for each product, and Σ|g|N. ∂b = Σ_rows g.
 */
export function layerNormGradientBound(x: Real, weight: Real, g: Real, epsilon: number, u: number, ulps: Ulps): Real[] {
  const last = x.shape.length - 1;
  const width = x.shape[last];
  const lambda = smallestNormal(u);
  const [toX, toWeight] = layerNormGradient(x, weight, g, epsilon);
  const normalised = normalisedBound(x, epsilon, u, ulps);
  const averaging = compound(gamma(width, u), 2 * ulps.divide * u);
  const mean = (terms: readonly Off[]): Off => {
    const [value, error, size] = terms.reduce(([v, e, m], [x, E]) => [v + x, e + E, m + Math.abs(x) + E], [0, 0, 0]);
    return [value / width, (error + averaging * size) / width + 2 * lambda];
  };
  const boundX = whereFinite(toX, (index) => {
    const row = Array.from({ length: width }, (_, i) => normalised([...index.slice(0, -1), i]));
    if (row.some(({ error }) => error === Infinity)) return Infinity;
    const n = row.map(({ n: value, error }): Off => [value, error + lambda]);
    const h = lane(g, last, index).map((value, i): Off => {
      const exact = value * at(weight, [i]);
      return [exact, u * Math.abs(exact) + lambda];
    });
    const a = mean(h);
    const b = mean(h.map((value, i) => product(value, n[i], u)));
    const i = index[last];
    const [value, error] = total([h[i], [-a[0], a[1]], product([-n[i][0], n[i][1]], b, u)], u);
    const { sigma, divided } = row[i];
    return (Math.abs(value) * divided + (error + 3 * lambda) * (1 + divided)) / sigma + lambda;
  });
  const columns = Array.from({ length: width }, (): Off[] => []);
  for (const index of indices(x.shape)) {
    const { n, error } = normalised(index);
    columns[index[last]].push(product([at(g, index), 0], [n, error + lambda], u));
  }
  const leading = x.shape.slice(0, -1).map((_, axis) => axis);
  return [
    boundX,
    whereFinite(toWeight, ([i]) => total(columns[i], u)[1] + columns[i].length * lambda),
    leading.length === 0 ? whereFinite(g, () => 0) : sumBound(g, leading, u),
  ];
}
