import { checkOutputs, type ExpertOutputs, outputsOf } from './outputs.ts';
import { everyPair, type PairMeasure } from './pairs.ts';

/*
 * Linear centred kernel alignment (Kornblith et al. 2019) of two experts' outputs X, Y on the same n tokens.
 *
 *   CKA(X, Y) = ‖XᵀY‖²_F / (‖XᵀX‖_F ‖YᵀY‖_F),   X, Y [token, width] with every column centred.
 *
 * It is the cosine between the two tables of token-by-token inner products, so it does not see a rotation, a reflection,
 * a shift or a common scale of an expert's outputs: experts that differ only so count as alike (output cosine does not
 * forgive a rotation). With few tokens against the width it is biased upwards; the debiased form is not.
 */

/** Debiased CKA of every pair; `null` where it is not defined. */
export interface DebiasedPairMeasure {
  /** Mean over the pairs that are defined; null if none is. */
  readonly mean: number | null;
  /** [expert][expert], symmetric; the diagonal is 1, or null where the expert's own denominator is 0. */
  readonly pairs: (number | null)[][];
}

/**
 * Linear CKA of every pair of experts, in [0, 1].
 *
 * An expert whose output is the same for all tokens has nothing left after centring; as for a zero vector's cosine, its
 * CKA with others is 0. With fewer than two tokens nothing can vary and every pair is NaN; with one expert the mean is NaN.
 * Cost: E²/2 products of n · width² multiplications.
 *
 * @throws ShapeError if sizes and data disagree
 */
export function linearCka(outputs: ExpertOutputs): PairMeasure {
  checkOutputs('linearCka', outputs);
  const { experts, tokens, width } = outputs;
  const centred = Array.from({ length: experts }, (_, e) => centredAndScaled(outputsOf(outputs, e), tokens, width));
  const own = centred.map((x) => crossSquared(x, x, width));

  return everyPair(experts, (i, j) => {
    if (tokens < 2) return Number.NaN;
    if (own[i] === 0 || own[j] === 0) return 0;
    // own is ‖XᵀX‖²_F, so its root is the norm the formula asks for.
    return Math.min(1, crossSquared(centred[i], centred[j], width) / Math.sqrt(own[i]) / Math.sqrt(own[j]));
  });
}

/**
 * Debiased linear CKA of every pair of experts, in [−1, 1]: HSIC_1(X, Y) / √(HSIC_1(X, X) HSIC_1(Y, Y)), with the
 * unbiased estimator HSIC_1 of Song et al. 2012 (as used for minibatch CKA by Nguyen et al. 2021). Independent outputs
 * give 0 in expectation of the numerator, however wide they are.
 *
 * Null with fewer than 4 tokens, and where a denominator is 0: an expert constant over tokens, or constant but for one
 * token. "0" means below what rounding can leave of it.
 *
 * @throws ShapeError if sizes and data disagree
 */
export function debiasedCka(outputs: ExpertOutputs): DebiasedPairMeasure {
  checkOutputs('debiasedCka', outputs);
  const { experts, tokens, width } = outputs;
  const centred = Array.from({ length: experts }, (_, e) => centredAndScaled(outputsOf(outputs, e), tokens, width));
  const lengths = centred.map((x) => rowSquares(x, tokens, width));
  const hsic = (i: number, j: number) =>
    unbiasedHsic(crossSquared(centred[i], centred[j], width), lengths[i], lengths[j], tokens);

  const own = lengths.map((squares, i) => {
    if (tokens < 4) return null;
    const value = hsic(i, i);
    return value <= roundingOfHsic(squares, tokens, width) ? null : value;
  });
  const pairs = Array.from({ length: experts }, () => new Array<number | null>(experts).fill(null));
  let sum = 0;
  let count = 0;
  for (let i = 0; i < experts; i++) {
    const ownI = own[i];
    if (ownI === null) continue;
    pairs[i][i] = 1;
    for (let j = i + 1; j < experts; j++) {
      const ownJ = own[j];
      if (ownJ === null) continue;
      const value = Math.max(-1, Math.min(1, hsic(i, j) / Math.sqrt(ownI) / Math.sqrt(ownJ)));
      pairs[i][j] = value;
      pairs[j][i] = value;
      sum += value;
      count++;
    }
  }
  return { mean: count === 0 ? null : sum / count, pairs };
}

/**
 * n(n − 3) · HSIC_1 (the factor cancels in CKA). With K̃, L̃ the n × n inner products XXᵀ, YYᵀ without their diagonals,
 *
 *   n(n − 3) HSIC_1 = tr(K̃L̃) + 1ᵀK̃1 · 1ᵀL̃1 / ((n − 1)(n − 2)) − 2/(n − 2) · 1ᵀK̃L̃1.
 *
 * It does not change when X is shifted, so X and Y are taken centred. Then the rows of XXᵀ sum to 0, those of K̃ to
 * −a_t with a_t = ‖x_t‖² (b_t = ‖y_t‖² alike), and no n × n table is needed:
 *
 *   n(n − 3) HSIC_1 = ‖XᵀY‖²_F − n/(n − 2) · Σ_t a_t b_t + Σ_t a_t · Σ_t b_t / ((n − 1)(n − 2)).
 */
function unbiasedHsic(cross: number, a: Float64Array, b: Float64Array, n: number): number {
  let both = 0;
  for (let t = 0; t < n; t++) both += a[t] * b[t];
  return cross - (n / (n - 2)) * both + (total(a) * total(b)) / ((n - 1) * (n - 2));
}

/**
 * What rounding can leave of a HSIC_1(X, X) that is 0. With S = Σ_t a_t every term is at most 2S². To first order in
 * u = 2⁻⁵³, in units of u·S²: n products an entry of XᵀX, squared, 2n, then its sum by rows 2d; Σ a_t² from d products
 * each 2(2d + n); the rows of K̃ sum to −a_t only up to what centring leaves, 4n; the rest is less than 16.
 */
function roundingOfHsic(a: Float64Array, n: number, d: number): number {
  return (8 * n + 6 * d + 16) * (Number.EPSILON / 2) * total(a) ** 2;
}

/**
 * A copy with every column centred, divided by its largest entry. CKA does not see the scale, and fourth powers of very
 * small or large outputs would leave the range of Float64.
 */
function centredAndScaled(matrix: Float64Array, tokens: number, width: number): Float64Array {
  const centred = Float64Array.from(matrix);
  // Twice: the first mean is rounded in units of the outputs, the second in units of what is left. Afterwards a constant
  // column is exactly 0, and a large common offset does not cost the small differences their digits.
  for (let pass = 0; pass < 2; pass++) subtractColumnMeans(centred, tokens, width);
  let largest = 0;
  for (const x of centred) largest = Math.max(largest, Math.abs(x));
  return largest === 0 ? centred : centred.map((x) => x / largest);
}

function subtractColumnMeans(matrix: Float64Array, tokens: number, width: number): void {
  const mean = new Float64Array(width);
  for (let t = 0; t < tokens; t++) for (let c = 0; c < width; c++) mean[c] += matrix[t * width + c];
  for (let c = 0; c < width; c++) mean[c] /= tokens;
  for (let t = 0; t < tokens; t++) for (let c = 0; c < width; c++) matrix[t * width + c] -= mean[c];
}

/** ‖XᵀY‖²_F of two [token, width] matrices. */
function crossSquared(x: Float64Array, y: Float64Array, width: number): number {
  // [width, token] · [token, width] -> [width, width], one token after the other
  const product = new Float64Array(width * width);
  for (let start = 0; start < x.length; start += width) {
    for (let a = 0; a < width; a++) {
      const xa = x[start + a];
      const row = a * width;
      for (let b = 0; b < width; b++) product[row + b] += xa * y[start + b];
    }
  }
  return total(rowSquares(product, width, width));
}

/** ‖row‖² of each row. */
function rowSquares(matrix: Float64Array, rows: number, width: number): Float64Array {
  const squares = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < width; c++) squares[row] += matrix[row * width + c] ** 2;
  }
  return squares;
}

function total(values: Float64Array): number {
  let sum = 0;
  for (const x of values) sum += x;
  return sum;
}
