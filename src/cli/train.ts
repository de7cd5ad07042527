import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findGenerated } from '../tasks/generated.ts';
import { loadTask } from '../tasks/index.ts';
import { mainMetric } from '../tasks/score.ts';
import type { Task } from '../tasks/types.ts';
import { encoderTraining } from '../train/encoder-training.ts';
import { countParameters } from '../train/estimate.ts';
import { flagReader } from '../train/flags.ts';
import { encodeJson } from '../train/json.ts';
import { writeWhole } from '../train/run-folder.ts';
import { type TrainFlags, type TrainPlan, trainPlan } from '../train/train-plan.ts';
import type { Trained } from '../train/training.ts';
import { type ResolvedBackend, resolveBackend } from './backends.ts';
import { describeTraining } from './dry-run.ts';
import { type Environment, InterruptedError, type OutputFlags } from './environment.ts';
import { flagsOf, openTrainFolder } from './train-folder.ts';
import { scoresText } from './train-progress.ts';
import { carryOut } from './training-session.ts';

export interface TrainCommand extends TrainFlags, OutputFlags {
  readonly out?: string;
  readonly resume?: string;
  readonly threads?: string;
  readonly tensorboard?: boolean;
  readonly dryRun?: boolean;
}

/**
 * `omoe train`: one training in a folder of its own, or one that is taken up again.
 *
 * The first Ctrl-C lets the step end, saves and stops; the second aborts at once, which loses what came after the last
 * checkpoint and nothing else.
 *
 * @param command the command line that repeats it
 * @throws UsageError, DataError, DivergedError and the rest, each with its exit code; InterruptedError after a Ctrl-C
 */
export async function train(given: TrainCommand, command: string, environment: Environment): Promise<void> {
  const { stdout, stderr } = environment;
  const { out, resume, threads: wanted, tensorboard = false, dryRun = false, json, quiet, verbose: _, ...rest } = given;
  const flags = await flagsOf<TrainFlags>('train', rest, resume);
  const asked = trainPlan(flags);
  const threads = flagReader('train').integer('--threads', wanted, environment.cores, 1, 64);
  const backend = await resolveBackend(asked.backend);
  const plan = { ...asked, backend: backend.name };
  const say = (text: string) => {
    if (!quiet) stderr.write(`note: ${text}\n`);
  };
  for (const note of [...backend.device.notes, ...warningsOf(plan)]) say(note);
  const task = await loadTaskOf(plan);
  const training = encoderTraining(plan, task); // refuses a task that it cannot train, before a folder is made

  if (dryRun) {
    const described = describeTraining(plan, task, { threads, command });
    stdout.write(json ? `${encodeJson(described.json, 2)}\n` : `${described.text}\n`);
    return;
  }

  const folder = await openTrainFolder(
    { kind: 'train', name: `train-${plan.task}`, flags, plan, command },
    { out, resume, now: environment.now() },
  );
  for (const note of folder.notes) say(note);
  try {
    const extras = new Map([['config.json', configOf(plan, task)]]);
    const session = { command: 'train', folder, backend, threads, keep: plan.keep, tensorboard, extras };
    const document = await carryOut(training, session, given, environment, (trained) =>
      documentOf({ plan, task, backend, threads }, trained),
    );
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
}

const loadTaskOf = (plan: TrainPlan): Promise<Task> =>
  loadTask({
    task: plan.task,
    data: plan.data,
    vocab: plan.vocab,
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

function documentOf({ plan, task, backend, threads }: Job, { progress, ended }: Trained<unknown>) {
  const counts = countParameters({ ...plan.model, length: task.length }, task.vocabularySize, task.classes.length);
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

function resultText(result: ReturnType<typeof documentOf>): string {
  const { data, best, ended } = result;
  const kind = result.dense ? 'dense' : result.method;
  return [
    `omoe train: ${result.task}, ${kind}, ${data.train} training and ${data.dev} dev examples, ${result.steps} steps, seed ${result.seed}`,
    ended === 'patience' ? 'Stopped early: the evaluations no longer became better.' : '',
    `last: ${scoresText(result.scores)}`,
    best ? `best: ${scoresText({ [result.metric]: best.score })}, after ${best.step} steps` : '',
  ]
    .filter(Boolean)
    .join('\n');
}
