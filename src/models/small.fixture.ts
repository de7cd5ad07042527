import type { Engine } from '../engine.ts';
import type { Family, ModelConfig } from './config.ts';
import { readConfig } from './config.ts';
import type { ModelInput } from './encode.ts';

/** Small models of each family, for tests. */
export const smallConfig = (family: Family, changes: Partial<ModelConfig> = {}): ModelConfig => {
  const albert = family === 'albert' ? { embedding_size: 4, num_hidden_groups: 2 } : {};
  const document = {
    model_type: family,
    vocab_size: 11,
    hidden_size: 8,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 6,
    max_position_embeddings: 9,
    initializer_range: 0.5,
    ...albert,
  };
  return { ...readConfig(JSON.stringify(document)), ...changes };
};

export const families: readonly Family[] = ['bert', 'roberta', 'albert'];

/** Token ids by sentence; −1 is padding. */
export const inputOf = (t: Engine, config: ModelConfig, sentences: readonly (readonly number[])[]): ModelInput => {
  const shape = [sentences.length, sentences[0].length];
  const flat = sentences.flat();
  return {
    tokens: t.tensor(
      Int32Array.from(flat, (id) => (id < 0 ? config.pad : id)),
      shape,
    ),
    segments: null,
    mask: t.tensor(
      Uint8Array.from(flat, (id) => Number(id >= 0)),
      shape,
      'bool',
    ),
  };
};
