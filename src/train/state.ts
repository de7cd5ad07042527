import type { DType } from '../backend.ts';
import type { Engine } from '../engine.ts';
import { DataError } from '../errors.ts';
import { bytesIn, type FileContent } from '../io/files.ts';
import { type SafetensorsFile, type StoredType, store, toNumbers } from '../io/safetensors/index.ts';
import { pendingWeights } from '../io/shards.ts';
import { type OpenWeights, openWeights } from '../io/weights.ts';
import type { OmoeOptimizer } from '../optim/omoe.ts';
import { parametersOf } from '../optim/optimizer.ts';
import {
  type OptimizerLayout,
  type ProjectorForm,
  projectorForms,
  restoreOptimizer,
  storeOptimizer,
} from '../optim/stored-state.ts';
import { type PendingArray, type StoredArray, StrictArrays, storeTree } from '../stored.ts';
import type { Scores } from '../tasks/types.ts';
import type { Tensor } from '../tensor.ts';
import { leaves, mapTree } from '../tree.ts';
import { decodeJson, encodeJson } from './json.ts';
import type { Generation } from './step.ts';

/**
 * All that a training is made of at a step, as the files of a checkpoint:
 *
 *   model.safetensors       parameters by their path in the tree
 *   optimizer.safetensors   moments, recorded columns, projectors (src/optim/stored-state.ts)
 *   trainer_state.json      the step, the plan, where the data stand, evaluations, the layout of the optimizer
 *   rng.json                the seed, and which generator it is for
 *
 * Where tensors are more than fit into one file there are shards and an index in its place, as models have them
 * (src/io/shards.ts): model-00001-of-00003.safetensors, …, model.safetensors.index.json.
 *
 * Every draw is a function of (seed, purpose, step), and the data's place is step · batch · accumulate: with the seed and the
 * step all randomness is known. Files of equal states are equal to the byte: no time stands in them.
 */

/** What the trainer knows besides parameters and optimizer. */
export interface Progress {
  /** Steps taken. */
  readonly step: number;
  /** Every evaluation so far. */
  readonly evaluations: readonly { readonly step: number; readonly scores: Scores }[];
  readonly best: { readonly step: number; readonly score: number } | null;
  /** Evaluations since the best one. */
  readonly sinceBest: number;
  /** Examples visited. */
  readonly position: number;
  /** Length of metrics.jsonl. */
  readonly metricsBytes: number;
}

export interface TrainingState<P, S> extends Generation<P, S> {
  readonly progress: Progress;
  readonly seed: number;
  /** All that determines the numbers; a training goes on only under the same. */
  readonly plan: unknown;
}

/** The files of a checkpoint by name; one that is a function is made, or read, when it is asked for. */
export type CheckpointFiles = ReadonlyMap<string, FileContent>;

const stateSchema = 'omoe.trainer/1';
const randomSchema = 'omoe.rng/1';
const generator = 'threefry2x32-20';

const json = (document: unknown): Uint8Array => new TextEncoder().encode(`${encodeJson(document, 2)}\n`);

export interface SaveStateOptions {
  /** Bytes of tensors in a file. Default 5·10⁸: while a file is made its tensors are in memory twice. */
  readonly shardBytes?: number;
}

const types: Readonly<Record<DType, StoredType>> = { float32: 'F32', float64: 'F64', int32: 'I32', bool: 'U8' };

const tensorFiles = (stem: string, arrays: Iterable<readonly [string, PendingArray]>, shardBytes = 5e8) =>
  pendingWeights(
    stem,
    [...arrays].map(([name, { shape, dtype, read }]) => {
      const stored = async () => store(await read(), shape);
      return [name, { dtype: types[dtype], shape, read: stored }] as const;
    }),
    shardBytes,
  );

/** The parameters alone: `model.safetensors`, or shards and an index. They have to live until the files are made. */
export const saveModel = (parameters: unknown, { shardBytes }: SaveStateOptions = {}): CheckpointFiles =>
  tensorFiles('model', storeTree(parameters), shardBytes);

/** The state's files; its tensors are read while each is made, and have to live until then. */
export function saveState<P, S>(
  { parameters, progress, seed, plan, state }: TrainingState<P, S>,
  options: SaveStateOptions = {},
): CheckpointFiles {
  const optimizer = storeOptimizer(state);
  return new Map<string, FileContent>([
    ...saveModel(parameters, options),
    ...tensorFiles('optimizer', optimizer.arrays, options.shardBytes),
    ['trainer_state.json', json({ schema: stateSchema, ...progress, optimizer: optimizer.layout, plan })],
    ['rng.json', json({ schema: randomSchema, generator, seed, step: progress.step })],
  ]);
}

export interface Expected<P, S> {
  /** Parameters of the same model, with any values: they say what there has to be. */
  readonly like: P;
  readonly optimizer: OmoeOptimizer<S>;
  readonly seed: number;
  readonly plan: unknown;
}

/**
 * The state that `saveState` wrote, with its tensors in `t`. Of the model one file is in memory at a time; the optimizer's
 * arrays are all there until its state is made of them.
 * @throws DataError naming the file, for anything that is missing, malformed, of another version, or of another model, plan
 *   or seed; of tensors all that are missing, misshapen or not expected are listed
 */
export async function loadState<P, S>(
  t: Engine,
  files: CheckpointFiles,
  { like, optimizer, seed, plan }: Expected<P, S>,
): Promise<TrainingState<P, S>> {
  const document = await readJson(files, 'trainer_state.json', stateSchema);
  const { optimizer: layout, plan: savedPlan, ...rest } = document;
  const random = await readJson(files, 'rng.json', randomSchema);
  const progress = checkProgress(rest);
  refuseUnless(
    random.generator === generator && random.seed === seed && random.step === progress.step,
    'rng.json',
    `generator ${random.generator}, seed ${random.seed}, step ${random.step}`,
    `${generator}, ${seed}, ${progress.step}`,
  );
  refuseOtherPlan(savedPlan, plan);
  const parameters = await loadModel(t, files, like);
  const arrays = new Map<string, StoredArray>();
  for await (const shard of (await open(files, 'optimizer')).shards()) addArrays(arrays, shard);
  using scratch = t.region();
  const all = parametersOf(scratch.borrow(parameters));
  const stored = { arrays, layout: checkLayout(layout) };
  const state = restoreOptimizer(t, stored, optimizer.initial(all), all, optimizer.options);
  refuseUnless(
    state.step === progress.step,
    'trainer_state.json',
    `an optimizer at step ${state.step}`,
    `${progress.step}`,
  );
  return { parameters, state, progress, seed, plan };
}

/**
 * The parameters that `saveModel` wrote, one file in memory at a time.
 * @throws DataError listing all that is missing, misshapen or not expected
 */
export async function loadModel<P>(t: Engine, files: CheckpointFiles, like: P): Promise<P> {
  const expected = new Map(leaves(like).map(({ path, tensor }) => [path, tensor]));
  const arrays = new Map<string, StoredArray>();
  const strict = new StrictArrays(arrays);
  const made = new Map<string, Tensor>();
  for await (const shard of (await open(files, 'model')).shards()) {
    addArrays(arrays, shard);
    for (const name of shard.tensors.keys()) {
      const wanted = expected.get(name);
      if (!wanted) continue;
      made.set(name, strict.tensor(t, name, wanted));
      arrays.delete(name);
    }
  }
  // What no file had is noted as missing here.
  const parameters = mapTree(like, (wanted, path) => made.get(path) ?? strict.tensor(t, path, wanted));
  strict.finish('load model.safetensors', 'the parameters of this model, all of them and no others');
  return parameters;
}

const open = (files: CheckpointFiles, stem: string): Promise<OpenWeights> =>
  openWeights(
    '.',
    async (path) => {
      const content = files.get(path.slice('./'.length));
      if (content !== undefined) return bytesIn(content);
      throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
    },
    stem,
  );

function addArrays(arrays: Map<string, StoredArray>, { tensors }: SafetensorsFile): void {
  for (const [name, tensor] of tensors) arrays.set(name, { shape: tensor.shape, data: toNumbers(tensor) });
}

async function fileOf(files: CheckpointFiles, name: string): Promise<Uint8Array> {
  const content = files.get(name);
  if (content !== undefined) return bytesIn(content);
  throw new DataError({
    operation: 'load checkpoint',
    received: `files ${[...files.keys()].join(', ') || 'none'}`,
    expected: name,
  });
}

async function readJson(files: CheckpointFiles, name: string, schema: string): Promise<Record<string, unknown>> {
  const bytes = await fileOf(files, name);
  let document: unknown;
  try {
    document = decodeJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new DataError({ operation: `load ${name}`, received: 'no JSON', expected: 'a JSON document' }, { cause });
  }
  const found =
    typeof document === 'object' && document !== null ? (document as Record<string, unknown>).schema : undefined;
  refuseUnless(found === schema, name, `the schema ${String(found)}`, schema);
  const { schema: _, ...rest } = document as Record<string, unknown>;
  return rest;
}

function refuseUnless(holds: boolean, name: string, received: string, expected: string): asserts holds {
  if (!holds) throw new DataError({ operation: `load ${name}`, received, expected });
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function checkProgress(document: Record<string, unknown>): Progress {
  const { step, evaluations, best, sinceBest, position, metricsBytes } = document;
  const fits =
    [step, sinceBest, position, metricsBytes].every(isCount) &&
    Array.isArray(evaluations) &&
    evaluations.every((one) => isRecord(one) && isCount(one.step) && isRecord(one.scores)) &&
    (best === null || (isRecord(best) && isCount(best.step) && typeof best.score === 'number'));
  refuseUnless(fits, 'trainer_state.json', 'fields of another kind', `those of ${stateSchema}`);
  return { step, evaluations, best, sinceBest, position, metricsBytes } as Progress;
}

function checkLayout(layout: unknown): OptimizerLayout {
  const fits =
    isRecord(layout) &&
    isCount(layout.step) &&
    isRecord(layout.base) &&
    Object.values(layout.base).every((value) => typeof value === 'number') &&
    isRecord(layout.linears) &&
    Object.values(layout.linears).every(
      (linear) =>
        isRecord(linear) &&
        isCount(linear.pending) &&
        (linear.projectors === null || projectorForms.includes(linear.projectors as ProjectorForm)),
    );
  refuseUnless(fits, 'trainer_state.json', 'an optimizer of another kind', `the layout of ${stateSchema}`);
  return layout as unknown as OptimizerLayout;
}

/** @throws DataError naming every entry in which two plans differ */
function refuseOtherPlan(saved: unknown, asked: unknown): void {
  if (encodeJson(saved) === encodeJson(asked)) return;
  const [left, right] = [saved, asked].map((plan) => (isRecord(plan) ? plan : { plan }));
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  const differing = names.filter((name) => encodeJson(left[name]) !== encodeJson(right[name]));
  const show = (plan: Record<string, unknown>) =>
    differing.map((name) => `${name} ${encodeJson(plan[name]) ?? 'absent'}`).join(', ') || 'entries in another order';
  throw new DataError({
    operation: 'load checkpoint',
    received: `a checkpoint of another training: ${show(left)}`,
    expected: show(right),
    advice: 'A training goes on only under the plan that it began with.',
  });
}
