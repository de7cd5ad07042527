import type { Engine } from '../engine.ts';
import { DataError } from '../errors.ts';
import { cannot } from '../io/failure.ts';
import { join, writeWhole } from '../io/files.ts';
import type { Store } from '../io/index.ts';
import { nodeFiles } from '../io/node.ts';
import { loadModel, type Progress } from '../train/state.ts';

/** What a training leaves behind for whoever evaluates or uses its model. */

/**
 * The parameters of the best evaluation, which are the last ones unless a later one was worse.
 * @param like the last ones
 * @throws DataError if what was kept is not there any more
 */
export async function bestParameters<P>(t: Engine, store: Store, like: P, { best, step }: Progress): Promise<P> {
  if (!best || best.step === step) return like;
  const { checkpoint } = await store.latest((name) => name === 'best');
  if (!checkpoint)
    throw new DataError({
      operation: 'the model of the best evaluation',
      received: `no whole checkpoint of step ${best.step}`,
      expected: `it in ${store.folder}`,
      advice: 'The folder was changed while the training ran.',
    });
  return loadModel(t, checkpoint.files, like);
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
