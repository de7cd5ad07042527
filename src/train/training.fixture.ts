import type { Engine } from '../engine.ts';
import { bytesIn, type Files } from '../io/files.ts';
import { memoryFiles, openStore, type Store } from '../io/index.ts';
import { embedded } from '../tasks/embedded.ts';
import type { Task } from '../tasks/types.ts';
import { encoderTraining } from './encoder-training.ts';
import { metricsLog } from './metrics-log.ts';
import type { CheckpointFiles } from './state.ts';
import { type TrainFlags, type TrainPlan, trainPlan } from './train-plan.ts';
import { runTraining, type Trained, type Training } from './training.ts';

/** A training small enough to be broken off and taken up again many times in a test. */

export const smallPlan = (flags: TrainFlags = {}): TrainPlan =>
  trainPlan({
    ...{ width: '6', ffn: '8', heads: '2', experts: '3', layers: '1', length: '12' },
    ...{ steps: '14', batch: '3', accumulate: '2', buckets: '3', warmup: '2', lr: '0.01' },
    ...{ saveEvery: '4', evalEvery: '3' },
    ...flags,
  });

/** So few sentences that a training passes through several epochs. */
export const smallTask = (): Task => ({ ...embedded({ seed: 1, train: 20, dev: 7 }), length: 12 });

export interface SmallRun {
  readonly files: Files;
  readonly store: Store;
  readonly metrics: () => Promise<string>;
}

export const newRun = (): Promise<SmallRun> => runOn(memoryFiles());

/** @param folder where it stands */
export async function runOn(files: Files, folder = ''): Promise<SmallRun> {
  return {
    files,
    store: await openStore({ files, folder: `${folder}/checkpoints`, processes: null }),
    metrics: async () => new TextDecoder().decode(await files.read(`${folder}/metrics.jsonl`)),
  };
}

type Free = 'listener' | 'signal' | 'shardBytes';

/** Begins, or goes on from the last checkpoint. */
export async function carryOn(
  t: Engine,
  plan: TrainPlan,
  { files, store }: SmallRun,
  { task = smallTask(), ...more }: { task?: Task } & Pick<Training<never, never, never, never>, Free> = {},
): Promise<Trained<unknown>> {
  const { checkpoint } = await store.latest((name) => name.startsWith('step-'));
  return runTraining(t, {
    ...encoderTraining(plan, task),
    checkpoints: store,
    best: { save: (_, contents) => store.save('best', contents) },
    from: checkpoint?.files ?? null,
    metrics: await metricsLog(files, '/metrics.jsonl'),
    ...more,
  });
}

/** What a run left: the files of its last checkpoint and of its best, and its metrics, all as text that compares to the bit. */
export async function traces({ store, metrics }: SmallRun): Promise<Record<string, string>> {
  const named: [string, string][] = [['metrics.jsonl', await metrics()]];
  for (const prefix of ['step-', 'best']) {
    const { checkpoint } = await store.latest((name) => name.startsWith(prefix));
    named.push([prefix, checkpoint?.name ?? 'none']);
    for (const [file, bytes] of checkpoint ? await allOf(checkpoint.files) : [])
      named.push([`${prefix} ${file}`, file.endsWith('.json') ? new TextDecoder().decode(bytes) : hex(bytes)]);
  }
  return Object.fromEntries(named);
}

/** Every file, read. */
export async function allOf(files: CheckpointFiles): Promise<Map<string, Uint8Array>> {
  const read = new Map<string, Uint8Array>();
  for (const [name, content] of files) read.set(name, await bytesIn(content));
  return read;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
