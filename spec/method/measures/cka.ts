/**
 * Linear centred kernel alignment (Kornblith et al. 2019, arXiv 1905.00414): are two experts' outputs alike up to a
 * rotation? It compares the token-by-token inner products XXᵀ and YYᵀ.
 */
import { fromFunction, precondition, type Real } from '../../array.ts';
import { minus, norm, product, rows, transpose } from '../linear-algebra.ts';

/** X minus the mean of each column. */
export function centred(x: Real): Real {
  const means = fromFunction([x.shape[1]], ([j]) => {
    let sum = 0;
    for (let t = 0; t < rows(x); t++) sum += x.get(t, j);
    return sum / rows(x);
  });
  return minus(
    x,
    fromFunction(x.shape, ([, j]) => means.get(j)),
  );
}

/**
 * CKA(X, Y) = ‖XᵀY‖²_F / (‖XᵀX‖_F ‖YᵀY‖_F),  X, Y [token, width], columns centred; in [0, 1].
 *
 * Outputs that are the same for every token have nothing left after centring: their CKA is 0, as the cosine of a zero
 * vector. NaN with fewer than two tokens. Biased upwards for few tokens; see `debiasedCka`.
 */
export function linearCka(x: Real, y: Real): number {
  precondition(rows(x) === rows(y), `outputs [${x.shape}] and [${y.shape}] are not of the same tokens`);
  if (rows(x) < 2) return Number.NaN;
  const [a, b] = [centred(x), centred(y)];
  const lengths = norm(product(transpose(a), a)) * norm(product(transpose(b), b));
  return lengths === 0 ? 0 : norm(product(transpose(a), b)) ** 2 / lengths;
}

/** K̃: the inner products XXᵀ of n tokens, its diagonal set to 0. [token, token] */
function offDiagonalGram(x: Real): Real {
  const gram = product(x, transpose(x));
  return fromFunction(gram.shape, ([s, t]) => (s === t ? 0 : gram.get(s, t)));
}

/**
 * HSIC₁ (Song et al. 2012), the unbiased estimator of dependence:
 *
 *   1/(n(n − 3)) · [ tr(K̃L̃) + 1ᵀK̃1 · 1ᵀL̃1 / ((n − 1)(n − 2)) − 2/(n − 2) · 1ᵀK̃L̃1 ]
 */
export function unbiasedHsic(x: Real, y: Real): number {
  const n = rows(x);
  precondition(
    n >= 4 && rows(y) === n,
    `the unbiased estimator needs the same 4 tokens or more: [${x.shape}], [${y.shape}]`,
  );
  const [K, L] = [offDiagonalGram(x), offDiagonalGram(y)];
  let [trace, sumK, sumL, sumKL] = [0, 0, 0, 0];
  for (let s = 0; s < n; s++) {
    let [rowK, rowL] = [0, 0];
    for (let t = 0; t < n; t++) {
      trace += K.get(s, t) * L.get(s, t);
      rowK += K.get(s, t);
      rowL += L.get(s, t);
    }
    sumK += rowK;
    sumL += rowL;
    sumKL += rowK * rowL;
  }
  return (trace + (sumK * sumL) / ((n - 1) * (n - 2)) - (2 / (n - 2)) * sumKL) / (n * (n - 3));
}

/**
 * Debiased CKA:  HSIC₁(X, Y) / √(HSIC₁(X, X) · HSIC₁(Y, Y)), in [−1, 1]; for independent outputs 0 is to be expected.
 * Null with fewer than 4 tokens, and where a denominator is 0 (up to rounding): an expert that says the same for every
 * token, or for all tokens but one.
 *
 * HSIC₁ does not change when X is shifted; centring first only keeps its terms small.
 */
export function debiasedCka(x: Real, y: Real): number | null {
  if (rows(x) < 4) return null;
  const [a, b] = [centred(x), centred(y)];
  const [own, other] = [unbiasedHsic(a, a), unbiasedHsic(b, b)];
  if (isRounding(own, a) || isRounding(other, b)) return null;
  return unbiasedHsic(a, b) / Math.sqrt(own * other);
}

/**
 * Whether a HSIC₁(X, X) is no more than what rounding leaves of 0: its terms are at most 2‖X‖⁴ / (n(n − 3)) each, and pass
 * through fewer than 8n + 6·width + 16 roundings.
 */
function isRounding(value: number, x: Real): boolean {
  const n = rows(x);
  const roundings = 8 * n + 6 * x.shape[1] + 16;
  return value <= (roundings * 2 ** -53 * norm(x) ** 4) / (n * (n - 3));
}
