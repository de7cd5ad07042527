import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import { writeWhole } from '../io/files.ts';
import { nodeFiles } from '../io/node.ts';
import { type Diagnostic, diagnosticNames, findDiagnostic, loadDiagnostic } from '../tasks/diagnostic.ts';
import { findGenerated } from '../tasks/generated.ts';
import { loadTask } from '../tasks/index.ts';
import { choicesOf } from '../tasks/outputs.ts';
import { mainMetric, scoreTask } from '../tasks/score.ts';
import type { Output, Scores, Task } from '../tasks/types.ts';
import { readTokenizer } from '../text/read-tokenizer.ts';
import { predictTask } from '../train/evaluate.ts';
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
  readonly predictions?: string;
  readonly devLimit?: string;
  readonly length?: string;
  readonly batch?: string;
  readonly seed?: string;
  readonly backend?: string;
  readonly threads?: string;
}

const { integer } = flagReader('eval');

/**
 * `omoe eval`: the official metrics of a model with a head, on the dev part of a task or on a diagnostic set. Where the labels
 * of that are hidden, what the model says is written as the benchmark takes it.
 * @throws UsageError for a head that does not answer the task; DataError for a folder that cannot be read
 */
export async function evaluateModel(flags: EvalFlags, command: string, environment: Environment): Promise<void> {
  const { stdout, stderr } = environment;
  const { model: folder, task: name, data, predictions, json, quiet } = flags;
  checkFiles(name, { data, model: folder }, 'eval');
  const diagnostic = findDiagnostic(name);
  const split = splitOf(flags, diagnostic !== undefined);
  checkPredictions(flags, diagnostic !== undefined);
  const model = await readSavedModel(folder, nodeFiles.read);
  const batch = integer('--batch', flags.batch, 64, 1);
  const threads = integer('--threads', flags.threads, environment.cores, 1, 64);
  const seed = seedOf(flags, model);
  const options = {
    ...{ read: readFile, seed, length: integer('--length', flags.length, model.length, 2) },
    trainLimit: 1, // nobody looks at the training examples
    devLimit: flags.devLimit === undefined ? null : integer('--dev-limit', flags.devLimit, 1, 1),
  };
  const tokenizer = findGenerated(name) ? undefined : await readTokenizer(folder, nodeFiles.read);
  const set = diagnostic && (await loadDiagnostic(diagnostic, { ...options, data: data!, tokenizer: tokenizer! }));
  const measure = split === 'test' ? 'test' : 'dev';
  const task = set?.task ?? (await loadTask({ ...options, task: name, data, tokenizer, measure }));
  requireTask(model, task);
  if (set) requireDiagnostic(flags, model, set);
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
    const outputs = await predictTask(engine, predictorOf(model), parameters, task, evaluation);
    if (!outputs)
      throw new InterruptedError({ operation: 'eval', received: 'a request to stop', expected: 'to run to its end' });
    const scores = set?.hidden ? {} : scoreTask(task, outputs);
    if (set && predictions !== undefined)
      await writeWhole(nodeFiles, predictions, new TextEncoder().encode(set.submission(outputs)));
    const predicted = predictions === undefined ? undefined : { file: predictions, classes: countsOf(task, outputs) };
    const document = {
      ...{ schema: 'omoe.eval/1', command, node: process.version, model: folder, head: model.head, task: name },
      data: { source: task.source, split: task.split ?? split, examples: task.dev.length },
      ...{ length: task.length, seed, metric: mainMetric(task), scores, backend: backend.name, threads },
      ...(predicted ? { predictions: predicted } : {}),
    };
    stdout.write(json ? `${encodeJson(document, 2)}\n` : asText(folder, task, split, { scores, predicted }));
  } finally {
    ignore();
    await engine.backend.dispose();
  }
}

/** What is measured on. @throws UsageError for a part that there is not */
function splitOf({ split, task }: EvalFlags, diagnostic: boolean): 'dev' | 'test' | 'diagnostic' {
  const refuse = (expected: string) => new UsageError({ operation: 'eval --split', received: `"${split}"`, expected });
  if (diagnostic) {
    if (split === undefined) return 'diagnostic';
    throw refuse(`no --split: ${task} has one part, its diagnostic file`);
  }
  if (split === undefined || split === 'dev' || split === 'test') return split ?? 'dev';
  throw refuse('dev or test');
}

/** @throws UsageError for a task without such a file, a file that is there, and a sample, which no benchmark takes */
function checkPredictions({ task, predictions, devLimit }: EvalFlags, diagnostic: boolean): void {
  if (predictions === undefined) return;
  const refuse = (received: string, expected: string, advice?: string) =>
    new UsageError({ operation: 'eval --predictions', received, expected, advice });
  if (!diagnostic)
    throw refuse(`the task ${task}`, diagnosticNames.join(', '), 'omoe predict answers the lines of any text.');
  if (devLimit !== undefined) throw refuse('--dev-limit', 'all examples, as the benchmark does');
  if (existsSync(predictions))
    throw refuse(`${predictions}, which is there already`, 'a new file', 'Nothing is overwritten.');
}

/**
 * @throws UsageError for a model that was trained on another task than the one that answers this set, where its folder says so;
 *   for hidden labels and no file to write to
 */
function requireDiagnostic({ predictions }: EvalFlags, model: SavedModel, set: Diagnostic): void {
  const { name } = set.task;
  const { folder, trainedOn } = model;
  if (trainedOn && trainedOn.task !== set.of)
    throw new UsageError({
      operation: `${folder} on ${name}`,
      received: `a model that was trained on ${trainedOn.task}`,
      expected: `one that was trained on ${set.of}`,
    });
  if (set.hidden && predictions === undefined)
    throw new UsageError({
      operation: `eval --task ${name}`,
      received: 'a file without labels, and no --predictions FILE',
      expected: `--predictions ${set.submissionName}, which the benchmark scores`,
    });
}

/** How many examples get each class. */
function countsOf({ classes }: Task, outputs: readonly Output[]): Readonly<Record<string, number>> {
  const choices = choicesOf(outputs);
  return Object.fromEntries(classes.map((name, i) => [name, choices.filter((choice) => choice === i).length]));
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

interface Said {
  readonly scores: Scores;
  readonly predicted?: { readonly file: string; readonly classes: Readonly<Record<string, number>> };
}

function asText(folder: string, task: Task, split: string, { scores, predicted }: Said): string {
  const lines = [
    ...Object.entries(scores).map(([metric, value]) => [metric, value.toFixed(4)]),
    ...(predicted ? [['predictions', predicted.file]] : []),
    ...Object.entries(predicted?.classes ?? {}).map(([name, count]) => [`  ${name}`, String(count)]),
  ];
  const wide = Math.max(...lines.map(([name]) => name.length));
  const hidden = Object.keys(scores).length === 0 ? ' without labels' : '';
  return [
    `omoe eval: ${folder} on ${task.name}, ${task.dev.length} ${split} examples${hidden}${task.split ? ` (${task.split})` : ''}`,
    ...lines.map(([name, value]) => `${name.padEnd(wide)}  ${value}`),
    '',
  ].join('\n');
}
