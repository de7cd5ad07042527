import type { Engine } from '../engine.ts';
import { DataError } from '../errors.ts';
import { type StoredTensor, store, toNumbers } from '../io/safetensors/index.ts';
import { formatShape, sameShape } from '../shape.ts';
import type { HeadKind } from '../tasks/types.ts';
import type { Tensor } from '../tensor.ts';
import { byPath } from '../tree.ts';
import type { ModelConfig } from './config.ts';
import {
  type Entry,
  type ExpertLayout,
  type Layout,
  layoutOf,
  markOf,
  modernName,
  prefixOf,
  tiedNames,
} from './names.ts';
import { buildTree, type ModelParameters, type Parts } from './parameters.ts';

/** Parameters from and to the tensors of a checkpoint. */

export interface HeadRequest {
  readonly kind: HeadKind;
  readonly input: number;
  readonly output: number;
}

export interface LoadedWeights {
  readonly parameters: ModelParameters;
  readonly parts: Parts;
  /** Names that were there and not read, each known to be a buffer or the head of another task. */
  readonly unused: readonly string[];
}

/**
 * @param name of the checkpoint, for errors
 * @param head the task's head, if it has to be there too
 * @throws DataError with every tensor that is missing, not known, or of another shape or type
 */
export function loadWeights(
  t: Engine,
  stored: ReadonlyMap<string, StoredTensor>,
  config: ModelConfig,
  name: string,
  head: HeadRequest | null = null,
): LoadedWeights {
  const faults: Faults = { missing: [], unexpected: [], misfit: [] };
  const found = renamed(stored, config, faults);
  const parts = partsIn(found, config, head);
  const experts = [...found.keys()].some((key) => /\.moe\.experts\.(up|down)_proj(_bias)?$/.test(key));
  const layout = layoutOf(config, parts, head?.kind ?? null, experts ? 'packed' : 'per-expert');
  const entries = new Map(layout.entries.map((entry) => [entry.path, entry]));
  const read = new Set<string>();
  for (const entry of layout.entries)
    for (const key of entry.names) {
      read.add(key);
      checkTensor(key, found.get(key), entry, t.dtype, faults);
    }
  for (const [copy, of] of parts.mlm ? tiedNames(config.family) : []) {
    const [again, first] = [found.get(copy), found.get(of)];
    if (!again) continue;
    read.add(copy);
    if (first && !sameNumbers(again, first)) faults.misfit.push(`${copy} differs from ${of}, which it is tied to`);
  }
  const rest = [...found.keys()].filter((key) => !read.has(key));
  const unused = rest.filter((key) => layout.mayIgnore(key));
  faults.unexpected.push(...rest.filter((key) => !layout.mayIgnore(key)));
  complain(faults, name, config);
  const parameters = buildTree(config, parts, (path) => tensorOf(t, entries.get(path)!, found));
  return { parameters, parts, unused };
}

interface Faults {
  readonly missing: string[];
  readonly unexpected: string[];
  readonly misfit: string[];
}

function complain({ missing, unexpected, misfit }: Faults, name: string, config: ModelConfig): void {
  const lists = [
    ['missing', missing],
    ['unexpected', unexpected],
    ['unfit', misfit],
  ] as const;
  const told = lists.filter(([, list]) => list.length > 0);
  if (told.length === 0) return;
  throw new DataError({
    operation: `load ${name}`,
    received: told.map(([what, list]) => `${list.length} ${what}: ${list.join(', ')}`).join('; '),
    expected: `the tensors of its config.json: ${config.family} with ${config.layers} layers of width ${config.width}${config.moe ? `, ${config.moe.experts} experts in blocks ${config.moe.layers.join(', ')}` : ''}`,
  });
}

/** The tensors by today's names and without the prefix. */
function renamed(
  stored: ReadonlyMap<string, StoredTensor>,
  { family }: ModelConfig,
  faults: Faults,
): Map<string, StoredTensor> {
  const prefix = prefixOf(family);
  const prefixed = [...stored.keys()].some((key) => key.startsWith(prefix));
  const found = new Map<string, StoredTensor>();
  for (const [key, tensor] of stored) {
    const modern = modernName(key);
    const bare = prefixed && modern.startsWith(prefix) ? modern.slice(prefix.length) : modern;
    // In a model with the prefix a name of the encoder without it is a second encoder's.
    const stray = prefixed && !modern.startsWith(prefix) && /^(embeddings|encoder|pooler)\./.test(modern);
    if (stray || found.has(bare)) faults.unexpected.push(key);
    else found.set(bare, tensor);
  }
  return found;
}

/** Which parts are there. A part that shows one of its names has to be whole. */
function partsIn(found: Map<string, StoredTensor>, { family }: ModelConfig, head: HeadRequest | null): Parts {
  const marks = markOf(family);
  const shows = (part: 'pooler' | 'mlm') => marks[part].some((key) => found.has(key));
  const pooledHead = head !== null && (head.kind === 'classify' || head.kind === 'regress' || head.kind === 'choose');
  const mlm = shows('mlm');
  // Some writers keep the bias of the decoder under one of its two names only.
  const [, [copy, bias]] = tiedNames(family);
  const second = found.get(copy);
  if (mlm && second && !found.has(bias)) found.set(bias, second);
  return { pooler: pooledHead || shows('pooler'), mlm, head: head && [head.input, head.output] };
}

const widening: Readonly<Record<string, readonly string[]>> = {
  float32: ['F32', 'F16', 'BF16'],
  float64: ['F64', 'F32', 'F16', 'BF16'],
};

function checkTensor(key: string, tensor: StoredTensor | undefined, entry: Entry, dtype: string, faults: Faults): void {
  if (!tensor) faults.missing.push(key);
  else if (!sameShape(tensor.shape, entry.stored))
    faults.misfit.push(`${key} ${formatShape(tensor.shape)} instead of ${formatShape(entry.stored)}`);
  else if (!widening[dtype].includes(tensor.dtype))
    faults.misfit.push(`${key} of ${tensor.dtype} for an engine of ${dtype}`);
}

function sameNumbers(a: StoredTensor, b: StoredTensor): boolean {
  if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
  return a.bytes.every((byte, i) => byte === b.bytes[i]);
}

/** The stored tensors of an entry as one of ours, in the engine's dtype: never narrower than it was stored. */
function tensorOf(t: Engine, entry: Entry, found: ReadonlyMap<string, StoredTensor>): Tensor {
  const size = entry.stored.reduce((product, n) => product * n, 1);
  const count = size * entry.names.length;
  const all = t.dtype === 'float64' ? new Float64Array(count) : new Float32Array(count);
  entry.names.forEach((key, i) => {
    const numbers = toNumbers(found.get(key)!) as Float32Array | Float64Array;
    all.set(entry.transposed ? turned(numbers, entry.stored) : numbers, i * size);
  });
  return t.tensor(all, entry.shape);
}

/** The last two axes the other way round. [..., rows, columns] -> [..., columns, rows] */
function turned<A extends Float32Array | Float64Array>(numbers: A, shape: readonly number[]): A {
  const [rows, columns] = shape.slice(-2);
  const out = numbers.slice() as A;
  for (let start = 0; start < numbers.length; start += rows * columns)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) out[start + c * rows + r] = numbers[start + r * columns + c];
  return out;
}

export interface StoreOptions {
  /** The head's kind; needed where the parameters have one. */
  readonly head?: HeadKind | null;
  readonly experts?: ExpertLayout;
  /** Whether names of the encoder carry the family's prefix. Default: in a model with a head, as `transformers` does. */
  readonly prefix?: boolean;
}

export const partsOf = ({ pooler, mlm, head }: ModelParameters): Parts => ({
  pooler: pooler !== undefined,
  mlm: mlm !== undefined,
  head: head ? [head.weight.shape[0], head.weight.shape[1]] : null,
});

/** The tensors of a checkpoint, by name: F32 or F64, as the parameters are. */
export async function storeWeights(
  parameters: ModelParameters,
  config: ModelConfig,
  { head = null, experts = 'per-expert', prefix }: StoreOptions = {},
): Promise<Map<string, StoredTensor>> {
  const parts = partsOf(parameters);
  const layout: Layout = layoutOf(config, parts, head, experts);
  const before = (prefix ?? (parts.mlm || parts.head !== null)) ? prefixOf(config.family) : '';
  const tensors = byPath(parameters);
  const stored = new Map<string, StoredTensor>();
  for (const entry of layout.entries) {
    const numbers = (await tensors.get(entry.path).data()) as Float32Array | Float64Array;
    const size = numbers.length / entry.names.length;
    entry.names.forEach((key, i) => {
      const part = numbers.slice(i * size, (i + 1) * size);
      // Ours is [..., in, out]; the stored shape is the other way round.
      const ours = [...entry.stored.slice(0, -2), entry.stored.at(-1)!, entry.stored.at(-2)!];
      const values = entry.transposed ? turned(part, ours) : part;
      stored.set(layout.isPrefixed(key) ? before + key : key, store(values, entry.stored));
    });
  }
  return stored;
}
