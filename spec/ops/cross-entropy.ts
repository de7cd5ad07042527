/**
 * Cross entropy of class scores against the right class.
 */
import { at, fromFunction, type Int, precondition, type Real } from '../array.ts';
import { logSoftmax } from './softmax.ts';

/**
 * lossᵣ = −ln softmax(zᵣ)_{cᵣ}: logits z [row, class], labels c [row] -> [row].
 * Throws `SpecError` for a label that is no class.
 */
export function crossEntropy(logits: Real, labels: Int): Real {
  precondition(
    logits.shape.length === 2 && labels.shape.length === 1 && logits.shape[0] === labels.shape[0],
    `crossEntropy takes logits [row, class] and labels [row], not [${logits.shape}] and [${labels.shape}]`,
  );
  const [rows, classes] = logits.shape;
  const logProbabilities = logSoftmax(logits, 1);
  return fromFunction([rows], ([r]) => {
    const label = at(labels, [r]);
    precondition(label >= 0 && label < classes, `the label ${label} of row ${r} is none of ${classes} classes`);
    return -at(logProbabilities, [r, label]);
  });
}
