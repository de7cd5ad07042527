import { UsageError } from '../errors.ts';
import type { Key } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import type { ModelConfig } from './config.ts';
import { type EncodeOptions, encode, type ModelInput, type ModelLayer } from './encode.ts';
import type { HeadSpec } from './folder.ts';
import { applyHead } from './heads.ts';
import type { ModelParameters } from './parameters.ts';

/** A batch on the device, as far as a model with a head reads it. */
export interface TaskInput extends ModelInput {
  readonly spans: Tensor | null;
  /** Rows of one example. */
  readonly rows: number;
}

/** An encoder with the head of a task, as a trainer takes it: what it says of a batch, and what its experts did. */
export const taskModel = (
  config: ModelConfig,
  head: HeadSpec,
  { dropout = 0, capacityFactor = null }: Pick<EncodeOptions, 'capacityFactor'> & { readonly dropout?: number } = {},
) => ({
  forward(
    parameters: ModelParameters,
    batch: TaskInput,
    /** Of the training step; null in evaluation, where nothing is dropped. */
    key: Key | null,
  ): { readonly logits: Tensor; readonly layers: readonly ModelLayer[] } {
    if (!parameters.head)
      throw new UsageError({
        operation: `head ${head.kind}`,
        received: 'parameters without `head`',
        expected: 'an encoder with a head',
        advice: 'Add one: { ...parameters, head: initHead(t, key, spec, config.width) }.',
      });
    const dropped = key !== null && dropout > 0 ? { rate: dropout, key } : null;
    const encoded = encode(parameters, batch, config, { capacityFactor, dropout: dropped });
    return { logits: applyHead(parameters.head, head, encoded, batch), layers: encoded.layers };
  },
});
