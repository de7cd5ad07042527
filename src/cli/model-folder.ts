import type { Engine } from '../engine.ts';
import { DataError } from '../errors.ts';
import { cannot } from '../io/failure.ts';
import { join, writeWhole } from '../io/files.ts';
import type { Checkpoint, Store } from '../io/index.ts';
import { nodeFiles } from '../io/node.ts';
import { decodeJson } from '../train/json.ts';
import { loadModel, type Progress } from '../train/state.ts';

/** What a training leaves behind for whoever evaluates or uses its model. */

export interface Chosen<P> {
  readonly parameters: P;
  /** Steps after which a training had them. */
  readonly step: number;
}

/**
 * The parameters of the best evaluation, which are the last ones unless a later one was worse.
 * @param like the last ones
 * @param last takes those in any case: somebody asked for it, as the best are lost
 * @throws DataError if what was kept is damaged or gone, or is of another step, with what can be had instead
 */
export async function bestParameters<P>(
  t: Engine,
  store: Store,
  like: P,
  { best, step }: Progress,
  last = false,
): Promise<Chosen<P>> {
  if (last || !best || best.step === step) return { parameters: like, step };
  const { checkpoint, passedOver } = await store.latest((name) => name === 'best');
  const refuse = (received: string, expected: string) =>
    new DataError({
      operation: 'the model of the best evaluation',
      received,
      expected,
      advice: `Restore the folder from a copy, or go on with --resume and --last: the model then has the last parameters, of step ${step}.`,
    });
  if (!checkpoint) {
    const why = passedOver.map(({ path, reason }) => `: ${path}, ${reason}`).join('');
    throw refuse(`no whole checkpoint of step ${best.step}${why}`, `it in ${store.folder}`);
  }
  const kept = await stepOf(checkpoint);
  if (kept !== best.step)
    throw refuse(
      `${checkpoint.path} of ${kept === null ? 'an unknown step' : `step ${kept}`}`,
      `it of step ${best.step}`,
    );
  return { parameters: await loadModel(t, checkpoint.files, like), step: best.step };
}

/** What is to be said where `--last` took other parameters than the best; null where it did not. */
export const insteadOfBest = (step: number, { best }: Progress): string | null =>
  best && best.step !== step
    ? `the model has the last parameters, of step ${step}, not the best, of step ${best.step}`
    : null;

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
