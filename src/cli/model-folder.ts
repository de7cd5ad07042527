import type { Engine } from '../engine.ts';
import { DataError } from '../errors.ts';
import { cannot } from '../io/failure.ts';
import { join, writeWhole } from '../io/files.ts';
import type { Checkpoint, Store } from '../io/index.ts';
import { nodeFiles } from '../io/node.ts';
import { decodeJson } from '../train/json.ts';
import { loadModel, type Progress } from '../train/state.ts';

/** What a training leaves behind for whoever evaluates or uses its model. */

/**
 * The parameters of the best evaluation, which are the last ones unless a later one was worse.
 * @param like the last ones
 * @throws DataError if what was kept is not there any more, or is of another step
 */
export async function bestParameters<P>(t: Engine, store: Store, like: P, { best, step }: Progress): Promise<P> {
  if (!best || best.step === step) return like;
  const { checkpoint } = await store.latest((name) => name === 'best');
  if (!checkpoint)
    throw new DataError({
      operation: 'the model of the best evaluation',
      received: `no whole checkpoint of step ${best.step}`,
      expected: `it in ${store.folder}`,
      advice,
    });
  const kept = await stepOf(checkpoint);
  if (kept !== best.step)
    throw new DataError({
      operation: 'the model of the best evaluation',
      received: `${checkpoint.path} of ${kept === null ? 'an unknown step' : `step ${kept}`}`,
      expected: `it of step ${best.step}`,
      advice,
    });
  return loadModel(t, checkpoint.files, like);
}

const advice = 'The folder was changed while the training ran.';

/** The step whose evaluation a checkpoint was kept for, as scores.json beside it says; null where it does not say. */
async function stepOf({ files }: Checkpoint): Promise<number | null> {
  const bytes = await files.get('scores.json')?.();
  if (!bytes) return null;
  try {
    const about: unknown = decodeJson(new TextDecoder().decode(bytes));
    const isObject = typeof about === 'object' && about !== null && 'step' in about;
    return isObject && typeof about.step === 'number' ? about.step : null;
  } catch {
    return null;
  }
}

/** Writes a model's files whole, one by one; config.json comes last, as without it a folder is no model's. @throws OmoeError */
export async function writeModelFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await nodeFiles.makeFolder(folder).catch((error: unknown) => {
    throw cannot('create', folder, error);
  });
  const last = (name: string) => Number(name === 'config.json');
  for (const [name, bytes] of [...files].sort(([a], [b]) => last(a) - last(b)))
    await writeWhole(nodeFiles, join(folder, name), bytes);
}
