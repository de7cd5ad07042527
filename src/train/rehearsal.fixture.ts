import { type Family, freshConfig, type ModelConfig } from '../models/config.ts';
import { headSpec } from '../models/heads.ts';
import { embedded } from '../tasks/embedded.ts';
import { parseMethods } from './parse-methods.ts';
import { rehearseTask } from './rehearsal.ts';

/** A small model on a generated task, some of its blocks with experts. */
export function smallRehearsal(
  family: Family,
  { moe, methods = 'adamw', batch = 8, accumulate = 1 }: Options = {},
): ReturnType<typeof rehearseTask> {
  const task = embedded({ seed: 0, train: 64, dev: 8 });
  const dense = freshConfig(family, {
    ...{ vocabulary: task.vocabularySize, positions: 40, width: 32, hidden: 64, heads: 2, layers: 3 },
    ...(family === 'albert' ? { embedding: 16, groups: 1, inner: 1 } : {}),
  });
  const config: ModelConfig = moe
    ? { ...dense, moe: { layers: moe, experts: 4, k: 2, renormalize: true, balanceLoss: 0 } }
    : dense;
  return rehearseTask({
    ...{ config, task, batch, accumulate, weights: { balanceLoss: 0.01, zLoss: 0 } },
    head: headSpec('classify', { classes: task.classes.length }),
    methods: parseMethods(methods, { accumulateSteps: 1, orthogonalSteps: 1 }).map(({ omoe }) => omoe),
  });
}

interface Options {
  readonly moe?: readonly number[];
  readonly methods?: string;
  readonly batch?: number;
  readonly accumulate?: number;
}
