/**
 * Task metrics.
 */
import { precondition } from '../../array.ts';

function checkPairs(predicted: readonly number[], actual: readonly number[]): void {
  precondition(predicted.length === actual.length, `${predicted.length} predictions for ${actual.length} labels`);
}

/** The share of examples predicted right. NaN without examples. */
export function accuracy(predicted: readonly number[], actual: readonly number[]): number {
  checkPairs(predicted, actual);
  return predicted.filter((label, example) => label === actual[example]).length / actual.length;
}

/**
 * Matthews correlation of two classes (1 positive, 0 negative), CoLA's metric:
 *
 *   (TP·TN − FP·FN) / √((TP + FP)(TP + FN)(TN + FP)(TN + FN)),  in [−1, 1]
 *
 * 0 where the denominator is 0: always saying the same is no correlation.
 */
export function matthews(predicted: readonly number[], actual: readonly number[]): number {
  checkPairs(predicted, actual);
  precondition(
    [...predicted, ...actual].every((label) => label === 0 || label === 1),
    'the Matthews correlation is of the labels 0 and 1',
  );
  const count = (p: number, a: number) => actual.filter((label, i) => label === a && predicted[i] === p).length;
  const [tp, tn, fp, fn] = [count(1, 1), count(0, 0), count(1, 0), count(0, 1)];
  const denominator = Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
  return denominator === 0 ? 0 : (tp * tn - fp * fn) / denominator;
}
