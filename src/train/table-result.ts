import * as v from 'valibot';
import { checkDocument } from './document.ts';
import type { CompareResult, Difference, Measure } from './result.ts';
import { meanInterval, pairedInterval } from './statistics.ts';

/** The name and version of the document that `omoe table` leaves. Fields may be added, none removed. */
export const tableSchemaName = 'omoe.table/1';

export interface TableMethod {
  readonly metric: Measure & { readonly name: string };
  /** Every official metric by its name, the one above among them. */
  readonly scores: Readonly<Record<string, Measure>>;
  /** How alike two experts answer the same tokens. */
  readonly outputCosine: Measure | null;
}

/** One task of the table: what its comparison found, by the methods as the table names them. */
export interface TableRow {
  readonly task: string;
  readonly title: string;
  /** Where the comparison lies, in the table's folder. */
  readonly folder: string;
  readonly data: {
    readonly source: string;
    readonly train: number;
    readonly dev: number;
    /** How the two came about, where they are not the official files. */
    readonly split: string | null;
    /** At most so many records were drawn, by each seed anew; null: all of them. */
    readonly trainLimit: number | null;
    readonly devLimit: number | null;
  };
  readonly seeds: readonly number[];
  /** Of each method, and of the dense model that the methods of a seed start from. */
  readonly steps: number;
  readonly denseSteps?: number;
  /** The metric of that dense model, and that of one answer for all; null where there is none. */
  readonly dense?: Measure | null;
  readonly constant?: Measure | null;
  /** The one that ran, with its threads. */
  readonly backend: string;
  /** How long the comparison took; null where it was finished before and nobody noted it. */
  readonly seconds: number | null;
  readonly command: string;
  readonly methods: Readonly<Record<string, TableMethod>>;
  readonly differences: readonly Difference[];
}

export interface TableFailure {
  readonly task: string;
  readonly title: string;
  readonly error: { readonly name: string; readonly exitCode: number; readonly message: string };
  readonly command: string;
}

export interface TableResult {
  readonly schema: typeof tableSchemaName;
  readonly suite: string;
  readonly model: string;
  readonly methods: readonly string[];
  /** The last command that the table was made or gone on with. */
  readonly command: string;
  readonly tasks: readonly TableRow[];
  readonly failures: readonly TableFailure[];
  /** The reported metrics and the cosines averaged over the tasks; null unless several have the same seeds, and all asked for finished. */
  readonly average: TableAverage | null;
}

export interface TableAverage {
  readonly methods: Readonly<Record<string, { readonly metric: Measure; readonly outputCosine: Measure | null }>>;
  readonly differences: readonly Difference[];
}

/** A backend without its threads, which change no number: `wasm:relaxed:2` is `wasm:relaxed`. */
export const withoutThreads = (backend: string): string => backend.replace(/:\d+$/, '');

/**
 * The row of a comparison.
 *
 * @param names the methods as the table has them, in the order of the comparison's own
 */
export function tableRow(
  { task, title, folder, seconds }: Pick<TableRow, 'task' | 'title' | 'folder' | 'seconds'>,
  names: readonly string[],
  result: CompareResult,
): TableRow {
  const own = result.plan.methods.map(({ name }) => name);
  const shown = (name: string): string => names[own.indexOf(name)] ?? name;
  const { source, train, dev, split } = result.data;
  const { trainLimit, devLimit } = result.plan;
  return {
    ...{ task, title, folder },
    data: { source, train, dev, split: split ?? null, trainLimit, devLimit },
    ...{ seeds: result.seeds, steps: result.steps, denseSteps: result.plan.denseSteps },
    ...{ dense: result.dense, constant: result.constant ?? null },
    ...{ backend: result.backend, seconds, command: result.command },
    methods: Object.fromEntries(
      own.map((name) => {
        const { metric, scores, outputCosine } = result.methods[name];
        return [shown(name), { metric, scores, outputCosine }];
      }),
    ),
    differences: result.differences.map(({ method, baseline, metric, outputCosine }) => ({
      ...{ method: shown(method), baseline: shown(baseline), metric, outputCosine },
    })),
  };
}

/**
 * Each seed's mean over the tasks, and its interval over the seeds: tasks of a suite count alike, as in GLUE's own average.
 *
 * @returns null for fewer than two tasks, or tasks of different seeds
 */
export function averageRow(rows: readonly TableRow[], methods: readonly string[]): TableAverage | null {
  const [first] = rows;
  if (rows.length < 2 || !rows.every(({ seeds }) => String(seeds) === String(first.seeds))) return null;
  const bySeed = (values: (row: TableRow) => readonly number[]): number[] =>
    first.seeds.map((_, s) => rows.reduce((sum, row) => sum + values(row)[s], 0) / rows.length);
  const metric = (name: string) => bySeed((row) => row.methods[name].metric.values);
  const hasCosine = (name: string) => rows.every((row) => row.methods[name].outputCosine !== null);
  const cosine = (name: string) => bySeed((row) => row.methods[name].outputCosine!.values);
  const baseline = first.differences[0]?.baseline;
  const others = methods.filter((name) => name !== baseline && hasCosine(name));
  return {
    methods: Object.fromEntries(
      methods.map((name) => [
        name,
        { metric: meanInterval(metric(name)), outputCosine: hasCosine(name) ? meanInterval(cosine(name)) : null },
      ]),
    ),
    differences:
      baseline === undefined
        ? []
        : others.map((method) => ({
            ...{ method, baseline },
            metric: pairedInterval(metric(method), metric(baseline)),
            outputCosine: pairedInterval(cosine(method), cosine(baseline)),
          })),
  };
}

const number = v.union([v.number(), v.nan(), v.picklist(['NaN', 'Infinity', '-Infinity'])]);
const ends = { mean: number, low: number, high: number, values: v.array(number) };
const measure = v.looseObject(ends);
const differences = v.array(
  v.looseObject({ method: v.string(), baseline: v.string(), metric: measure, outputCosine: measure }),
);

/** The document that `table` writes, as docs/contract.md promises it. */
export const tableResultSchema = v.looseObject({
  schema: v.literal(tableSchemaName),
  suite: v.string(),
  model: v.string(),
  methods: v.pipe(v.array(v.string()), v.minLength(1)),
  command: v.string(),
  tasks: v.array(
    v.looseObject({
      task: v.string(),
      title: v.string(),
      folder: v.string(),
      data: v.looseObject({
        ...{ source: v.string(), train: v.number(), dev: v.number(), split: v.nullable(v.string()) },
        ...{ trainLimit: v.nullable(v.number()), devLimit: v.nullable(v.number()) },
      }),
      seeds: v.pipe(v.array(v.number()), v.minLength(1)),
      steps: v.number(),
      denseSteps: v.optional(v.number()),
      dense: v.optional(v.nullable(measure)),
      constant: v.optional(v.nullable(measure)),
      backend: v.string(),
      seconds: v.nullable(v.number()),
      command: v.string(),
      methods: v.record(
        v.string(),
        v.looseObject({
          metric: v.looseObject({ name: v.string(), ...ends }),
          scores: v.record(v.string(), measure),
          outputCosine: v.nullable(measure),
        }),
      ),
      differences,
    }),
  ),
  failures: v.array(
    v.looseObject({
      task: v.string(),
      title: v.string(),
      error: v.looseObject({ name: v.string(), exitCode: v.number(), message: v.string() }),
      command: v.string(),
    }),
  ),
  average: v.nullable(
    v.looseObject({
      methods: v.record(v.string(), v.looseObject({ metric: measure, outputCosine: v.nullable(measure) })),
      differences,
    }),
  ),
});

/**
 * Checks a document read from table.json.
 *
 * @throws DataError naming the first field that is wrong
 */
export const checkTableResult = (document: unknown, path = 'table.json'): TableResult =>
  checkDocument(tableResultSchema, document, path, tableSchemaName);
