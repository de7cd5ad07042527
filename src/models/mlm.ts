import { UsageError } from '../errors.ts';
import { linear } from '../nn/linear.ts';
import type { Tensor } from '../tensor.ts';
import type { ModelConfig } from './config.ts';
import type { ModelParameters } from './parameters.ts';

/** Masked-language modelling (Devlin et al. 2019): which word stood where one was hidden. */

/**
 * Logits over the vocabulary: h' = norm(act(W h + b)), then h' · (word embeddings)ᵀ + bias. RoBERTa's `act` is the exact
 * GELU whatever the blocks use.
 * @param states [token, width]
 * @returns [token, vocabulary]
 * @throws UsageError for parameters without the head
 */
export function mlmLogits(parameters: ModelParameters, states: Tensor, config: ModelConfig): Tensor {
  const { mlm, embeddings } = parameters;
  if (!mlm)
    throw new UsageError({
      operation: 'mlmLogits',
      received: 'parameters without `mlm`',
      expected: 'a model with the head of masked-language modelling',
      advice: 'initModel(t, key, config, { mlm: true }) makes one.',
    });
  const activation = config.family === 'roberta' ? 'gelu' : config.activation;
  const transformed = linear(states, mlm.dense, activation).layerNorm(mlm.norm.weight, mlm.norm.bias, config.epsilon);
  // [token, embedding] · [embedding, vocabulary] -> [token, vocabulary]
  return linear(transformed, { weight: embeddings.words.transpose(), bias: mlm.bias });
}

export interface MaskedPlaces {
  /** int32 [place]: row · length + position of each hidden token, in a batch flattened to [row · length]. */
  readonly places: Tensor;
  /** int32 [place]: the ids that stood there; −1 leaves a place out, so that batches may be filled up to one size. */
  readonly labels: Tensor;
}

/**
 * Mean cross entropy over the places that count; 0, with gradients 0, where none does.
 * @param hidden [batch, position, width]
 */
export function mlmLoss(
  parameters: ModelParameters,
  hidden: Tensor,
  { places, labels }: MaskedPlaces,
  config: ModelConfig,
): Tensor {
  const [batch, length, width] = hidden.shape;
  const states = hidden.reshape([batch * length, width]).gather(places); // [place, width]
  return meanCrossEntropy(mlmLogits(parameters, states, config), labels);
}

/** The mean over rows whose label is not negative; 0 where there is none. [row, class], int32 [row] -> [] */
export function meanCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const scored = labels.greaterEqual(0);
  const losses = logits.crossEntropy(labels.maximum(0));
  return scored.where(losses, 0).sum().divide(scored.astype(losses.dtype).sum().maximum(1));
}
