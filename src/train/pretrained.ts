import type { Engine } from '../engine.ts';
import { DataError, UsageError } from '../errors.ts';
import { blockCount, longestInput, type ModelConfig } from '../models/config.ts';
import { encode } from '../models/encode.ts';
import { type HeadSpec, loadModel } from '../models/folder.ts';
import { headSpec, initHead } from '../models/heads.ts';
import { initModel, type ModelParameters, withPooler } from '../models/parameters.ts';
import { taskModel } from '../models/task-model.ts';
import { upcycleModel } from '../models/upcycle.ts';
import { foldIn, key } from '../random.ts';
import { bucketedBatches } from '../tasks/buckets.ts';
import type { Task } from '../tasks/types.ts';
import type { ReadFile } from '../text/lines.ts';
import { startSum } from './base-model.ts';
import type { Learner } from './learner.ts';
import { type TaskModel, taskTrainee } from './objective.ts';
import type { ModelShape, PretrainedPlan } from './types.ts';
import type { TaskTensors } from './upload.ts';

/** What fine-tuning a checkpoint depends on, besides its task. */
export interface FineTuning {
  readonly pretrained: PretrainedPlan;
  readonly model: Pick<ModelShape, 'experts' | 'topK'>;
  readonly batch: number;
  readonly capacityFactor: number | null;
  readonly balanceLoss: number;
  readonly zLoss: number;
}

/** The head that a task asks for. */
export const headOf = ({ head = 'classify', classes, spans = 0 }: Task): HeadSpec =>
  headSpec(head, { classes: classes.length, spans });

/** The shape of a folder's model, in the words of a plan. */
export const shapeOf = ({ width, hidden, layers, heads, moe }: ModelConfig): Partial<ModelShape> => ({
  ...{ width, ffn: hidden, layers, heads },
  ...(moe ? { experts: moe.experts, topK: moe.k } : {}),
});

/**
 * A checkpoint from a folder as `transformers` keeps it, on a task: pooler (where there is none) and head are drawn by the seed,
 * and what it was pretrained with (the decoder of masked-language modelling) is left behind.
 *
 * @param config of the folder, as `readModelConfig` gives it
 * @throws UsageError where the task's sentences are longer than the model takes, or the layers to upcycle are not there;
 *   `dense` throws DataError where the folder is not what it was when the plan was made
 */
export function pretrained(
  plan: FineTuning,
  task: Task,
  config: ModelConfig,
  read: ReadFile,
): Learner<ModelParameters, TaskTensors> {
  const { folder, moeLayers, dropout, fresh, sum: planned } = plan.pretrained;
  const head = headOf(task);
  requireFit(task, config, folder);
  const sparse = sparseConfig(plan, config);
  const configOf = ({ blocks }: ModelParameters) => (blocks.some(({ moe }) => moe) ? sparse : config);
  const model: TaskModel<ModelParameters> = {
    forward(parameters, batch, stepKey) {
      // Dropless in evaluation: under a capacity an answer would depend on the batch it happens to stand in.
      const capacityFactor = stepKey === null ? null : plan.capacityFactor;
      return taskModel(configOf(parameters), head, { dropout, capacityFactor }).forward(parameters, batch, stepKey);
    },
  };
  const stored = async (t: Engine) => {
    const sum = startSum();
    const loaded = await loadModel(t, folder, read, { onFile: planned === undefined ? undefined : sum.add });
    requireSame(config, loaded.config, folder);
    if (planned !== undefined && sum.with(loaded.config) !== planned) throw changed(folder, 'weights');
    return loaded.parameters;
  };
  return {
    ...taskTrainee(model, head.kind, plan),
    activation: config.activation,
    async dense(t: Engine, seed: number) {
      const own = foldIn(key(seed), 'fine-tuning');
      const parameters = fresh ? initModel(t, foldIn(own, 'model'), config) : await stored(t);
      const { mlm, ...kept } = parameters.pooler ? parameters : withPooler(t, own, parameters, config);
      t.free(mlm, { except: kept });
      return { ...kept, head: initHead(t, own, head, config.width) };
    },
    upcycle(dense, seed) {
      if (config.moe) return dense; // the checkpoint brought its experts along
      const options = { experts: plan.model.experts, k: plan.model.topK, key: foldIn(key(seed), 'upcycle') };
      return upcycleModel(dense, config, { ...options, layers: moeLayers ?? undefined }).parameters;
    },
    batchesOf: (seed) => bucketedBatches(task, { batch: plan.batch, seed }),
    layers: (parameters, batch) => encode(parameters, batch, configOf(parameters)).layers,
  };
}

/** The config after the upcycle; a dense model runs under it as well, as only blocks that have experts read it. */
export function sparseConfig(
  { model, pretrained: { moeLayers } }: Pick<FineTuning, 'model' | 'pretrained'>,
  config: ModelConfig,
): ModelConfig {
  if (config.moe) return config;
  const layers = moeLayers ?? Array.from({ length: blockCount(config) }, (_, b) => b);
  const { experts, topK: k } = model;
  return { ...config, moe: { layers, experts, k, renormalize: k > 1, balanceLoss: 0 } };
}

function requireFit(task: Task, config: ModelConfig, folder: string): void {
  const longest = longestInput(config);
  if (task.length > longest)
    throw new UsageError({
      operation: `--length of ${task.name}`,
      received: `${task.length} positions`,
      expected: `at most ${longest}, which is what ${folder} takes`,
    });
  if (task.vocabularySize > config.vocabulary)
    throw new DataError({
      operation: `load ${folder}`,
      received: `a tokenizer of ${task.vocabularySize} pieces and a model of ${config.vocabulary}`,
      expected: 'a model that has a vector for each piece',
    });
}

function requireSame(planned: ModelConfig, stored: ModelConfig, folder: string): void {
  if (JSON.stringify(planned) !== JSON.stringify(stored)) throw changed(folder, 'config.json');
}

const changed = (folder: string, what: string): DataError =>
  new DataError({
    operation: `load ${folder}`,
    received: `other ${what} than at the start`,
    expected: 'a folder that stays as it is while it is used',
  });
