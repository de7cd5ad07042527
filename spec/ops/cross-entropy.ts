/**
 * Cross entropy of class scores against the right class.
 */
import { at, fromFunction, type Int, precondition, type Real } from '../array.ts';
import { logSoftmax, softmax } from './softmax.ts';

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

/**
 * What flows back to the logits from the gradient g of the losses:  ∂z_{rj} = g_r (softmax(z_r)_j − [j = c_r]).
 * z [row, class], c [row], g [row] -> [row, class]. A label that is no class is none of them here.
 */
export function crossEntropyGradient(logits: Real, labels: Int, g: Real): Real {
  const [rows] = logits.shape;
  precondition(
    logits.shape.length === 2 && [labels, g].every(({ shape }) => shape.length === 1 && shape[0] === rows),
    `crossEntropyGradient takes logits [row, class], labels and g [row], not [${logits.shape}], [${labels.shape}], [${g.shape}]`,
  );
  const probabilities = softmax(logits, 1);
  return fromFunction(logits.shape, ([r, j]) => {
    const target = at(labels, [r]) === j ? 1 : 0;
    return at(g, [r]) * (at(probabilities, [r, j]) - target);
  });
}
