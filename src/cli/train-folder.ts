import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DataError, UsageError } from '../errors.ts';
import { isMissing } from '../io/failure.ts';
import { openStore, type Store } from '../io/index.ts';
import { lockName } from '../io/lock.ts';
import { nodeFiles, nodeProcesses } from '../io/node.ts';
import { decodeJson, encodeJson } from '../train/json.ts';
import { newFolder, writeWhole } from '../train/run-folder.ts';
import type { CheckpointFiles } from '../train/state.ts';
import type { Checkpoints } from '../train/training.ts';

/**
 * The folder of one training:
 *
 *   plan.json        what was asked for, before anything was trained
 *   metrics.jsonl    one line a step and an evaluation; without times, so that it is the same for equal trainings
 *   timing.jsonl     how long each step took; a training that was taken up again adds to it
 *   checkpoints/     the newest ones, and the best
 *   tensorboard/     where it was asked for
 *   result.json      the scores, written when all is done
 */

/** What a folder is of, and so the command that takes it up again. */
export type TrainingKind = 'train' | 'pretrain';

const schemaOf = (kind: TrainingKind): string => `omoe.${kind}-plan/1`;

/** Flags that change no number, and so may be given anew when a training is taken up again. */
const freeFlags: readonly string[] = ['saveEvery', 'keep'];

export interface TrainFolder {
  readonly path: string;
  readonly store: Store;
  /** What was found that a person should know. */
  readonly notes: readonly string[];
  /** The newest whole checkpoint; null where there is none. */
  readonly from: CheckpointFiles | null;
}

export interface Resuming {
  /** The folder to go on in. */
  readonly resume?: string;
  /** What is kept as the model is to have the last parameters, not the best: for where these are damaged. */
  readonly last?: boolean;
}

/** The flags of a training, as they were given or as its folder has them. @throws UsageError, DataError */
export async function flagsOf<Flags extends object>(
  kind: TrainingKind,
  given: Flags,
  { resume, last }: Resuming,
): Promise<Flags> {
  if (resume === undefined) {
    if (last)
      throw new UsageError({ operation: `${kind} --last`, received: 'no --resume DIR', expected: 'a training to end' });
    return given;
  }
  const changed = Object.entries(given).filter(([name, value]) => value !== undefined && !freeFlags.includes(name));
  if (changed.length > 0)
    throw new UsageError({
      operation: `${kind} --resume`,
      received: `other options with it: ${changed.map(([name]) => optionOf(name)).join(', ')}`,
      expected: 'none but --save-every, --keep and --last',
      advice: 'A training goes on under the plan that it began with, which its folder knows.',
    });
  const stored = await readStored(kind, resume);
  return { ...(stored as Flags), ...given };
}

/** `evalEvery` as it is written: `--eval-every`. */
const optionOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

async function readStored(kind: TrainingKind, folder: string): Promise<object> {
  const path = join(folder, 'plan.json');
  const refuse = (received: string, cause?: unknown, advice?: string) =>
    new DataError(
      {
        operation: `${kind} --resume`,
        received: `${path}, ${received}`,
        expected: `the folder of omoe ${kind}`,
        advice,
      },
      { cause },
    );
  const text = await readFile(path, 'utf8').catch(async (error: unknown) => {
    const nothing = isMissing(error) && (await neverBegan(folder));
    throw nothing
      ? refuse(
          'which was not written yet',
          error,
          `Nothing was trained there: omoe ${kind} --out takes the folder anew.`,
        )
      : refuse('which cannot be read', error);
  });
  let document: unknown;
  try {
    document = decodeJson(text);
  } catch (error) {
    throw refuse('which is no JSON', error);
  }
  const { schema: found, flags } = (typeof document === 'object' && document !== null ? document : {}) as {
    schema?: unknown;
    flags?: unknown;
  };
  const isFlags =
    typeof flags === 'object' &&
    flags !== null &&
    Object.values(flags).every((value) => [value].flat().every((one) => ['string', 'boolean'].includes(typeof one)));
  if (found !== schemaOf(kind) || !isFlags) throw refuse(`of the schema ${String(found)}`);
  return flags;
}

interface Opened {
  readonly kind: TrainingKind;
  /** Names a folder that is made by itself. */
  readonly name: string;
  readonly flags: object;
  readonly plan: { readonly backend: string };
  readonly command: string;
}

/** What is left where a process is killed before its plan is written whole. */
const partOfPlan = /^\.plan\.json\..+\.part$/;

/**
 * Whether a folder is as a process leaves it that is killed before its plan is written whole: it has a lock at most, and a part
 * of the plan. With anything else in it, or where it cannot be looked at, the answer is no.
 */
async function neverBegan(path: string): Promise<boolean> {
  try {
    const names = await nodeFiles.list(path);
    const locks = names.includes('checkpoints') ? await nodeFiles.list(join(path, 'checkpoints')) : [];
    return (
      names.every((name) => name === 'checkpoints' || partOfPlan.test(name)) &&
      locks.every((name) => lockName.test(name))
    );
  } catch {
    return false;
  }
}

/** Makes the folder, or takes one up again, and takes its lock. @throws UsageError where another process has it */
export async function openTrainFolder(
  { kind, name, flags, plan, command }: Opened,
  { out, resume, now }: { readonly out?: string; readonly resume?: string; readonly now: Date },
): Promise<TrainFolder> {
  if (out !== undefined && resume !== undefined)
    throw new UsageError({
      operation: `${kind} --out`,
      received: '--resume as well',
      expected: 'one of them',
      advice: 'A training goes on in the folder that it began in.',
    });
  const anew = out !== undefined && (await neverBegan(out));
  const path = resume ?? (anew ? out : await newFolder({ task: name, out, now }, kind));
  const store = await openStore({
    files: nodeFiles,
    folder: posix(join(path, 'checkpoints')),
    processes: nodeProcesses,
  });
  if (resume === undefined) {
    // With the backend that was chosen, so that a training taken up elsewhere does not choose another.
    const settled = { ...wherever(flags), backend: plan.backend };
    const document = { schema: schemaOf(kind), command, flags: settled, plan };
    await writeWhole(join(path, 'plan.json'), `${encodeJson(document, 2)}\n`);
    for (const file of await nodeFiles.list(path)) if (partOfPlan.test(file)) await nodeFiles.remove(join(path, file));
    return { path, store, notes: store.tookOver, from: null };
  }
  const { checkpoint, passedOver } = await store.latest(isStep);
  // An unfinished first checkpoint is what a kill leaves. Damaged ones were whole once: to begin again would lose them for good.
  const damaged = passedOver.find(({ unfinished }) => !unfinished);
  if (!checkpoint && damaged) {
    await store.close();
    throw new DataError({
      operation: `${kind} --resume`,
      received: `no whole checkpoint in ${path}: ${damaged.path}, ${damaged.reason}`,
      expected: 'one to go on from',
      advice: 'Restore the folder from a copy, or train anew in another one.',
    });
  }
  const instead = checkpoint ? 'an older one is taken' : 'there is none before it';
  const notes = [
    ...store.tookOver,
    ...passedOver.map((one) => `the checkpoint ${one.path} is not whole: ${one.reason}; ${instead}`),
    checkpoint ? `goes on from ${checkpoint.path}` : 'there is no whole checkpoint: the training begins again',
  ];
  return { path, store, notes, from: checkpoint?.files ?? null };
}

/** Flags with paths that mean the same in every working folder. */
const wherever = (flags: object): object =>
  Object.fromEntries(
    Object.entries(flags).map(([name, value]) => {
      if (!['data', 'vocab', 'model', 'text', 'tokenizer'].includes(name) || value === undefined) return [name, value];
      return [name, Array.isArray(value) ? value.map((path) => resolve(path)) : resolve(value)];
    }),
  );

const isStep = (name: string): boolean => name.startsWith('step-');
const isBest = (name: string): boolean => name === 'best';

/** The newest checkpoints of the run, as many as are kept. */
export const stepsIn = (store: Store, keep: number): Checkpoints => ({
  async save(name, files) {
    await store.save(name, files);
    await store.prune(keep, isStep);
  },
});

/** The one best. */
export const bestIn = (store: Store): Checkpoints => ({
  async save(_, files) {
    await store.save('best', files);
    await store.prune(1, isBest);
  },
});

/** Paths of `Files` are separated by `/` on every system. */
export const posix = (path: string): string => path.replaceAll('\\', '/');
