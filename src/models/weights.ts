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
  const loading = startLoading(t, new Set(stored.keys()), config, name, head);
  loading.take(stored);
  return loading.finish();
}

/** A model that is loaded shard by shard. */
export interface Loading {
  /** Takes what is in a shard; nothing of it is held afterwards but the tied tensors until their copies come. */
  take(stored: ReadonlyMap<string, StoredTensor>): void;
  /** @throws DataError as {@link loadWeights}; what was made until then is freed */
  finish(): LoadedWeights;
}

/** As {@link loadWeights}. @param names of all tensors, in all shards: they say which parts the model has */
export function startLoading(
  t: Engine,
  names: ReadonlySet<string>,
  config: ModelConfig,
  name: string,
  head: HeadRequest | null = null,
): Loading {
  const faults: Faults = { missing: [], unexpected: [], misfit: [] };
  const keys = renamed(names, config, faults);
  const parts = partsIn(keys, config, head);
  const found = new Set(keys.values());
  const experts = [...found].some((key) => /\.moe\.experts\.(up|down)_proj(_bias)?$/.test(key));
  const layout = layoutOf(config, parts, head?.kind ?? null, experts ? 'packed' : 'per-expert');
  const places = new Map(layout.entries.flatMap((entry) => entry.names.map((key, i) => [key, { entry, i }] as const)));
  const ties = parts.mlm ? tiedNames(config.family).filter((pair) => pair.every((key) => found.has(key))) : [];
  const tied = new Map<string, StoredTensor>();
  /** Entries that have come in part: their numbers, and how many tensors are still to come. */
  const begun = new Map<string, { numbers: Numbers; missing: number }>();
  const made = new Map<string, Tensor>();

  const place = (key: string, tensor: StoredTensor) => {
    const { entry, i } = places.get(key)!;
    if (!fits(key, tensor, entry, t.dtype, faults)) return;
    const size = entry.stored.reduce((product, n) => product * n, 1);
    const part = begun.get(entry.path) ?? {
      numbers: numbersFor(t, size * entry.names.length),
      missing: entry.names.length,
    };
    const numbers = toNumbers(tensor) as Numbers;
    part.numbers.set(entry.transposed ? turned(numbers, entry.stored) : numbers, i * size);
    part.missing -= 1;
    begun.set(entry.path, part);
    if (part.missing > 0) return;
    begun.delete(entry.path);
    made.set(entry.path, t.tensor(part.numbers, entry.shape));
  };
  return {
    take(stored) {
      for (const [name, tensor] of stored) {
        const key = keys.get(name);
        if (key === undefined) continue;
        if (places.has(key)) place(key, tensor);
        if (ties.some((pair) => pair.includes(key))) tied.set(key, tensor);
      }
      for (const [copy, of] of ties) {
        const [again, first] = [tied.get(copy), tied.get(of)];
        if (!again || !first) continue;
        if (!sameNumbers(again, first)) faults.misfit.push(`${copy} differs from ${of}, which it is tied to`);
        tied.delete(copy);
        tied.delete(of);
      }
      // Of a shard that is left behind only the tensor that waits for its copy is kept.
      for (const [key, tensor] of tied) tied.set(key, { ...tensor, bytes: tensor.bytes.slice() });
    },
    finish() {
      faults.missing.push(...[...places.keys()].filter((key) => !found.has(key)));
      const copies = new Set(parts.mlm ? tiedNames(config.family).map(([copy]) => copy) : []);
      const rest = [...found].filter((key) => !places.has(key) && !copies.has(key));
      faults.unexpected.push(...rest.filter((key) => !layout.mayIgnore(key)));
      try {
        complain(faults, name, config);
      } catch (error) {
        t.free([...made.values()]);
        throw error;
      }
      const parameters = buildTree(config, parts, (path) => made.get(path)!);
      return { parameters, parts, unused: rest.filter((key) => layout.mayIgnore(key)) };
    },
  };
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

/** Stored names to today's, without the prefix. */
function renamed(stored: ReadonlySet<string>, { family }: ModelConfig, faults: Faults): Map<string, string> {
  const prefix = prefixOf(family);
  const prefixed = [...stored].some((key) => key.startsWith(prefix));
  const found = new Map<string, string>();
  const taken = new Set<string>();
  for (const key of stored) {
    const modern = modernName(key);
    const bare = prefixed && modern.startsWith(prefix) ? modern.slice(prefix.length) : modern;
    // In a model with the prefix a name of the encoder without it is a second encoder's.
    const stray = prefixed && !modern.startsWith(prefix) && /^(embeddings|encoder|pooler)\./.test(modern);
    if (stray || taken.has(bare)) {
      faults.unexpected.push(key);
      continue;
    }
    found.set(key, bare);
    taken.add(bare);
  }
  return found;
}

/** Which parts are there. A part that shows one of its names has to be whole. */
function partsIn(keys: Map<string, string>, { family }: ModelConfig, head: HeadRequest | null): Parts {
  const found = new Set(keys.values());
  const marks = markOf(family);
  const shows = (part: 'pooler' | 'mlm') => marks[part].some((key) => found.has(key));
  const pooledHead = head !== null && (head.kind === 'classify' || head.kind === 'regress' || head.kind === 'choose');
  const mlm = shows('mlm');
  // Some writers keep the bias of the decoder under one of its two names only.
  const [, [copy, bias]] = tiedNames(family);
  if (mlm && !found.has(bias)) for (const [stored, key] of keys) if (key === copy) keys.set(stored, bias);
  return { pooler: pooledHead || shows('pooler'), mlm, head: head && [head.input, head.output] };
}

const widening: Readonly<Record<string, readonly string[]>> = {
  float32: ['F32', 'F16', 'BF16'],
  float64: ['F64', 'F32', 'F16', 'BF16'],
};

/** Whether a tensor is as its entry wants it; noted where it is not. */
function fits(key: string, tensor: StoredTensor, entry: Entry, dtype: string, faults: Faults): boolean {
  const before = faults.misfit.length;
  if (!sameShape(tensor.shape, entry.stored))
    faults.misfit.push(`${key} ${formatShape(tensor.shape)} instead of ${formatShape(entry.stored)}`);
  else if (!widening[dtype].includes(tensor.dtype))
    faults.misfit.push(`${key} of ${tensor.dtype} for an engine of ${dtype}`);
  return faults.misfit.length === before;
}

function sameNumbers(a: StoredTensor, b: StoredTensor): boolean {
  if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
  return a.bytes.every((byte, i) => byte === b.bytes[i]);
}

type Numbers = Float32Array | Float64Array;

/** Room for numbers in the engine's dtype: never narrower than they were stored. */
const numbersFor = (t: Engine, count: number): Numbers =>
  t.dtype === 'float64' ? new Float64Array(count) : new Float32Array(count);

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
