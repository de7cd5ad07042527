import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../../src/engine.ts';
import { readSafetensors, toNumbers } from '../../src/io/safetensors/index.ts';
import { blockOrder, type ModelConfig } from '../../src/models/config.ts';
import { encode, pool, runBlock } from '../../src/models/encode.ts';
import { type HeadSpec, type LoadedModel, loadModel } from '../../src/models/folder.ts';
import { applyHead } from '../../src/models/heads.ts';
import { mlmLogits } from '../../src/models/mlm.ts';
import type { ModelParameters } from '../../src/models/parameters.ts';
import type { Tensor } from '../../src/tensor.ts';

/** The stored checkpoints, and what transformers computed of them (make_checkpoints.py). */

export const folderOf = (name: string): string => fileURLToPath(new URL(`checkpoints/${name}`, import.meta.url));
export const readFromDisk = async (path: string): Promise<Uint8Array> => new Uint8Array(await readFile(path));

/** The heads that some of them have. */
export const headsOf: Readonly<Record<string, HeadSpec>> = {
  'roberta-classify': { kind: 'classify', outputs: 3, spans: 0 },
  'bert-tag': { kind: 'tag', outputs: 4, spans: 0 },
  'bert-span': { kind: 'span', outputs: 2, spans: 0 },
  'albert-choose': { kind: 'choose', outputs: 1, spans: 0 },
};

export const names: readonly string[] = [
  'bert',
  'bert-bare-sharded',
  'bert-old',
  'roberta',
  'albert',
  'albert-groups',
  ...Object.keys(headsOf),
];

export const load = (t: Engine, name: string): Promise<LoadedModel> =>
  loadModel(t, folderOf(name), readFromDisk, { head: headsOf[name] ?? null });

/** A batch and what came of it, by the script's own names: `states.0`, `pooled`, `mlm`, `logits`. */
export interface Case {
  readonly name: string;
  readonly shape: readonly [batch: number, length: number];
  readonly tokens: Int32Array;
  readonly segments: Int32Array;
  readonly mask: Int32Array;
  readonly expected: ReadonlyMap<string, Float64Array>;
}

export async function casesOf(name: string): Promise<Case[]> {
  const { tensors } = readSafetensors(await readFromDisk(`${folderOf(name)}/expected.safetensors`));
  return ['padded', 'longest'].map((batch) => {
    const of = (key: string) => toNumbers(tensors.get(`${batch}.${key}`)!) as Int32Array;
    const shape = tensors.get(`${batch}.tokens`)!.shape as readonly [number, number];
    const outputs = [...tensors.keys()].filter((key) => /\.(states\.\d+|pooled|mlm|logits)$/.test(key));
    const expected = outputs
      .filter((key) => key.startsWith(`${batch}.`))
      .map((key) => [key.slice(batch.length + 1), toNumbers(tensors.get(key)!) as Float64Array] as const);
    const [tokens, segments, mask] = ['tokens', 'segments', 'mask'].map(of);
    return { name: batch, shape, tokens, segments, mask, expected: new Map(expected) };
  });
}

/** Ours of a case, by the same names. */
export function outputsOf(
  t: Engine,
  { parameters, config }: LoadedModel,
  head: HeadSpec | undefined,
  batch: Case,
): ReadonlyMap<string, Tensor> {
  const encoded = encode(parameters, inputOf(t, batch), config);
  const outputs = new Map(encoded.states.map((state, i) => [`states.${i}`, state]));
  for (const [key, output] of afterBlocks(parameters, config, head, encoded.hidden)) outputs.set(key, output);
  return outputs;
}

/** The same, but each step is given what transformers had before it, so that no error is carried on. */
export function stepsOf(
  t: Engine,
  { parameters, config }: LoadedModel,
  head: HeadSpec | undefined,
  batch: Case,
): ReadonlyMap<string, Tensor> {
  const input = inputOf(t, batch);
  const theirs = (step: number) =>
    t.tensor([...batch.expected.get(`states.${step}`)!], [...batch.shape, config.width], t.dtype);
  const steps = blockOrder(config).length;
  const outputs = new Map([['states.0', encode(parameters, input, config).states[0]]]);
  for (let step = 0; step < steps; step++)
    outputs.set(`states.${step + 1}`, runBlock(parameters, theirs(step), input.mask, config, step).output);
  for (const [key, output] of afterBlocks(parameters, config, head, theirs(steps))) outputs.set(key, output);
  return outputs;
}

const inputOf = (t: Engine, { shape, tokens, segments, mask }: Case) => ({
  tokens: t.tensor(tokens, shape),
  segments: t.tensor(segments, shape),
  mask: t.tensor(Uint8Array.from(mask), shape, 'bool'),
});

function afterBlocks(
  parameters: ModelParameters,
  config: ModelConfig,
  head: HeadSpec | undefined,
  hidden: Tensor,
): Map<string, Tensor> {
  const outputs = new Map<string, Tensor>();
  const [batch, length, width] = hidden.shape;
  const pooled = parameters.pooler ? pool(hidden, parameters.pooler) : null;
  if (pooled) outputs.set('pooled', pooled);
  if (parameters.mlm) outputs.set('mlm', mlmLogits(parameters, hidden.reshape([batch * length, width]), config));
  // The script takes the sentences of a batch as the choices of one question.
  const rows = head?.kind === 'choose' ? batch : 1;
  if (head) outputs.set('logits', applyHead(parameters.head!, head, { hidden, pooled }, { rows }));
  return outputs;
}
