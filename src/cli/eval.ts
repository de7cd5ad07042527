import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import { nodeFiles } from '../io/node.ts';
import { findGenerated } from '../tasks/generated.ts';
import { loadTask } from '../tasks/index.ts';
import { mainMetric } from '../tasks/score.ts';
import type { Scores, Task } from '../tasks/types.ts';
import { readTokenizer } from '../text/read-tokenizer.ts';
import { evaluateTask } from '../train/evaluate.ts';
import { flagReader } from '../train/flags.ts';
import { encodeJson } from '../train/json.ts';
import { checkFiles, largestSeed } from '../train/plan.ts';
import { loadSavedModel, predictorOf, readSavedModel, requireTask, type SavedModel } from '../train/saved-model.ts';
import { createEngine, resolveBackend } from './backends.ts';
import { type Environment, InterruptedError, type OutputFlags } from './environment.ts';

export interface EvalFlags extends OutputFlags {
  readonly model: string;
  readonly task: string;
  readonly data?: string;
  readonly split?: string;
  readonly devLimit?: string;
  readonly length?: string;
  readonly batch?: string;
  readonly seed?: string;
  readonly backend?: string;
  readonly threads?: string;
}

const { integer } = flagReader('eval');

/**
 * `omoe eval`: the official metrics of a model with a head, on the dev part of a task.
 * @throws UsageError for a head that does not answer the task; DataError for a folder that cannot be read
 */
export async function evaluateModel(flags: EvalFlags, command: string, environment: Environment): Promise<void> {
  const { stdout, stderr } = environment;
  const { model: folder, task: name, data, split = 'dev', json, quiet } = flags;
  checkFiles(name, { data, model: folder }, 'eval');
  if (split !== 'dev' && split !== 'test')
    throw new UsageError({ operation: 'eval --split', received: `"${split}"`, expected: 'dev or test' });
  const model = await readSavedModel(folder, nodeFiles.read);
  const batch = integer('--batch', flags.batch, 64, 1);
  const threads = integer('--threads', flags.threads, environment.cores, 1, 64);
  const seed = seedOf(flags, model);
  const task = await loadTask({
    ...{ task: name, data, read: readFile, measure: split },
    tokenizer: findGenerated(name) ? undefined : await readTokenizer(folder, nodeFiles.read),
    seed,
    length: integer('--length', flags.length, model.length, 2),
    trainLimit: 1, // nobody looks at the training examples
    devLimit: flags.devLimit === undefined ? null : integer('--dev-limit', flags.devLimit, 1, 1),
  });
  requireTask(model, task);
  const backend = await resolveBackend(flags.backend ?? 'auto');
  const unnamed = !model.named && task.classes.length > 0;
  for (const note of [
    ...backend.device.notes,
    ...(unnamed ? ['the classes of the head have no names: their order is taken for that of the task.'] : []),
  ])
    if (!quiet) stderr.write(`note: ${note}\n`);

  const engine = await createEngine(backend.withThreads(threads));
  const stop = new AbortController();
  const ignore = environment.onInterrupt(() => (stop.signal.aborted ? environment.abort(130) : stop.abort()));
  try {
    const parameters = await loadSavedModel(engine, model, nodeFiles.read);
    const evaluation = { batch, signal: stop.signal };
    const scores = await evaluateTask(engine, predictorOf(model), parameters, task, evaluation);
    if (!scores)
      throw new InterruptedError({ operation: 'eval', received: 'a request to stop', expected: 'to run to its end' });
    const document = {
      ...{ schema: 'omoe.eval/1', command, node: process.version, model: folder, head: model.head, task: name },
      data: { source: task.source, split: task.split ?? split, examples: task.dev.length },
      ...{ length: task.length, seed, metric: mainMetric(task), scores, backend: backend.name, threads },
    };
    stdout.write(json ? `${encodeJson(document, 2)}\n` : asText(folder, task, split, scores));
  } finally {
    ignore();
    await engine.backend.dispose();
  }
}

/**
 * That of the training unless stated. A generated task is drawn by it, training and dev part together: under another seed what
 * is measured on may have been trained on.
 * @throws UsageError for a generated task and another seed than the training's, or none where the folder does not know it
 */
function seedOf({ seed: given, task: name }: EvalFlags, { folder, trainedOn }: SavedModel): number {
  const seed = integer('--seed', given, trainedOn?.seed ?? 0, 0, largestSeed);
  if (!findGenerated(name)) return seed;
  const refuse = (received: string, expected: string) =>
    new UsageError({
      operation: 'eval --seed',
      received,
      expected,
      advice: 'The seed draws the training and the dev part: another one measures on examples that were trained on.',
    });
  if (trainedOn?.task === name && seed !== trainedOn.seed)
    throw refuse(`${seed}`, `${trainedOn.seed}, that of the training of ${folder}`);
  if (trainedOn === null && given === undefined)
    throw refuse(`none, and ${folder}, which does not say its own`, 'the seed of its training');
  return seed;
}

function asText(folder: string, task: Task, split: string, scores: Scores): string {
  const wide = Math.max(...Object.keys(scores).map((metric) => metric.length));
  return [
    `omoe eval: ${folder} on ${task.name}, ${task.dev.length} ${split} examples${task.split ? ` (${task.split})` : ''}`,
    ...Object.entries(scores).map(([metric, value]) => `${metric.padEnd(wide)}  ${value.toFixed(4)}`),
    '',
  ].join('\n');
}
