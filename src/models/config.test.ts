import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.ts';
import { blockCount, blockOrder, freshConfig, longestInput, readConfig, writeConfig } from './config.ts';

const base = {
  model_type: 'bert',
  vocab_size: 30,
  hidden_size: 8,
  num_hidden_layers: 4,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 12,
};
const read = (changes: object) => readConfig(JSON.stringify({ ...base, ...changes }));

describe('readConfig', () => {
  it('fills in the defaults of the format, by family', () => {
    expect(read({})).toMatchObject({ pad: 0, activation: 'gelu', epsilon: 1e-12, types: 2, embedding: 8, moe: null });
    expect(read({ model_type: 'roberta' })).toMatchObject({ pad: 1, activation: 'gelu' });
    expect(read({ model_type: 'albert' })).toMatchObject({ pad: 0, activation: 'geluTanh', embedding: 128 });
  });
  it('takes both names of the tanh form for one function', () => {
    for (const hidden_act of ['gelu_new', 'gelu_pytorch_tanh']) {
      const config = read({ hidden_act });
      expect(config.activation).toBe('geluTanh');
      expect(JSON.parse(writeConfig(config)).hidden_act).toBe(hidden_act);
    }
    expect(JSON.parse(writeConfig({ ...read({ hidden_act: 'relu' }), activation: 'gelu' })).hidden_act).toBe('gelu');
  });
  it('takes the family from the class where model_type is missing, as in old files', () => {
    expect(read({ model_type: undefined, architectures: ['RobertaForMaskedLM'] }).family).toBe('roberta');
    expect(() => read({ model_type: undefined })).toThrow(/model_type missing/);
    expect(() => read({ model_type: 'gpt2', architectures: ['BertModel'] })).toThrow(/model_type "gpt2"/);
  });
  it.each([
    [{ vocab_size: undefined }, /vocab_size undefined/],
    [{ hidden_size: 8.5 }, /hidden_size 8.5/],
    [{ hidden_size: '8' }, /hidden_size "8"/],
    [{ num_attention_heads: 3 }, /hidden_size 8 with num_attention_heads 3/],
    [{ hidden_act: 'quick_gelu' }, /hidden_act "quick_gelu"/],
    [{ hidden_act: 'toString' }, /hidden_act "toString"/],
    [{ layer_norm_eps: 0 }, /layer_norm_eps 0/],
    [{ position_embedding_type: 'relative_key' }, /position_embedding_type "relative_key"/],
    [{ is_decoder: true }, /is_decoder true/],
    [{ add_cross_attention: true }, /add_cross_attention true/],
    [{ tie_word_embeddings: false }, /tie_word_embeddings false/],
    [{ pruned_heads: { 0: [1] } }, /pruned_heads/],
    [{ quantization_config: { bits: 4 } }, /quantization_config/],
    [{ embedding_size: 4 }, /embedding_size 4/],
    [{ num_hidden_groups: 2 }, /num_hidden_groups 2/],
    [{ model_type: 'albert', num_hidden_groups: 5 }, /num_hidden_groups 5/],
    [{ pad_token_id: 30 }, /pad_token_id 30/],
    [{ model_type: 'roberta', max_position_embeddings: 2 }, /max_position_embeddings 2/],
    [{ num_local_experts: 4 }, /all three/],
    [{ num_local_experts: 4, num_experts_per_tok: 5, moe_layers: [0] }, /num_experts_per_tok 5/],
    [{ num_local_experts: 4, num_experts_per_tok: 2, moe_layers: [4] }, /moe_layers \[4\]/],
    [{ num_local_experts: 4, num_experts_per_tok: 2, moe_layers: [1, 1] }, /moe_layers \[1, 1\]/],
  ])('refuses %o', (changes, message) => {
    expect(() => read(changes)).toThrow(DataError);
    expect(() => read(changes)).toThrow(message);
  });
  it('refuses what is no object', () => {
    for (const text of ['', '[]', 'null', '{', '3'])
      expect(() => readConfig(text, 'x/config.json')).toThrow(/^x\/config/);
  });
  it('gives back what it does not need, and is the inverse of writeConfig', () => {
    const experts = { num_local_experts: 4, num_experts_per_tok: 1, moe_layers: [1, 3], router_aux_loss_coef: 0.01 };
    const config = read({ ...experts, id2label: { 0: 'no', 1: 'yes' }, hidden_dropout_prob: 0.1 });
    expect(config.moe).toEqual({ layers: [1, 3], experts: 4, k: 1, renormalize: false, balanceLoss: 0.01 });
    expect(config.other).toEqual({ id2label: { 0: 'no', 1: 'yes' }, hidden_dropout_prob: 0.1 });
    const { other, ...rest } = readConfig(writeConfig(config));
    expect(rest).toEqual({ ...config, other: undefined });
    expect(other).toMatchObject(config.other);
  });
  it('never fails but with DataError, whatever a field holds', () => {
    const field = fc.constantFrom(...Object.keys(base), 'moe_layers', 'num_local_experts', 'hidden_act', '__proto__');
    fc.assert(
      fc.property(field, fc.jsonValue(), (name, value) => {
        try {
          readConfig(`{${JSON.stringify(base).slice(1, -1)},${JSON.stringify(name)}:${JSON.stringify(value)}}`);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
    );
  });
});

describe('blockOrder', () => {
  it('is one block a layer, but for ALBERT, whose groups take equal parts', () => {
    expect(blockOrder(read({}))).toEqual([0, 1, 2, 3]);
    const albert = (layers: number, groups: number, inner: number) =>
      read({ model_type: 'albert', num_hidden_layers: layers, num_hidden_groups: groups, inner_group_num: inner });
    expect(blockOrder(albert(4, 1, 1))).toEqual([0, 0, 0, 0]);
    expect(blockOrder(albert(4, 2, 1))).toEqual([0, 0, 1, 1]);
    expect(blockOrder(albert(3, 2, 2))).toEqual([0, 1, 0, 1, 2, 3]);
    expect(blockCount(albert(3, 2, 2))).toBe(4);
  });
});

describe('longestInput', () => {
  it('leaves out the positions up to RoBERTa’s padding', () => {
    expect(longestInput(read({}))).toBe(12);
    expect(longestInput(read({ model_type: 'roberta' }))).toBe(10);
  });
});

describe('freshConfig', () => {
  it('is what the same config.json says', () => {
    const sizes = { vocabulary: 30, positions: 12, width: 8, hidden: 16, heads: 2, layers: 4 };
    for (const family of ['bert', 'roberta', 'albert'] as const)
      expect(freshConfig(family, sizes)).toEqual(read({ model_type: family }));
    expect(() => freshConfig('bert', { ...sizes, heads: 3 })).toThrow(UsageError);
    expect(() => freshConfig('bert', { ...sizes, layers: 0 })).toThrow(/layers 0/);
  });
});
