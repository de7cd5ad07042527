import * as v from 'valibot';
import type { Engine } from '../engine.ts';
import { DataError, UsageError } from '../errors.ts';
import { codeOf, isMissing } from '../io/failure.ts';
import { join, type ReadFile } from '../io/files.ts';
import { readWeights, writeWeights } from '../io/weights.ts';
import type { HeadKind } from '../tasks/types.ts';
import { type ModelConfig, readConfig, writeConfig } from './config.ts';
import { architectureOf } from './names.ts';
import type { ModelParameters } from './parameters.ts';
import {
  type HeadRequest,
  type LoadedWeights,
  loadWeights,
  partsOf,
  type StoreOptions,
  storeWeights,
} from './weights.ts';

/** Models from and to folders as Hugging Face's `transformers` lays them out: `config.json` and `model.safetensors`. */

/** A task's head, as `omoe_head` of config.json keeps it. */
export interface HeadSpec {
  readonly kind: HeadKind;
  /** Outputs of its linear map: classes, 2 of a span, else 1. */
  readonly outputs: number;
  /** Marked words whose states are joined to the pooled one. */
  readonly spans: number;
}

const headSchema = v.object({
  kind: v.picklist(['classify', 'regress', 'choose', 'tag', 'span']),
  outputs: v.pipe(v.number(), v.integer(), v.minValue(1)),
  spans: v.pipe(v.number(), v.integer(), v.minValue(0)),
});

/** The head that a folder was saved with by `saveModel`; null where it has none. @throws DataError */
export function savedHead({ other }: ModelConfig): HeadSpec | null {
  if (other.omoe_head === undefined) return null;
  const { success, output, issues } = v.safeParse(headSchema, other.omoe_head);
  if (success) return output;
  throw new DataError({
    operation: 'config.json',
    received: `omoe_head.${v.getDotPath(issues[0])} ${issues[0].received}`,
    expected: issues[0].expected ?? 'a head',
  });
}

const request = (head: HeadSpec | null, { width }: ModelConfig): HeadRequest | null =>
  head && { kind: head.kind, input: width * (1 + head.spans), output: head.outputs };

export interface LoadOptions {
  /** A head to be loaded with the model; it has to be there. Default: none, and a stored head is listed as unused. */
  readonly head?: HeadSpec | null;
}

export interface LoadedModel extends LoadedWeights {
  readonly config: ModelConfig;
}

/**
 * @param folder its path, to which `/config.json` and the like are added
 * @param read for the files: Node's or a browser's
 * @throws DataError for a file that is missing or malformed, for a model of another kind, and for tensors that are missing,
 *   not known or of another shape or type, all of them listed
 */
export async function loadModel(
  t: Engine,
  folder: string,
  read: ReadFile,
  options: LoadOptions = {},
): Promise<LoadedModel> {
  const config = readConfig(await readJson(folder, 'config.json', read), join(folder, 'config.json'));
  const { tensors } = await readWeights(folder, read);
  return { config, ...loadWeights(t, tensors, config, folder, request(options.head ?? null, config)) };
}

async function readJson(folder: string, name: string, read: ReadFile): Promise<string> {
  try {
    return new TextDecoder().decode(await read(join(folder, name)));
  } catch (error) {
    const received = isMissing(error) ? `a folder without ${name}` : codeOf(error);
    throw new DataError({ operation: `load ${folder}`, received, expected: 'the folder of a model' }, { cause: error });
  }
}

export interface SaveOptions extends Omit<StoreOptions, 'head'> {
  /** Needed where the parameters have a head. */
  readonly head?: HeadSpec | null;
  /** Bytes of tensors in a file before they are split. Default 2·10⁹. */
  readonly shardBytes?: number;
}

/**
 * The files of a model's folder by name: `config.json`, and `model.safetensors` or shards with their index. They are
 * returned, not written: write them whole one by one (`writeWhole` of `omoe/io`), config.json last.
 * @throws UsageError where parameters and options disagree about a head
 */
export async function saveModel(
  parameters: ModelParameters,
  config: ModelConfig,
  { head = null, shardBytes, ...options }: SaveOptions = {},
): Promise<ReadonlyMap<string, Uint8Array>> {
  if ((parameters.head !== undefined) !== (head !== null))
    throw new UsageError({
      operation: 'saveModel',
      received: head
        ? `the head ${head.kind} and parameters without one`
        : 'parameters with a head and no word of its kind',
      expected: 'both or neither',
    });
  const parts = partsOf(parameters);
  const tensors = await storeWeights(parameters, config, { ...options, head: head?.kind ?? null });
  const metadata = [['format', 'pt']] as const; // what `transformers` asks for
  const files = writeWeights(tensors, { metadata, shardBytes });
  const text = writeConfig(withoutHead(config), headFields(config, parameters, parts, head));
  return files.set('config.json', new TextEncoder().encode(text));
}

/** What an earlier task left in the config. */
const withoutHead = (config: ModelConfig): ModelConfig => {
  const { omoe_head: _, architectures: __, problem_type: ___, ...other } = config.other;
  return { ...config, other };
};

function headFields(
  config: ModelConfig,
  parameters: ModelParameters,
  parts: ReturnType<typeof partsOf>,
  head: HeadSpec | null,
): Record<string, unknown> {
  const architecture = architectureOf(config, parts, head?.kind ?? null, head?.spans);
  const dtype = parameters.embeddings.words.dtype;
  return {
    ...(architecture ? { architectures: [architecture] } : {}),
    dtype,
    torch_dtype: dtype,
    tie_word_embeddings: true,
    ...(head ? { omoe_head: head } : {}),
    ...(head?.kind === 'regress' ? { problem_type: 'regression' } : {}),
    ...(head && head.kind !== 'choose' ? labels(config, head.outputs) : {}),
  };
}

/** `transformers` takes the number of labels from their names: those of the config where they are as many, else made up. */
function labels({ other }: ModelConfig, count: number): Record<string, unknown> {
  const known = other.id2label;
  if (typeof known === 'object' && known !== null && Object.keys(known).length === count) return {};
  const names = Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  return {
    id2label: Object.fromEntries(names.map((name, i) => [String(i), name])),
    label2id: Object.fromEntries(names.map((name, i) => [name, i])),
  };
}
