import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { countModel } from '../models/count.ts';
import { saveModel } from '../models/index.ts';
import { parametersOf } from '../optim/optimizer.ts';
import { flagReader } from '../train/flags.ts';
import { encodeJson } from '../train/json.ts';
import { type PretrainFlags, type PretrainPlan, pretrainConfig, pretrainPlan } from '../train/pretrain-plan.ts';
import { type Pretraining, type PretrainingText, pretraining, readPretrainingText } from '../train/pretraining.ts';
import { rehearsePretraining } from '../train/rehearse-pretraining.ts';
import { writeWhole } from '../train/run-folder.ts';
import { resolveBackend } from './backends.ts';
import { type Environment, InterruptedError, type OutputFlags } from './environment.ts';
import { costRows, costsOf, requireRoom, type Work, withThreads } from './measured-step.ts';
import { bestParameters, insteadOfBest, writeModelFolder } from './model-folder.ts';
import { textTable } from './table.ts';
import { flagsOf, openTrainFolder, posix } from './train-folder.ts';
import { carryOut } from './training-session.ts';

export interface PretrainCommand extends PretrainFlags, OutputFlags {
  readonly out?: string;
  readonly resume?: string;
  readonly last?: boolean;
  readonly threads?: string;
  readonly tensorboard?: boolean;
  readonly dryRun?: boolean;
}

/**
 * `omoe pretrain`: a small encoder from plain text by masked-language modelling, with a tokenizer that is trained on the text
 * or given. The folder of the run holds the model as Hugging Face lays it out, in `model/`.
 *
 * @param command the command line that repeats it
 * @throws UsageError, DataError, DivergedError and the rest, each with its exit code; InterruptedError after a Ctrl-C
 */
export async function pretrain(given: PretrainCommand, command: string, environment: Environment): Promise<void> {
  const { stdout, stderr } = environment;
  const {
    out,
    resume,
    last,
    threads: wanted,
    tensorboard = false,
    dryRun = false,
    json,
    quiet,
    verbose,
    ...rest
  } = given;
  const flags = await flagsOf<PretrainFlags>('pretrain', rest, { resume, last });
  const asked = pretrainPlan(flags);
  const threads = flagReader('pretrain').integer('--threads', wanted, environment.cores, 1, 64);
  const backend = await resolveBackend(asked.backend);
  const plan = { ...asked, backend: backend.name };
  const say = (text: string) => {
    if (!quiet) stderr.write(`note: ${text}\n`);
  };
  for (const note of backend.device.notes) say(note);
  const text = await readPretrainingText(plan, readFile);
  const training = pretraining(plan, text);
  const rehearsal = rehearsePretraining(plan, text);
  const work = pretrainingWork(plan, text, training, threads);
  if (dryRun) {
    const facts = factsOf(plan, text, training.unigram);
    const costs = await costsOf(rehearsal, work);
    const rows = [['parameters', `${costs.parameters.dense}`], ...costRows(costs, 1)];
    stdout.write(
      json
        ? `${encodeJson({ plan, ...facts, ...costs }, 2)}\n`
        : `${factsText(facts)}\n\n${textTable(['plan', ''], rows)}\n\nNothing was trained.\n`,
    );
    return;
  }
  await requireRoom('pretrain', rehearsal, work);

  const folder = await openTrainFolder(
    { kind: 'pretrain', name: 'pretrain', flags, plan, command },
    { out, resume, now: environment.now() },
  );
  for (const note of folder.notes) say(note);
  try {
    const began = performance.now();
    const session = { command: 'pretrain', folder, backend, threads, keep: plan.keep, tensorboard };
    const document = await carryOut(
      training,
      { ...session, extras: text.tokenizerFiles },
      given,
      environment,
      async ({ parameters: newest, progress, ended }, t) => {
        const { parameters, step: modelStep } = await bestParameters(t, folder.store, newest, progress, last);
        const instead = insteadOfBest(modelStep, progress);
        if (instead) say(instead);
        const files = new Map([...text.tokenizerFiles, ...(await saveModel(parameters, training.config))]);
        const model = join(folder.path, 'model');
        await writeModelFolder(posix(model), files);
        let size = 0;
        for (const { size: count } of parametersOf(parameters).values()) size += count;
        return {
          ...factsOf({ ...plan, steps: progress.step }, text, training.unigram),
          ...{ parameters: size, steps: progress.step, ended, seed: plan.seed },
          scores: progress.evaluations.at(-1)?.scores ?? {},
          best: progress.best,
          evaluations: progress.evaluations,
          seconds: (performance.now() - began) / 1000,
          ...{ modelFolder: model, modelStep, backend: backend.name, threads },
        };
      },
    );
    const result = { schema: 'omoe.pretrain/1', command, node: process.version, ...document };
    await writeWhole(join(folder.path, 'result.json'), `${encodeJson(result, 2)}\n`);
    stdout.write(json ? `${encodeJson(result, 2)}\n` : `${resultText(document, folder.path)}\n`);
  } catch (error) {
    if (!quiet && !(error instanceof InterruptedError)) stderr.write(`What was saved is kept in ${folder.path}\n`);
    throw error;
  } finally {
    await folder.store.close();
  }
}

function pretrainingWork(plan: PretrainPlan, text: PretrainingText, { config }: Pretraining, threads: number): Work {
  const evaluations = plan.evaluateEvery ? Math.ceil(plan.steps / plan.evaluateEvery) : 1;
  return {
    parameters: countModel(config, null, { pooler: false, mlm: true }),
    ...{ denseSteps: plan.steps, steps: 0, evaluated: evaluations * text.held.length },
    ...{ backend: withThreads(plan.backend, threads), processes: 1, machine: totalmem() },
  };
}

function factsOf(plan: PretrainPlan, { tokenizer, train, held, documents }: PretrainingText, unigram: number) {
  const tokens = (blocks: PretrainingText['train']) => blocks.reduce((sum, block) => sum + block.tokens.length, 0);
  const { width, hidden, layers, heads, positions } = pretrainConfig(plan, tokenizer.size, tokenizer.pad);
  return {
    text: plan.text,
    documents,
    tokens: { train: tokens(train), held: tokens(held) },
    blocks: { train: train.length, held: held.length },
    vocabulary: tokenizer.size,
    model: { width, hidden, layers, heads, positions },
    epochs: (plan.steps * plan.batch * plan.accumulate) / train.length,
    unigramPerplexity: unigram,
  };
}
type Facts = ReturnType<typeof factsOf>;

const factsText = ({ documents, tokens, blocks, vocabulary, model, epochs, unigramPerplexity }: Facts): string =>
  [
    textTable(
      ['part', 'documents', 'tokens', 'blocks'],
      (['train', 'held'] as const).map((part) => [
        part === 'held' ? 'held out' : 'training',
        ...[documents, tokens, blocks].map((counts) => `${counts[part]}`),
      ]),
    ),
    `${vocabulary} word pieces; BERT of ${model.layers} layers, width ${model.width}, hidden ${model.hidden}, ${model.heads} heads, ${model.positions} positions`,
    `${epochs.toFixed(2)} epochs; perplexity of frequencies alone ${unigramPerplexity.toFixed(1)}`,
  ].join('\n');

function resultText(
  result: Facts & {
    readonly parameters: number;
    readonly steps: number;
    readonly ended: string;
    readonly seconds: number;
    readonly best: { readonly step: number; readonly score: number } | null;
    readonly modelFolder: string;
    readonly modelStep: number;
  },
  folder: string,
): string {
  const { best } = result;
  const perplexity = best?.score;
  const unigram = result.unigramPerplexity;
  return [
    `omoe pretrain: ${result.parameters} parameters, ${result.steps} steps, ${result.seconds.toFixed(0)} s in this session`,
    result.ended === 'patience' ? 'Stopped early: the perplexities no longer became better.' : null,
    factsText(result),
    perplexity === undefined
      ? ''
      : `held-out perplexity ${perplexity.toFixed(1)}, that of frequencies alone is ${(unigram / perplexity).toFixed(1)} times as high`,
    '',
    `Model${best && best.step !== result.steps ? `, of step ${result.modelStep}` : ''}: ${result.modelFolder}`,
    `Run folder: ${folder}`,
  ]
    .filter((line) => line !== null)
    .join('\n');
}
