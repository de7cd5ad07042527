import { UsageError } from '../errors.ts';
import { checkPairs } from './metrics/f1.ts';
import type { Metric } from './types.ts';

const checkBinary = (operation: string, what: string, values: ArrayLike<number>): void => {
  for (let i = 0; i < values.length; i++)
    if (values[i] !== 0 && values[i] !== 1)
      throw new UsageError({
        operation,
        received: `${what}[${i}] = ${values[i]}`,
        expected: 'classes 0 and 1 only',
        advice: 'The Matthews correlation is defined here for two classes.',
      });
};

/**
 * The share of predictions that equal their label, in [0, 1].
 *
 * accuracy = (1/n) Σ_i [predicted_i = label_i]
 *
 * @throws ShapeError for unequal lengths or no example at all.
 */
export const accuracy = (predicted: ArrayLike<number>, labels: ArrayLike<number>): number => {
  checkPairs('accuracy', predicted, labels);
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predicted[i] === labels[i]) right++;
  return right / labels.length;
};

/**
 * Matthews correlation of two binary sequences, in [−1, 1] (Matthews 1975): Pearson's correlation of the 0/1 values.
 *
 * MCC = (TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN))
 *
 * Where a factor under the root is 0 (all predictions, or all labels, are of one class) nothing correlates and the
 * value is 0, as GLUE's scorer has it.
 *
 * @throws ShapeError for unequal lengths or no example; UsageError for a class other than 0 and 1.
 */
export const matthewsCorrelation = (predicted: ArrayLike<number>, labels: ArrayLike<number>): number => {
  checkPairs('matthews', predicted, labels);
  checkBinary('matthews', 'predicted', predicted);
  checkBinary('matthews', 'labels', labels);
  // counts[2·label + predicted]
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < labels.length; i++) counts[2 * labels[i] + predicted[i]]++;
  const [trueNegative, falsePositive, falseNegative, truePositive] = counts;
  // Two roots, not one: the product of four counts passes 2^53 from about 10,000 examples on.
  const denominator =
    Math.sqrt((truePositive + falsePositive) * (truePositive + falseNegative)) *
    Math.sqrt((trueNegative + falsePositive) * (trueNegative + falseNegative));
  if (denominator === 0) return 0;
  const value = (truePositive * trueNegative - falsePositive * falseNegative) / denominator;
  // Rounding of the two roots may leave [−1, 1] by an ulp.
  return Math.min(1, Math.max(-1, value));
};

/**
 * The correlation of two sequences of any number of classes, at most 1; for two classes it is Matthews' (Gorodkin 2004,
 * "Comparing two K-category assignments by a K-category correlation coefficient", eq. 8 in counts).
 *
 * R_K = (s·c − Σ_k p_k t_k) / √((s² − Σ_k p_k²)(s² − Σ_k t_k²))
 *
 * with s examples, c of them right, p_k predicted as class k and t_k of class k. 0 where one side is of one class only, as
 * for {@link matthewsCorrelation}.
 *
 * @throws ShapeError for unequal lengths or no example at all.
 */
export const multiclassCorrelation = (predicted: ArrayLike<number>, labels: ArrayLike<number>): number => {
  checkPairs('matthews', predicted, labels);
  const counts = new Map<number, { said: number; is: number }>();
  const count = (one: number) => {
    const known = counts.get(one) ?? { said: 0, is: 0 };
    counts.set(one, known);
    return known;
  };
  const total = labels.length;
  let right = 0;
  for (let i = 0; i < total; i++) {
    count(predicted[i]).said += 1;
    count(labels[i]).is += 1;
    if (predicted[i] === labels[i]) right += 1;
  }
  let [products, saidSquares, isSquares] = [0, 0, 0];
  for (const { said, is } of counts.values()) {
    products += said * is;
    saidSquares += said * said;
    isSquares += is * is;
  }
  // Two roots, as above.
  const denominator = Math.sqrt(total * total - saidSquares) * Math.sqrt(total * total - isSquares);
  if (denominator === 0) return 0;
  return Math.min(1, Math.max(-1, (total * right - products) / denominator));
};

export const accuracyMetric: Metric = { name: 'accuracy', evaluate: accuracy };
export const matthewsMetric: Metric = { name: 'matthews', evaluate: matthewsCorrelation };
