import * as v from 'valibot';
import type { Engine } from '../engine.ts';
import { DataError, UsageError } from '../errors.ts';
import { codeOf, isMissing } from '../io/failure.ts';
import { join, type ReadFile } from '../io/files.ts';
import type { SafetensorsFile } from '../io/safetensors/types.ts';
import { openWeights, writeWeights } from '../io/weights.ts';
import type { HeadKind } from '../tasks/types.ts';
import { type ModelConfig, readConfig, writeConfig } from './config.ts';
import { architectureOf } from './names.ts';
import type { ModelParameters } from './parameters.ts';
import {
  type HeadRequest,
  type LoadedWeights,
  partsOf,
  type StoreOptions,
  startLoading,
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

/** Classes of `transformers` with a head, and what the head is for. */
const headClasses: readonly (readonly [ending: string, kind: HeadKind])[] = [
  ['ForSequenceClassification', 'classify'],
  ['ForTokenClassification', 'tag'],
  ['ForQuestionAnswering', 'span'],
  ['ForMultipleChoice', 'choose'],
];

/**
 * The head that a folder has: the one that `saveModel` wrote down, else that of the class of `transformers` which its config
 * names. null where there is none, or one of several labels at once, which is not done here.
 * @throws DataError
 */
export function savedHead(config: ModelConfig): HeadSpec | null {
  const { omoe_head: ours, architectures, problem_type: problem } = config.other;
  if (ours === undefined) {
    const [name] = Array.isArray(architectures) ? architectures : [];
    const found = headClasses.find(([ending]) => typeof name === 'string' && name.endsWith(ending));
    if (!found || problem === 'multi_label_classification') return null;
    const kind = found[1];
    const labels = savedClasses(config)?.length ?? 2; // the number that the format leaves out
    if (kind === 'classify' && (problem === 'regression' || labels === 1))
      return { kind: 'regress', outputs: 1, spans: 0 };
    return { kind, outputs: kind === 'choose' ? 1 : kind === 'span' ? 2 : labels, spans: 0 };
  }
  const { success, output, issues } = v.safeParse(headSchema, ours);
  if (success) return output;
  throw new DataError({
    operation: 'config.json',
    received: `omoe_head.${v.getDotPath(issues[0])} ${issues[0].received}`,
    expected: issues[0].expected ?? 'a head',
  });
}

/** The names of a head's classes, in the order of its outputs; null where the config has none. @throws DataError */
export function savedClasses({ other: { id2label } }: ModelConfig): readonly string[] | null {
  if (id2label === undefined || id2label === null) return null;
  const { success, output } = v.safeParse(v.record(v.string(), v.string()), id2label);
  const count = success ? Object.keys(output).length : 0;
  const names = success ? Array.from({ length: count }, (_, i) => ownName(output, String(i))) : [];
  if (success && names.every((name) => name !== undefined)) return names;
  throw new DataError({
    operation: 'config.json',
    received: `id2label ${JSON.stringify(id2label).slice(0, 80)}`,
    expected: 'a name for each class, counted from 0',
  });
}

const ownName = (names: Readonly<Record<string, string>>, id: string): string | undefined =>
  Object.hasOwn(names, id) ? names[id] : undefined;

/** Whether these are the names that classes have as long as nobody named them: LABEL_0, LABEL_1, … */
export const areMadeUp = (classes: readonly string[]): boolean => classes.every((name, i) => name === madeUpName(i));
const madeUpName = (i: number): string => `LABEL_${i}`;

/** The positions that a head was trained on at most; null where the folder does not say. */
export function savedLength({ other }: ModelConfig): number | null {
  const { success, output } = v.safeParse(
    v.looseObject({ length: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
    other.omoe_head,
  );
  return success ? output.length : null;
}

/** What a head was trained on. */
export interface TrainedOn {
  readonly task: string;
  /** Of the training; it draws generated tasks. */
  readonly seed: number;
}

const trainedSchema = v.looseObject({ task: v.string(), seed: v.pipe(v.number(), v.integer(), v.minValue(0)) });

/** What a head was trained on; null where the folder does not say. */
export function savedTrainedOn({ other }: ModelConfig): TrainedOn | null {
  const { success, output } = v.safeParse(trainedSchema, other.omoe_head);
  return success ? { task: output.task, seed: output.seed } : null;
}

const request = (head: HeadSpec | null, { width }: ModelConfig): HeadRequest | null =>
  head && { kind: head.kind, input: width * (1 + head.spans), output: head.outputs };

export interface LoadOptions {
  /** A head to be loaded with the model; it has to be there. Default: none, and a stored head is listed as unused. */
  readonly head?: HeadSpec | null;
  /** Sees what each file holds, as it is stored, before it is taken. */
  readonly onFile?: (stored: SafetensorsFile['tensors']) => void;
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
  const config = await readModelConfig(folder, read);
  const weights = await openWeights(folder, read);
  const loading = startLoading(t, weights.names, config, folder, request(options.head ?? null, config));
  for await (const { tensors } of weights.shards()) {
    options.onFile?.(tensors);
    loading.take(tensors);
  }
  return { config, ...loading.finish() };
}

/** What a folder's `config.json` says, without reading its weights. @throws DataError as `loadModel` */
export const readModelConfig = async (folder: string, read: ReadFile): Promise<ModelConfig> =>
  readConfig(await readJson(folder, 'config.json', read), join(folder, 'config.json'));

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
  /** Names of the head's classes. Default: those of the config, where they are as many; else LABEL_0, LABEL_1, … */
  readonly classes?: readonly string[];
  /** The positions that the head was trained on, for whoever evaluates or uses it. */
  readonly length?: number | null;
  /** The task and the seed of the head's training, so that nobody measures a generated task on its training examples. */
  readonly trainedOn?: TrainedOn | null;
  /** Bytes of tensors in a file before they are split. Default 2·10⁹. */
  readonly shardBytes?: number;
}

/**
 * The files of a model's folder by name: `config.json`, and `model.safetensors` or shards with their index. They are
 * returned, not written: write them whole one by one (`writeWhole` of `omoe/io`), config.json last.
 * @throws UsageError where parameters and options disagree about a head, or its classes
 */
export async function saveModel(
  parameters: ModelParameters,
  config: ModelConfig,
  { head = null, classes, length = null, trainedOn = null, shardBytes, ...options }: SaveOptions = {},
): Promise<ReadonlyMap<string, Uint8Array>> {
  if ((parameters.head !== undefined) !== (head !== null))
    throw new UsageError({
      operation: 'saveModel',
      received: head
        ? `the head ${head.kind} and parameters without one`
        : 'parameters with a head and no word of its kind',
      expected: 'both or neither',
    });
  requireClasses(head, classes);
  const parts = partsOf(parameters);
  const tensors = await storeWeights(parameters, config, { ...options, head: head?.kind ?? null });
  const metadata = [['format', 'pt']] as const; // what `transformers` asks for
  const files = writeWeights(tensors, { metadata, shardBytes });
  const text = writeConfig(
    withoutHead(config),
    headFields(config, parameters, parts, head && { ...head, length, trainedOn, classes }),
  );
  return files.set('config.json', new TextEncoder().encode(text));
}

function requireClasses(head: HeadSpec | null, classes: readonly string[] | undefined): void {
  if (!classes) return;
  const named = head?.kind === 'classify' || head?.kind === 'tag' ? head.outputs : 0;
  if (classes.length === named && new Set(classes).size === named) return;
  throw new UsageError({
    operation: 'saveModel',
    received: `the classes ${classes.join(', ')}`,
    expected: named > 0 ? `${named} different names` : 'none for this head',
  });
}

/** What an earlier task left in the config. */
const withoutHead = (config: ModelConfig): ModelConfig => {
  const { omoe_head: _, architectures: __, problem_type: ___, ...other } = config.other;
  return { ...config, other };
};

interface WrittenHead extends HeadSpec {
  readonly length: number | null;
  readonly trainedOn: TrainedOn | null;
  readonly classes: readonly string[] | undefined;
}

function headFields(
  config: ModelConfig,
  parameters: ModelParameters,
  parts: ReturnType<typeof partsOf>,
  head: WrittenHead | null,
): Record<string, unknown> {
  const architecture = architectureOf(config, parts, head?.kind ?? null, head?.spans);
  const dtype = parameters.embeddings.words.dtype;
  return {
    ...(architecture ? { architectures: [architecture] } : {}),
    dtype,
    torch_dtype: dtype,
    tie_word_embeddings: true,
    ...(head ? { omoe_head: specFields(head) } : {}),
    ...(head?.kind === 'regress' ? { problem_type: 'regression' } : {}),
    ...(head && head.kind !== 'choose' ? labels(config, head) : {}),
  };
}

const specFields = ({ kind, outputs, spans, length, trainedOn }: WrittenHead) => ({
  ...{ kind, outputs, spans },
  ...(length === null ? {} : { length }),
  ...(trainedOn === null ? {} : { task: trainedOn.task, seed: trainedOn.seed }),
});

/** `transformers` takes the number of labels from their names. */
function labels(config: ModelConfig, { kind, outputs, classes }: WrittenHead): Record<string, unknown> {
  const named = kind === 'classify' || kind === 'tag';
  // Those of another task's head are names of nothing here.
  const known = named ? savedClasses(config) : null;
  if (!classes && known?.length === outputs) return {};
  const names = classes ?? Array.from({ length: outputs }, (_, i) => madeUpName(i));
  return {
    id2label: Object.fromEntries(names.map((name, i) => [String(i), name])),
    label2id: Object.fromEntries(names.map((name, i) => [name, i])),
  };
}
