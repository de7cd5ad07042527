import type { Engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { nodeFiles } from '../io/node.ts';
import { longestInput } from '../models/config.ts';
import type { ModelParameters } from '../models/parameters.ts';
import { findDataset } from '../tasks/datasets.ts';
import { usualWindows } from '../tasks/qa/windows.ts';
import type { Example, Output } from '../tasks/types.ts';
import { answerText, type WrittenLine, type WrittenOptions, writtenExamples } from '../tasks/written-lines.ts';
import { readBytes, splitLines } from '../text/lines.ts';
import { readTokenizer } from '../text/read-tokenizer.ts';
import { predictTask } from '../train/evaluate.ts';
import { flagReader } from '../train/flags.ts';
import { encodeJson } from '../train/json.ts';
import {
  loadSavedModel,
  predictorOf,
  readSavedModel,
  requireVocabulary,
  type SavedModel,
} from '../train/saved-model.ts';
import { createEngine, resolveBackend } from './backends.ts';
import { type Environment, InterruptedError, type OutputFlags } from './environment.ts';

export interface PredictFlags extends OutputFlags {
  readonly model: string;
  readonly text?: string;
  readonly pairs?: boolean;
  readonly nullThreshold?: string;
  readonly best?: string;
  readonly length?: string;
  readonly batch?: string;
  readonly backend?: string;
  readonly threads?: string;
}

const { integer } = flagReader('predict');

/** Lines that are answered before the next are looked at: enough to sort by length, few enough to see something soon. */
const linesAtOnce = 512;

/**
 * `omoe predict`: what a model with a head says of each line of a text, in their order. A line without anything on it is
 * answered by an empty line.
 * @throws UsageError for two texts a line and a model of single ones, or the reverse, where its folder names its task;
 *   DataError for a text that is empty or not UTF-8, and for a line of other fields than the head asks for
 */
export async function predict(flags: PredictFlags, environment: Environment): Promise<void> {
  const { text, json = false, quiet } = flags;
  const model = await readSavedModel(flags.model, nodeFiles.read);
  requireTexts(model, flags.pairs ?? false);
  const { options, batch, threads } = await settingsOf(flags, model, environment);
  const name = text ?? 'the standard input';
  const read = text === undefined ? () => environment.readInput() : nodeFiles.read;
  const bytes = await readBytes(name, 'plain text', read);
  const lines = splitLines(bytes, name).map((line, i) => ({ number: i + 1, text: line }));
  const chunks = Array.from({ length: Math.ceil(lines.length / linesAtOnce) }, (_, i) =>
    lines.slice(i * linesAtOnce, (i + 1) * linesAtOnce),
  );
  // All lines are looked at before the first is answered: a wrong one is said at once.
  const asked = chunks.map((chunk) => ({ chunk, ...writtenExamples(chunk.filter(isWritten), name, options) }));
  const cut = asked.flatMap((one) => one.cut);
  const backend = await resolveBackend(flags.backend ?? 'auto');
  for (const note of [...backend.device.notes, ...(cut.length > 0 ? [cutNote(cut, options)] : [])])
    if (!quiet) environment.stderr.write(`note: ${note}\n`);

  const engine = await createEngine(backend.withThreads(threads));
  const stop = new AbortController();
  const ignore = environment.onInterrupt(() => (stop.signal.aborted ? environment.abort(130) : stop.abort()));
  try {
    const parameters = await loadSavedModel(engine, model, nodeFiles.read);
    const shortened = new Set(cut);
    for (const { chunk, examples, answers } of asked) {
      const outputs = await outputsOf(engine, model, parameters, examples, {
        ...{ batch, signal: stop.signal, length: options.length, padToken: options.tokenizer.pad },
      });
      const said = answers(outputs)[Symbol.iterator]();
      for (const line of chunk) {
        const answer = isWritten(line) ? said.next().value! : null;
        const about = { line: line.number, ...(shortened.has(line.number) ? { cut: true } : {}) };
        if (json)
          environment.stdout.write(`${encodeJson(answer ? { ...about, ...answer } : { ...about, empty: true })}\n`);
        else environment.stdout.write(`${answer ? answerText(answer) : ''}\n`);
      }
    }
  } finally {
    ignore();
    await engine.backend.dispose();
  }
}

const isWritten = ({ text }: WrittenLine): boolean => text.trim() !== '';

async function settingsOf(flags: PredictFlags, model: SavedModel, { cores }: Environment) {
  const { folder, config, head, classes } = model;
  const tokenizer = await readTokenizer(folder, nodeFiles.read);
  requireVocabulary(model, tokenizer.size);
  const options: WrittenOptions = {
    ...{ tokenizer, head: head.kind, classes, pairs: flags.pairs ?? false, marked: head.spans },
    length: integer('--length', flags.length, model.length, tokenizer.specials(true) + 1, longestInput(config)),
    best: flags.best === undefined ? null : integer('--best', flags.best, 1, 1),
    noAnswer: flags.nullThreshold === undefined ? null : threshold(flags.nullThreshold),
  };
  const batch = integer('--batch', flags.batch, 32, 1);
  return { options, batch, threads: integer('--threads', flags.threads, cores, 1, 64) };
}

/** A model of pairs gives an answer to a single text too, and the reverse; it means nothing. */
function requireTexts({ folder, head, trainedOn }: SavedModel, pairs: boolean): void {
  const dataset = trainedOn && findDataset(trainedOn.task);
  if (!dataset || (head.kind !== 'classify' && head.kind !== 'regress') || dataset.pairs === pairs) return;
  throw new UsageError({
    operation: `predict --model ${folder}`,
    received: pairs ? '--pairs' : 'no --pairs',
    expected: pairs
      ? `none: it was trained on ${dataset.name}, whose examples are single texts`
      : `--pairs: it was trained on ${dataset.name}, whose examples are two texts`,
  });
}

function threshold(text: string): number {
  if (/^-?(\d+\.?\d*|\.\d+)$/.test(text)) return Number(text);
  throw new UsageError({
    operation: 'predict --null-threshold',
    received: `"${text}"`,
    expected: 'a difference of scores',
  });
}

function cutNote(cut: readonly number[], { head, length }: WrittenOptions): string {
  const lines = cut.length === 1 ? `line ${cut[0]}` : `${cut.length} lines, the first of them ${cut[0]},`;
  const were = cut.length === 1 ? 'was' : 'were';
  return head === 'span'
    ? `the question${cut.length === 1 ? '' : 's'} of ${lines} ${were} cut to ${usualWindows(length).questionLength} word pieces.`
    : `${lines} ${were} cut to ${length} tokens.`;
}

interface Batching {
  readonly batch: number;
  readonly signal: AbortSignal;
  readonly length: number;
  readonly padToken: number;
}

/** @throws InterruptedError where it was asked to stop */
async function outputsOf(
  t: Engine,
  model: SavedModel,
  parameters: ModelParameters,
  examples: readonly Example[],
  { batch, signal, ...task }: Batching,
): Promise<Output[]> {
  const outputs: Output[] = [];
  // Examples of unlike numbers of choices do not fit into one batch.
  const counts = new Set(examples.map(({ choices }) => choices?.length ?? 0));
  for (const count of counts) {
    const places = [...examples.keys()].filter((i) => (examples[i].choices?.length ?? 0) === count);
    const dev = places.map((place) => examples[place]);
    const found = await predictTask(
      t,
      predictorOf(model),
      parameters,
      { ...task, head: model.head.kind, dev },
      { batch, signal },
    );
    if (!found)
      throw new InterruptedError({
        operation: 'predict',
        received: 'a request to stop',
        expected: 'to run to its end',
      });
    for (const [i, place] of places.entries()) outputs[place] = found[i];
  }
  return outputs;
}
