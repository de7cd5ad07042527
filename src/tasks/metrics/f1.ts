import { ShapeError } from '../../errors.ts';

/** Predictions and labels must be equally many, at least one: a metric of nothing has no value. */
export const checkPairs = (operation: string, predicted: ArrayLike<number>, labels: ArrayLike<number>): void => {
  if (predicted.length !== labels.length || labels.length === 0)
    throw new ShapeError({
      operation,
      received: `${predicted.length} predictions and ${labels.length} labels`,
      expected: 'equally many, at least one',
    });
};

/**
 * F1 of one class, in [0, 1] (van Rijsbergen 1979): the harmonic mean of precision and recall.
 *
 * F1 = 2·TP / (2·TP + FP + FN); 0 where the class was neither predicted nor there.
 *
 * @param positive the class that counts; default 1, as MRPC, QQP and MultiRC have it.
 * @throws ShapeError for unequal lengths or no example at all.
 */
export const f1 = (predicted: ArrayLike<number>, labels: ArrayLike<number>, positive = 1): number => {
  checkPairs('f1', predicted, labels);
  let hits = 0;
  let misses = 0;
  for (let i = 0; i < labels.length; i++) {
    const [said, is] = [predicted[i] === positive, labels[i] === positive];
    if (said && is) hits++;
    else if (said !== is) misses++;
  }
  return hits === 0 ? 0 : (2 * hits) / (2 * hits + misses);
};

/**
 * The mean of the classes' F1, every class with the same weight (CommitmentBank in SuperGLUE).
 *
 * The classes are those that are predicted or there: a class that only one side holds has F1 0, one that neither holds
 * is left out. scikit-learn's `f1_score(average='macro')` counts in the same way.
 *
 * @throws ShapeError for unequal lengths or no example at all.
 */
export const macroF1 = (predicted: ArrayLike<number>, labels: ArrayLike<number>): number => {
  checkPairs('macro f1', predicted, labels);
  const classes = new Set([...Array.from(predicted), ...Array.from(labels)]);
  // In the order of the classes, so that the rounding of the sum does not depend on the order of the rows.
  const values = [...classes].sort((a, b) => a - b).map((one) => f1(predicted, labels, one));
  return values.reduce((sum, value) => sum + value, 0) / values.length;
};
