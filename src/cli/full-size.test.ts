import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DeviceError } from '../errors.ts';
import { store, writeSafetensors } from '../io/safetensors/index.ts';
import { freshConfig } from '../models/config.ts';
import { countModel } from '../models/count.ts';
import { headSpec } from '../models/heads.ts';
import { key, normal } from '../random.ts';
import { embedded } from '../tasks/embedded.ts';
import { rehearseTask } from '../train/rehearsal.ts';
import { omoe, scratch } from './command.fixture.ts';
import { vocabulary, writeSentiment } from './fine-tuning.fixture.ts';
import { requireRoom } from './measured-step.ts';

/** The recipe of docs/full-size.md on a folder that is bert-base's in everything but its sizes. */

const [width, hidden, layers, positions] = [8, 12, 3, 24];

/** The names and shapes that bert-base-uncased is stored by: prefix, old names of norms, pooler, both pretraining heads. */
function storedTensors(): Map<string, readonly number[]> {
  const tensors = new Map<string, readonly number[]>();
  const linear = (name: string, input: number, output: number) =>
    tensors.set(`${name}.weight`, [output, input]).set(`${name}.bias`, [output]);
  const norm = (name: string) => tensors.set(`${name}.gamma`, [width]).set(`${name}.beta`, [width]);
  tensors
    .set('bert.embeddings.word_embeddings.weight', [vocabulary.length, width])
    .set('bert.embeddings.position_embeddings.weight', [positions, width])
    .set('bert.embeddings.token_type_embeddings.weight', [2, width]);
  norm('bert.embeddings.LayerNorm');
  for (let layer = 0; layer < layers; layer++) {
    const at = `bert.encoder.layer.${layer}`;
    for (const name of ['query', 'key', 'value']) linear(`${at}.attention.self.${name}`, width, width);
    linear(`${at}.attention.output.dense`, width, width);
    norm(`${at}.attention.output.LayerNorm`);
    linear(`${at}.intermediate.dense`, width, hidden);
    linear(`${at}.output.dense`, hidden, width);
    norm(`${at}.output.LayerNorm`);
  }
  linear('bert.pooler.dense', width, width);
  linear('cls.predictions.transform.dense', width, width);
  norm('cls.predictions.transform.LayerNorm');
  tensors.set('cls.predictions.bias', [vocabulary.length]);
  linear('cls.seq_relationship', width, 2);
  return tensors;
}

function writeFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const tensors = [...storedTensors()].map(([name, shape], i) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const drawn = normal(key(i), size, Number(name.endsWith('gamma')), 0.1);
    return [name, store(Float32Array.from(drawn), shape)] as const;
  });
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(tensors));
  writeFileSync(join(folder, 'vocab.txt'), `${vocabulary.join('\n')}\n`);
  // The fields of bert-base-uncased's own file, which has no type of tokenizer and no type of position.
  const config = {
    ...{ architectures: ['BertForMaskedLM'], attention_probs_dropout_prob: 0.1, gradient_checkpointing: false },
    ...{ hidden_act: 'gelu', hidden_dropout_prob: 0.1, hidden_size: width, initializer_range: 0.02 },
    ...{ intermediate_size: hidden, layer_norm_eps: 1e-12, max_position_embeddings: positions, model_type: 'bert' },
    ...{ num_attention_heads: 2, num_hidden_layers: layers, pad_token_id: 0, position_embedding_type: 'absolute' },
    ...{ transformers_version: '4.6.0.dev0', type_vocab_size: 2, use_cache: true, vocab_size: vocabulary.length },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

const recipe = ['--methods', 'adamw,omoe:accumulateSteps=1,orthogonalSteps=1', '--seeds', '2', '--threads', '1'];

function prepared() {
  const folder = scratch();
  const model = writeFolder(join(folder, 'bert-base'));
  const data = join(folder, 'SST-2');
  writeSentiment(data);
  const on = ['--model', model, '--task', 'sst2', '--data', data, '--length', '16', '--batch', '4', '--steps', '2'];
  const sparse = ['--experts', '3', '--moe-layers', '1,2'];
  return { folder, model, on: [...on, ...sparse, '--backend', 'wasm'] };
}

describe('a folder laid out as bert-base', () => {
  it('says parameters, memory, steps and the time of a measured step, from config.json and vocab.txt alone', async () => {
    const { model, on } = prepared();
    rmSync(join(model, 'model.safetensors'));
    const command = ['compare', ...on, ...recipe, '--dry-run'];
    const { code, stdout, stderr } = await omoe(command);
    expect(stderr).not.toMatch(/^omoe: /m);
    expect(code).toBe(0);
    const sizes = { vocabulary: vocabulary.length, positions, width, hidden, heads: 2, layers };
    const experts = { layers: [1, 2], experts: 3, k: 2, renormalize: true, balanceLoss: 0 };
    const config = { ...freshConfig('bert', sizes), moe: experts };
    const { dense, moe, active } = countModel(config, headSpec('classify', { classes: 2 }));
    expect(stdout).toMatch(new RegExp(`^parameters +${dense} dense, ${moe} MoE, ${active} active for a token$`, 'm'));
    expect(stdout).toMatch(/^steps +0 dense, then 2 a method; batch 4$/m);
    expect(stdout).toMatch(/^memory +[\d.]+ MiB: weights [\d.]+ MiB, .*; projectors [\d.]+ MiB outside of it$/m);
    expect(stdout).toMatch(/^time +about \d+ s, .* a step of \d+ tokens$/m);
    expect(stdout).toMatch(/estimated from a measured step of 4 examples, \d+ tokens: a dense block, a block of exp/);
    expect(stdout).not.toContain('does not fit');

    const document = JSON.parse((await omoe([...command, '--json'])).stdout);
    expect(document.schema).toBe('omoe.plan/1');
    expect(document.parameters).toEqual({ dense, moe, active });
    expect(document.memory.weights).toBe(4 * moe);
    expect(document.tooMuch).toBeNull();
    const { measured, seconds } = document;
    // Two seeds and two methods of two steps, and what is evaluated behind them.
    expect(seconds).toBeGreaterThan(8 * measured.step);
  });

  it('is fine-tuned with its own pooler, and its pretraining heads are left behind', async () => {
    const { folder, on } = prepared();
    const out = join(folder, 'run');
    const { code, stderr } = await omoe(['train', ...on, '--threads', '1', '--out', out]);
    expect(stderr).not.toMatch(/^omoe: /m);
    expect(code).toBe(0);
    const { steps } = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'));
    expect(steps).toBe(2);
    const { num_local_experts, moe_layers } = JSON.parse(readFileSync(join(out, 'model', 'config.json'), 'utf8'));
    expect([num_local_experts, moe_layers]).toEqual([3, [1, 2]]);
  });

  it('says of train and of pretrain what a step costs', async () => {
    const { folder, on } = prepared();
    const tuned = await omoe(['train', ...on, '--threads', '1', '--dry-run']);
    expect(tuned.stdout).toMatch(/^steps +2; batch 4, seed 0$/m);
    expect(tuned.stdout).toMatch(/estimated from a measured step of 4 examples/);
    const text = join(folder, 'text.txt');
    writeFileSync(text, Array.from({ length: 40 }, (_, i) => `the river ${i} runs to the sea\n`).join('\n'));
    const small = ['--width', '8', '--ffn', '12', '--heads', '2', '--layers', '2', '--length', '8', '--batch', '2'];
    const fresh = await omoe([
      ...['pretrain', '--text', text, '--vocab-size', '60', '--backend', 'wasm', '--steps', '5', '--threads', '1'],
      ...[...small, '--held-out', '4', '--dry-run'],
    ]);
    expect(fresh.stderr).not.toMatch(/^omoe: /m);
    expect(fresh.stdout).toMatch(/^memory +[\d.]+ MiB: weights/m);
    expect(fresh.stdout).toMatch(/estimated from a measured step of 2 examples, 16 tokens: a dense block, embeddings/);
  });

  it('is refused before it is trained where it cannot fit', async () => {
    const sizes = { vocabulary: 30522, positions: 512, width: 768, hidden: 3072, heads: 12, layers: 12 };
    const moe = { layers: [...Array(12).keys()], experts: 8, k: 2, renormalize: true, balanceLoss: 0 };
    const rehearsal = rehearseTask({
      ...{ config: { ...freshConfig('bert', sizes), moe }, head: headSpec('classify', { classes: 2 }), batch: 1 },
      ...{ task: embedded({ seed: 0, train: 8, dev: 8 }), weights: { balanceLoss: 0, zLoss: 0 }, methods: [] },
    });
    const machine = 64 * 2 ** 30;
    const room = (backend: string, processes = 1) => requireRoom('compare', rehearsal, { backend, processes, machine });
    const refused = await room('wasm:relaxed:2').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(DeviceError);
    expect(String(refused)).toMatch(/a step holds 15\.\d+ GiB, and the memory of a WebAssembly/);
    await room('cpu');
    await expect(room('cpu', 5)).rejects.toThrow(/5 processes hold 7\d\.\d+ GiB, and this machine has 64\.00 GiB/);
  });

  // 123.7 million parameters hold 3.69 GiB: below 4 GiB, and above what is left of these by gaps.
  it('is refused where only gaps between tensors would stand in its way', async () => {
    const sizes = { vocabulary: 30522, positions: 512, width: 768, hidden: 3072, heads: 12, layers: 12 };
    const room = (experts: number) => {
      const moe = { layers: [11], experts, k: 2, renormalize: true, balanceLoss: 0 };
      const rehearsal = rehearseTask({
        ...{ config: { ...freshConfig('bert', sizes), moe }, head: headSpec('classify', { classes: 2 }), batch: 1 },
        ...{ task: embedded({ seed: 0, train: 8, dev: 8 }), weights: { balanceLoss: 0, zLoss: 0 }, methods: [] },
      });
      return requireRoom('compare', rehearsal, { backend: 'wasm', processes: 1, machine: 64 * 2 ** 30 });
    };
    await room(3);
    await expect(room(4)).rejects.toThrow(/a step holds 3\.69 GiB, .* ends at 4\.00 GiB, has room for 3\.68 GiB/);
  });
});
