import { type Any, array, type Real, toFlat, zeros } from '../../spec/array.ts';
import { type Expert, passThrough } from '../../spec/method/expert.ts';
import type { Gate } from '../../spec/method/gate.ts';
import type { MoeResult } from '../../spec/method/moe-layer.ts';
import { abs } from '../../spec/ops/elementwise.ts';
import { matmul } from '../../spec/ops/matmul.ts';
import { softmax } from '../../spec/ops/softmax.ts';
import { unaryBound } from '../../spec/rounding/functions.ts';
import { compound, gamma, REFERENCE_ULPS, smallestNormal, type Ulps } from '../../spec/rounding/model.ts';
import { logSumExpBound, softmaxBound } from '../../spec/rounding/normalisations.ts';

/**
 * What rounding can do to a gate, a layer and a loss: u is the unit roundoff of the working precision, δ = 2·ulps.divide·u the
 * error of a division.
 */

const u64 = 2 ** -53;

export interface Precision {
  readonly u: number;
  readonly ulps: Ulps;
}
export const reference: Precision = { u: u64, ulps: REFERENCE_ULPS };

const row = (z: Any, t: number): number[] => Array.from({ length: z.shape[1] }, (_, e) => z.get(t, e));

/** The largest relative error of softmax over one row. */
export function softmaxRelative(z: readonly number[], { u, ulps }: Precision): number {
  const exact = array(z);
  const [p, bound] = [softmax(exact), softmaxBound(exact, 0, u, ulps)];
  return z.reduce((most, _, e) => Math.max(most, bound.get(e) / p.get(e)), 0);
}

/**
 * The relative error of each gate weight of a token with exact logits z, of which `kept` were chosen.
 * Renormalised: a softmax over the kept logits, or p_e/Σ_kept p: 2ρ of the softmax over all, γ_{k−1} of the sum, the division
 * by δ, or with one rounding more by the reciprocal.
 * Otherwise e^{z − L}, L = logSumExp(z) off by B: the difference is rounded, u(|z − L| + B), which the exponential passes
 * on as a factor; then its own 2·ulps·u. Or p itself: ρ. The larger way of each is taken.
 */
export function gateRelative(
  z: readonly number[],
  kept: readonly number[],
  renormalize: boolean,
  precision: Precision,
): number {
  const { u, ulps } = precision;
  const rho = softmaxRelative(z, precision);
  if (renormalize) {
    const direct = softmaxRelative(
      kept.map((e) => z[e]),
      precision,
    );
    return Math.max(direct, compound(rho, rho / (1 - rho), gamma(kept.length, u), 2 * ulps.divide * u));
  }
  const all = array(z);
  const B = logSumExpBound(all, 0, u, ulps).get();
  const L = Math.log(z.reduce((sum, x) => sum + Math.exp(x - Math.max(...z)), 0)) + Math.max(...z);
  const byLog = kept.map((e) => Math.expm1(B + u * (Math.abs(z[e] - L) + B)));
  return Math.max(rho, compound(Math.max(0, ...byLog), 2 * ulps.exp * u));
}

/** `gateRelative` of every token: [token]. */
export const gateErrors = (z: Real, gate: Gate, renormalize: boolean, precision: Precision): number[] =>
  Array.from({ length: z.shape[0] }, (_, t) => {
    const kept = row(gate.chosen, t).filter((e) => e >= 0);
    return kept.length === 0 ? 0 : gateRelative(row(z, t), kept, renormalize, precision);
  });

/**
 * |ŷ − y| of a MoE layer with exact inputs, logits and hidden layer (arbitraries/experts.ts), for the choices of `result`.
 * One expert f = a W2 + b2, a off by A: F = A|W2| + γ_{hidden+1}((|a| + A)|W2| + |b2|); with relu, F = 0 as all is exact.
 * The mixture Σ g f, g off by ρg: k products and k − 1 additions (to 0: exact) on terms of at most g(1 + ρ)(|f| + F):
 * Σ (g(1 + ρ)(|f| + F)(1 + γ_k) − g|f|).
 */
export function layerBound(
  x: Real,
  experts: readonly Expert[],
  result: MoeResult,
  options: { readonly k: number; readonly renormalize: boolean; readonly activation: 'relu' | 'gelu' },
  precision: Precision,
  activation: (x: Real) => Real,
): Real {
  const { u, ulps } = precision;
  const bound = zeros(result.output.shape);
  const errors = gateErrors(result.logits, result.gate, options.renormalize, precision);
  result.assignment.served.forEach((slots, e) => {
    const { weight, bias } = experts[e].fc2;
    for (const { token } of slots) {
      const one = array(row(x, token), [1, x.shape[1]]);
      const { preactivation, hidden, output } = passThrough(one, experts[e], activation);
      const exact = options.activation === 'relu';
      const A = exact ? zeros(hidden.shape) : unaryBound('gelu', preactivation, u, ulps);
      const moved = matmul(A, abs(weight));
      const size = matmul(abs(hidden), abs(weight));
      const g = result.gate.gates.get(token, e);
      for (let j = 0; j < output.shape[1]; j++) {
        const roundings = exact ? 0 : gamma(hidden.shape[1] + 1, u);
        const F = moved.get(0, j) + roundings * (size.get(0, j) + moved.get(0, j) + Math.abs(bias.get(j)));
        const f = Math.abs(output.get(0, j));
        const largest = g * (1 + errors[token]) * (f + F) * (1 + gamma(options.k, u)) + 4 * smallestNormal(u);
        // largest − g f by its parts, so that no digit is lost.
        const relative = compound(errors[token], gamma(options.k, u));
        bound.set(
          token,
          j,
          bound.get(token, j) + Math.min(largest, g * F * (1 + relative) + g * f * relative) + 4 * smallestNormal(u),
        );
      }
    }
  });
  return bound;
}

/**
 * The relative error of a balance loss E Σ f_e P_e. All terms are positive, so relative errors do not grow: ρ of the
 * softmax; N − 1 sums and a division (with a product, by the reciprocal) for P; at most two divisions for f, which counts; one
 * product; E − 1 sums; one more product: γ_{N+E+5} and three times δ, N all rows, padding included.
 */
export const balanceRelative = (z: Real, precision: Precision): number => {
  const [rows, experts] = z.shape;
  const rho = Array.from({ length: rows }, (_, t) => softmaxRelative(row(z, t), precision));
  const division = 2 * precision.ulps.divide * precision.u;
  return compound(Math.max(0, ...rho), gamma(rows + experts + 5, precision.u), division, division, division);
};

/**
 * The router z-loss, mean of L_t², L_t off by B_t: (2|L|B + B²) each; the square, N − 1 sums and the division, by the reciprocal
 * with a product: (1 + γ_{N+2})(1 + δ) − 1.
 * @param real the tokens that are not padding
 */
export function routerZBound(z: Real, real: readonly number[], { u, ulps }: Precision): number {
  if (real.length === 0) return 0;
  const B = logSumExpBound(z, 1, u, ulps);
  const relative = compound(gamma(z.shape[0] + 2, u), 2 * ulps.divide * u);
  let bound = 0;
  for (const t of real) {
    const values = row(z, t);
    const highest = Math.max(...values);
    const L = Math.abs(highest + Math.log(values.reduce((sum, x) => sum + Math.exp(x - highest), 0)));
    const b = B.get(t);
    bound += (2 * L * b + b * b + relative * (L + b) ** 2) / real.length;
  }
  return bound;
}

export const flat = (a: Real): Float64Array => Float64Array.from(toFlat(a));
