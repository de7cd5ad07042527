/**
 * Diagnostic sets: AX (Wang et al. 2018), AX-b and AX-g (Wang et al. 2019). They have no training part: a model of another
 * task answers them. Where the labels are hidden, what it says is handed in to the benchmark.
 */
import { UsageError } from '../errors.ts';
import type { Dataset } from './dataset.ts';
import { datasets } from './datasets.ts';
import { requireFile } from './folder.ts';
import { expectedOf, type LoadOptions, taskOf } from './load.ts';
import { checkOutputs, choicesOf } from './outputs.ts';
import { sampleRows } from './sample.ts';
import { parseSource, type Source } from './source.ts';
import type { Output, Task } from './types.ts';

export interface Diagnostic {
  /** Its `train` is empty, and `score` throws a UsageError where the labels are hidden. */
  readonly task: Task;
  /** The task whose models answer it. */
  readonly of: string;
  /** Whether the file keeps labels to itself. */
  readonly hidden: boolean;
  /** What the benchmark calls the file that is handed in: `AX.tsv`. */
  readonly submissionName: string;
  /**
   * The file that is handed in: of GLUE TSV with `index` and `prediction`, of SuperGLUE JSONL with `idx` and `label`.
   * @param outputs one for each of `task.dev`, in order
   * @throws ShapeError for another number of outputs; DivergedError as `refuseDiverged`
   */
  submission(outputs: readonly Output[]): string;
}

const isDiagnostic = ({ diagnosticOf }: Dataset<unknown>): boolean => diagnosticOf !== undefined;

export const diagnosticNames: readonly string[] = datasets.filter(isDiagnostic).map(({ name }) => name);

/** A diagnostic set by name; undefined for a task that can be trained on, and for no task. */
export const findDiagnostic = (name: string): Dataset<unknown> | undefined =>
  datasets.find((dataset) => dataset.name === name && isDiagnostic(dataset));

/** What is wrong with training on a diagnostic set. */
export const refuseTraining = (operation: string, { name, title, diagnosticOf }: Dataset<unknown>): UsageError =>
  new UsageError({
    operation,
    received: `${name}, a diagnostic set`,
    expected: 'a task with a training part',
    advice: `${title} is answered by a model that was trained on ${diagnosticOf}: omoe eval --model DIR --task ${name} --data DIR.`,
  });

/** The official number of each record, which need not be its place in the file; its place where the file has none. */
const numbersOf = (source: Source, count: number): readonly (number | string)[] => {
  const places = Array.from({ length: count }, (_, i) => i);
  if (source.kind !== 'lines')
    return places.map((i) => {
      const { idx } = source.objects[i];
      return typeof idx === 'number' ? idx : i;
    });
  const column = source.lines[0].split('\t').indexOf('index');
  return column === -1 ? places : places.map((i) => source.lines[i + 1].split('\t')[column]);
};

/**
 * Loads a diagnostic set. `devLimit` samples it; `trainLimit` is not looked at.
 *
 * @throws DataError for a missing or malformed file
 */
export const loadDiagnostic = async (dataset: Dataset<unknown>, options: LoadOptions): Promise<Diagnostic> => {
  const { data, read, seed, devLimit } = options;
  const { files } = dataset.parts[0];
  const found = await requireFile(data, files, expectedOf(dataset, files[0]), read);
  const source = await parseSource(found.bytes, found.path);
  const { rows } = dataset.records(source, 'optional');
  const numbers = numbersOf(source, rows.length);
  const places = sampleRows([...rows.keys()], devLimit, seed, 'dev');
  const sampled = { train: [], dev: [{ name: '', rows: places.map((i) => rows[i]) }] };
  const task = taskOf(dataset, sampled, { ...options, trainLimit: null, devLimit: null });
  const hidden = task.dev.some(({ label }) => label < 0);
  return {
    task: hidden ? { ...task, score: () => refuseScore(dataset) } : task,
    of: dataset.diagnosticOf!,
    hidden,
    submissionName: `${dataset.title}.${dataset.suite === 'GLUE' ? 'tsv' : 'jsonl'}`,
    submission: (outputs) => {
      checkOutputs(dataset.title, outputs, places.length, dataset.classes.length);
      const said = [...choicesOf(outputs)].map((choice, i) => ({
        number: numbers[places[i]],
        label: dataset.classes[choice],
      }));
      if (dataset.suite === 'GLUE')
        return ['index\tprediction', ...said.map(({ number, label }) => `${number}\t${label}`), ''].join('\n');
      return said.map(({ number, label }) => `${JSON.stringify({ idx: number, label })}\n`).join('');
    },
  };
};

const refuseScore = ({ name, title, suite }: Dataset<unknown>): never => {
  throw new UsageError({
    operation: `score ${name}`,
    received: 'a file without labels',
    expected: 'one with labels',
    advice: `The labels of ${title} are with ${suite}, which scores what is handed in.`,
  });
};
