import type { Engine } from '../engine.ts';
import { DataError } from '../errors.ts';
import { readSafetensors, store, toNumbers, writeSafetensors } from '../io/safetensors/index.ts';
import type { OmoeOptimizer } from '../optim/omoe.ts';
import { parametersOf } from '../optim/optimizer.ts';
import { type OptimizerLayout, restoreOptimizer, storeOptimizer } from '../optim/stored-state.ts';
import { type StoredArray, type StoredArrays, StrictArrays, storeTree } from '../stored.ts';
import type { Scores } from '../tasks/types.ts';
import { mapTree } from '../tree.ts';
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

export type CheckpointFiles = ReadonlyMap<string, Uint8Array>;

const stateSchema = 'omoe.trainer/1';
const randomSchema = 'omoe.rng/1';
const generator = 'threefry2x32-20';

const json = (document: unknown): Uint8Array => new TextEncoder().encode(`${encodeJson(document, 2)}\n`);

const tensorsFile = (arrays: StoredArrays): Uint8Array =>
  writeSafetensors([...arrays].map(([name, { data, shape }]) => [name, store(data, shape)] as const));

/** The parameters alone, as `model.safetensors`. */
export const saveModel = async (parameters: unknown): Promise<Uint8Array> => tensorsFile(await storeTree(parameters));

export async function saveState<P, S>(state: TrainingState<P, S>): Promise<Map<string, Uint8Array>> {
  const { parameters, progress, seed, plan } = state;
  const optimizer = await storeOptimizer(state.state);
  return new Map([
    ['model.safetensors', await saveModel(parameters)],
    ['optimizer.safetensors', tensorsFile(optimizer.arrays)],
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
 * The state that `saveState` wrote, with its tensors in `t`.
 * @throws DataError naming the file, for anything that is missing, malformed, of another version, or of another model, plan
 *   or seed; of tensors all that are missing, misshapen or not expected are listed
 */
export function loadState<P, S>(
  t: Engine,
  files: CheckpointFiles,
  { like, optimizer, seed, plan }: Expected<P, S>,
): TrainingState<P, S> {
  const document = readJson(files, 'trainer_state.json', stateSchema);
  const { optimizer: layout, plan: savedPlan, ...rest } = document;
  const random = readJson(files, 'rng.json', randomSchema);
  const progress = checkProgress(rest);
  refuseUnless(
    random.generator === generator && random.seed === seed && random.step === progress.step,
    'rng.json',
    `generator ${random.generator}, seed ${random.seed}, step ${random.step}`,
    `${generator}, ${seed}, ${progress.step}`,
  );
  refuseOtherPlan(savedPlan, plan);
  const parameters = loadModel(t, fileOf(files, 'model.safetensors'), like);
  const arrays = readTensors('optimizer.safetensors', fileOf(files, 'optimizer.safetensors'));
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

/** Parameters of `model.safetensors`. @throws DataError listing all that is missing, misshapen or not expected */
export function loadModel<P>(t: Engine, bytes: Uint8Array, like: P, name = 'model.safetensors'): P {
  const strict = new StrictArrays(readTensors(name, bytes));
  const parameters = mapTree(like, ({ shape, dtype }, path) => strict.tensor(t, path, { shape, dtype }));
  strict.finish(`load ${name}`, 'the parameters of this model, all of them and no others');
  return parameters;
}

function readTensors(name: string, bytes: Uint8Array): StoredArrays {
  const { tensors } = readSafetensors(bytes, name);
  return new Map(
    [...tensors].map(([path, tensor]): [string, StoredArray] => [
      path,
      { shape: tensor.shape, data: toNumbers(tensor) },
    ]),
  );
}

function fileOf(files: CheckpointFiles, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes) return bytes;
  throw new DataError({
    operation: 'load checkpoint',
    received: `files ${[...files.keys()].join(', ') || 'none'}`,
    expected: name,
  });
}

function readJson(files: CheckpointFiles, name: string, schema: string): Record<string, unknown> {
  const bytes = fileOf(files, name);
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
        (linear.projectors === null || linear.projectors === 'factor' || linear.projectors === 'dense'),
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
