import { readModelConfig } from '../models/folder.ts';
import type { Task } from '../tasks/types.ts';
import type { ReadFile } from '../text/lines.ts';
import type { BlockModel, Learner } from './learner.ts';
import type { Masked } from './measure.ts';
import { pretrained } from './pretrained.ts';
import { smallEncoder } from './small-encoder.ts';
import type { ComparePlan } from './types.ts';

/** A learner whose parameters and batches are nobody's business but its own. */
export type AnyLearner = Learner<BlockModel, Masked>;

/**
 * The model that a plan compares its methods on.
 * @param files how to read them; asked for only where the plan names a folder
 * @throws DataError for a folder that cannot be read; UsageError where task and model do not fit
 */
export async function learnerOf(plan: ComparePlan, task: Task, files: () => ReadFile): Promise<AnyLearner> {
  const { pretrained: base } = plan;
  if (!base) return smallEncoder(plan, task) as unknown as AnyLearner;
  const read = files();
  return pretrained(
    { ...plan, pretrained: base },
    task,
    await readModelConfig(base.folder, read),
    read,
  ) as unknown as AnyLearner;
}
