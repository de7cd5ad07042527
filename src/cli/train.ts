import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFiles } from '../io/node.ts';
import { writeConfig } from '../models/config.ts';
import { countModel } from '../models/count.ts';
import { saveModel } from '../models/folder.ts';
import type { ModelParameters } from '../models/parameters.ts';
import { findGenerated } from '../tasks/generated.ts';
import { loadTask } from '../tasks/index.ts';
import { mainMetric } from '../tasks/score.ts';
import type { Task } from '../tasks/types.ts';
import { readTokenizer } from '../text/read-tokenizer.ts';
import { readTokenizerFiles } from '../text/tokenizer-files.ts';
import { type BaseModel, readBaseModel } from '../train/base-model.ts';
import { encoderTraining, type TaskTraining, taskTraining } from '../train/encoder-training.ts';
import { countParameters, type ParameterCount } from '../train/estimate.ts';
import { flagReader } from '../train/flags.ts';
import { encodeJson } from '../train/json.ts';
import { headOf, pretrained, sparseConfig } from '../train/pretrained.ts';
import { withSumOf } from '../train/pretrained-plan.ts';
import { writeWhole } from '../train/run-folder.ts';
import { type TrainFlags, type TrainPlan, trainPlan } from '../train/train-plan.ts';
import type { Trained } from '../train/training.ts';
import type { PretrainedPlan } from '../train/types.ts';
import { type ResolvedBackend, resolveBackend } from './backends.ts';
import { describeFineTuning, fineTuningWork } from './describe-fine-tuning.ts';
import { describeTraining } from './dry-run.ts';
import { type Environment, InterruptedError, type OutputFlags } from './environment.ts';
import { requireRoom } from './measured-step.ts';
import { bestParameters, insteadOfBest, writeModelFolder } from './model-folder.ts';
import { flagsOf, openTrainFolder, posix } from './train-folder.ts';
import { scoresText } from './train-progress.ts';
import { carryOut } from './training-session.ts';

export interface TrainCommand extends TrainFlags, OutputFlags {
  readonly out?: string;
  readonly resume?: string;
  readonly last?: boolean;
  readonly threads?: string;
  readonly tensorboard?: boolean;
  readonly dryRun?: boolean;
}

/**
 * `omoe train`: one training in a folder of its own, or one that is taken up again. Of a fine-tuned model the folder holds, at
 * the end, `model/`: the parameters of the best evaluation as Hugging Face lays them out, with head, class names and tokenizer.
 *
 * The first Ctrl-C lets the step end, saves and stops; the second aborts at once, which loses what came after the last
 * checkpoint and nothing else.
 *
 * @param command the command line that repeats it
 * @throws UsageError, DataError, DivergedError and the rest, each with its exit code; InterruptedError after a Ctrl-C
 */
export async function train(given: TrainCommand, command: string, environment: Environment): Promise<void> {
  const { out, resume, last, threads: wanted, tensorboard, dryRun, json, quiet, verbose: _, ...rest } = given;
  const flags = await flagsOf<TrainFlags>('train', rest, { resume, last });
  const base =
    flags.model === undefined ? null : await readBaseModel(flags.model, nodeFiles.read, flags.fresh || dryRun);
  const asked = trainPlan(flags, base);
  const threads = flagReader('train').integer('--threads', wanted, environment.cores, 1, 64);
  const backend = await resolveBackend(asked.backend);
  const plan = { ...asked, backend: backend.name };
  for (const note of [...backend.device.notes, ...warningsOf(plan)])
    if (!quiet) environment.stderr.write(`note: ${note}\n`);
  const task = await loadTaskOf(plan);
  const job = { plan, task, backend, threads, flags };
  if (base && plan.pretrained) {
    const own = { ...plan, pretrained: plan.pretrained };
    if (dryRun) {
      const { json: document, text } = await describeFineTuning(own, task, base.config, { threads, command });
      environment.stdout.write(json ? `${encodeJson(document, 2)}\n` : `${text}\n`);
      return;
    }
    const { rehearsal, work } = fineTuningWork(own, task, base.config, threads);
    await requireRoom('train --model', rehearsal, work);
    const tuned = fineTuned(own, task, base);
    await carryOutTraining(tuned.training, { ...job, ...tuned }, given, command, environment);
  } else {
    const training = encoderTraining(plan, task); // refuses a task that it cannot train, before a folder is made
    const { dense, moe, active } = countParameters(
      { ...plan.model, length: task.length },
      task.vocabularySize,
      task.classes.length,
    );
    const config = configOf(plan, task);
    const own = { counts: { dense, moe, active }, config, filesOf: null };
    await carryOutTraining(training, { ...job, ...own }, given, command, environment);
  }
}

/** The fine-tuning of a folder's model, and what is left of it. */
function fineTuned(plan: TrainPlan & { readonly pretrained: PretrainedPlan }, task: Task, base: BaseModel) {
  const { config } = base;
  const learner = pretrained(withSumOf(plan, base), task, config, nodeFiles.read);
  const head = headOf(task);
  const sparse = sparseConfig(plan, config);
  const moe = sparse.moe && { ...sparse.moe, balanceLoss: plan.balanceLoss };
  const own = plan.dense ? config : { ...sparse, moe };
  return {
    training: taskTraining(plan, task, learner),
    counts: countModel(sparse, head),
    config: new TextEncoder().encode(writeConfig(own)),
    /** The folder of the model; a generated task has words of its own, which no tokenizer cuts. */
    async filesOf(parameters: ModelParameters): Promise<Map<string, Uint8Array>> {
      const named = head.kind === 'classify' || head.kind === 'tag' ? { classes: task.classes } : {};
      const { folder } = plan.pretrained;
      const tokenizer = findGenerated(plan.task) ? [] : await readTokenizerFiles(folder, nodeFiles.read);
      return new Map([
        ...tokenizer,
        ...(await saveModel(parameters, own, {
          head,
          length: task.length,
          trainedOn: { task: plan.task, seed: plan.seed },
          ...named,
        })),
      ]);
    },
  };
}

/** Trains, and writes what the run folder keeps. */
async function carryOutTraining<P, B>(
  training: TaskTraining<P, B>,
  job: Job & {
    readonly flags: TrainFlags;
    /** For every checkpoint: what the model is. */
    readonly config: Uint8Array;
    /** The files of `model/`; null for an encoder that has no folder. */
    readonly filesOf: ((parameters: P) => Promise<Map<string, Uint8Array>>) | null;
  },
  given: TrainCommand,
  command: string,
  environment: Environment,
): Promise<void> {
  const { plan, task, backend, threads, flags, filesOf } = job;
  const { out, resume, last, tensorboard = false, dryRun = false, json, quiet } = given;
  const { stdout, stderr } = environment;
  if (dryRun) {
    const described = describeTraining(plan, task, { threads, command, counts: job.counts });
    stdout.write(json ? `${encodeJson(described.json, 2)}\n` : `${described.text}\n`);
    return;
  }
  const folder = await openTrainFolder(
    { kind: 'train', name: `train-${plan.task}`, flags, plan, command },
    { out, resume, now: environment.now() },
  );
  for (const note of folder.notes) if (!quiet) stderr.write(`note: ${note}\n`);
  try {
    const extras = new Map([['config.json', job.config]]);
    const session = { command: 'train', folder, backend, threads, keep: plan.keep, tensorboard, extras };
    const document = await carryOut(training, session, given, environment, async (trained, t) => {
      const described = documentOf(job, trained);
      if (!filesOf) return described;
      const chosen = await bestParameters(t, folder.store, trained.parameters, trained.progress, last);
      const instead = insteadOfBest(chosen.step, trained.progress);
      if (instead && !quiet) stderr.write(`note: ${instead}\n`);
      const modelFolder = posix(join(folder.path, 'model'));
      await writeModelFolder(modelFolder, await filesOf(chosen.parameters));
      return { ...described, modelFolder, modelStep: chosen.step };
    });
    const result = { schema: 'omoe.train/1', command, node: process.version, ...document };
    await writeWhole(join(folder.path, 'result.json'), `${encodeJson(result, 2)}\n`);
    stdout.write(json ? `${encodeJson(result, 2)}\n` : `${resultText(document)}\n\nRun folder: ${folder.path}\n`);
    if (json && !quiet) stderr.write(`Run folder: ${folder.path}\n`);
  } catch (error) {
    if (!quiet && !(error instanceof InterruptedError)) stderr.write(`What was saved is kept in ${folder.path}\n`);
    throw error;
  } finally {
    await folder.store.close();
  }
}

interface Job {
  readonly plan: TrainPlan;
  readonly task: Task;
  readonly backend: ResolvedBackend;
  readonly threads: number;
  readonly counts: ParameterCount;
}

const loadTaskOf = async (plan: TrainPlan): Promise<Task> =>
  loadTask({
    task: plan.task,
    data: plan.data,
    vocab: plan.vocab,
    tokenizer:
      plan.pretrained && plan.data !== undefined
        ? await readTokenizer(plan.pretrained.folder, nodeFiles.read)
        : undefined,
    read: readFile,
    seed: plan.seed,
    length: plan.model.length,
    trainLimit: plan.trainLimit,
    devLimit: plan.devLimit,
  });

function warningsOf({ method: { name, omoe }, steps }: TrainPlan): string[] {
  if (omoe === null || omoe.orthogonalSteps === 0 || steps > omoe.accumulateSteps) return [];
  return [
    `${name} has no orthogonal step: ${steps} steps end within its first ${omoe.accumulateSteps} accumulating ones.`,
  ];
}

/** What the model is, with the names that other libraries have for it. */
function configOf(
  { model, dense, balanceLoss }: TrainPlan,
  { vocabularySize, classes, name, length }: Task,
): Uint8Array {
  const config = {
    model_type: 'omoe-encoder',
    hidden_size: model.width,
    intermediate_size: model.ffn,
    num_hidden_layers: model.layers,
    num_attention_heads: model.heads,
    vocab_size: vocabularySize,
    max_position_embeddings: length,
    ...(dense
      ? {}
      : { num_local_experts: model.experts, num_experts_per_tok: model.topK, router_aux_loss_coef: balanceLoss }),
    task: name,
    labels: classes,
  };
  return new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`);
}

function documentOf({ plan, task, backend, threads, counts }: Job, { progress, ended }: Trained<unknown>) {
  return {
    task: plan.task,
    data: { source: task.source, train: task.train.length, dev: task.dev.length },
    method: plan.method.name,
    dense: plan.dense,
    seed: plan.seed,
    steps: progress.step,
    ended,
    metric: mainMetric(task),
    scores: progress.evaluations.at(-1)?.scores ?? {},
    best: progress.best,
    evaluations: progress.evaluations,
    parameters: plan.dense ? counts.dense : counts.moe,
    ...{ backend: backend.name, threads },
    demonstration: findGenerated(plan.task) !== undefined,
  };
}

function resultText(
  result: ReturnType<typeof documentOf> & { readonly modelFolder?: string; readonly modelStep?: number },
): string {
  const { data, best, ended, modelFolder, modelStep, steps } = result;
  const kind = result.dense ? 'dense' : result.method;
  return [
    `omoe train: ${result.task}, ${kind}, ${data.train} training and ${data.dev} dev examples, ${result.steps} steps, seed ${result.seed}`,
    ended === 'patience' ? 'Stopped early: the evaluations no longer became better.' : '',
    `last: ${scoresText(result.scores)}`,
    best ? `best: ${scoresText({ [result.metric]: best.score })}, after ${best.step} steps` : '',
    modelFolder ? `model${best && best.step !== steps ? `, of step ${modelStep}` : ''}: ${modelFolder}` : '',
  ]
    .filter(Boolean)
    .join('\n');
}
