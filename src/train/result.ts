import * as v from 'valibot';
import { UsageError } from '../errors.ts';
import { checkDocument } from './document.ts';
import { baselineOf } from './plan.ts';
import { meanInterval, pairedInterval } from './statistics.ts';
import type { ComparePlan, MethodRun } from './types.ts';

/** The name and version of the document; docs/contract.md fixes its fields. Fields may be added, none removed. */
export const compareSchemaName = 'omoe.compare/1';

/** A measure over seeds: its mean, the 95 % t interval, and the value of each seed in the order of `seeds`. */
export interface Measure {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly values: readonly number[];
}

export interface MethodResult {
  readonly metric: Measure & { readonly name: string };
  /** Every official metric of the task by its name, the one above among them. */
  readonly scores: Readonly<Record<string, Measure>>;
  /** Mean cosine of the outputs of two experts for the same token. */
  readonly outputCosine: Measure | null;
  /** Linear CKA between the outputs of two experts. */
  readonly cka: Measure | null;
  readonly ckaDebiased: Measure | null;
  /** Mean cos² of the principal angles between expert output subspaces. */
  readonly overlap: Measure | null;
  readonly weightCosine: Measure | null;
  readonly weightDeltaCosine: Measure | null;
  readonly effectiveRank: Measure | null;
  readonly routing: {
    readonly entropy: Measure | null;
    readonly loadEntropy: Measure | null;
    readonly loadCv: Measure | null;
    readonly maxViolation: Measure | null;
    readonly deadExperts: Measure | null;
    readonly labelNmi: Measure | null;
    readonly domainNmi: Measure | null;
  };
  /** ‖ΔW projected‖ / ‖ΔW‖; null for a method that has no orthogonal steps, as are the next two. */
  readonly normKept: Measure | null;
  /** trace(Q) / rows: how much room is left to learn in. */
  readonly trace: Measure | null;
  /** ‖A₋ᵢᵀ ΔW‖ / (‖A₋ᵢ‖ ‖ΔW‖): what of the update still reaches the other experts' directions. */
  readonly leakage: Measure | null;
  readonly msPerStep: { readonly accumulate: number | null; readonly orthogonal: number | null };
  /** Largest |MoE − FFN| right after the exact upcycle, over all seeds. */
  readonly upcycleError: number;
  /** The largest that rounding explains of it, over all seeds; null where the copy is not exact (gates of k = 1). */
  readonly upcycleBound: number | null;
  /** Expert-by-expert output cosine, averaged over seeds: [expert][expert]. */
  readonly similarity: readonly (readonly number[])[];
  readonly warnings: readonly string[];
}

/** Method minus baseline, paired by seed. */
export interface Difference {
  readonly method: string;
  readonly baseline: string;
  readonly metric: Measure;
  readonly outputCosine: Measure;
}

export interface DataInfo {
  readonly source: string;
  /** Examples that were trained and measured on. */
  readonly train: number;
  readonly dev: number;
  /** How the two came about, where they are not the official files. */
  readonly split?: string;
}

export interface CompareResult {
  readonly schema: typeof compareSchemaName;
  readonly task: string;
  readonly data: DataInfo;
  readonly backend: string;
  readonly threads: number;
  readonly node: string;
  readonly seeds: readonly number[];
  readonly steps: number;
  readonly command: string;
  readonly methods: Readonly<Record<string, MethodResult>>;
  readonly differences: readonly Difference[];
  /** The embedded task at its size is a demonstration; nothing about language models follows from it. */
  readonly demonstration: boolean;
  /** The metric of the dense model that each seed's methods started from. */
  readonly dense: Measure | null;
  /** The metric of one answer for all, the most frequent one in training; absent in results of before it was measured. */
  readonly constant?: Measure | null;
  /** Trainable parameters of the dense and of the MoE model. */
  readonly parameters: { readonly dense: number; readonly moe: number } | null;
  readonly plan: ComparePlan;
}

/** What the plan and the runs do not know. */
export interface CompareInfo {
  readonly metricName: string;
  readonly data: DataInfo;
  /** The backend that ran, `auto` resolved. */
  readonly backend: string;
  readonly threads: number;
  readonly node: string;
  readonly command: string;
  readonly demonstration: boolean;
  /** One value a seed, in the order of the plan; absent when not known. */
  readonly denseMetrics?: readonly number[];
  readonly parameters?: { readonly dense: number; readonly moe: number };
}

/**
 * The runs of a comparison as one document: each measure averaged over seeds, each method paired with the baseline.
 *
 * A measure that a method does not have (null in any of its runs) is null, never an average over some of the seeds.
 *
 * @param runs one for each method and seed of the plan, in any order
 * @throws UsageError if a run is missing, double, or not of the plan
 */
export function aggregate(plan: ComparePlan, runs: readonly MethodRun[], info: CompareInfo): CompareResult {
  const runsOf = new Map(plan.methods.map(({ name }) => [name, orderedRuns(plan, runs, name)]));
  const expected = plan.methods.length * plan.seeds.length;
  if (runs.length !== expected) {
    throw new UsageError({
      operation: 'aggregate',
      received: `${runs.length} runs`,
      expected: `${expected}, one a method and seed`,
    });
  }
  const baseline = baselineOf(plan);
  const differences = plan.methods
    .filter(({ name }) => name !== baseline)
    .map(({ name }): Difference => {
      const paired = (value: (run: MethodRun) => number) =>
        pairedInterval(runsOf.get(name)!.map(value), runsOf.get(baseline)!.map(value));
      return {
        method: name,
        baseline,
        metric: paired((run) => run.metric),
        outputCosine: paired((run) => run.outputCosine),
      };
    });
  return {
    schema: compareSchemaName,
    task: plan.task,
    data: info.data,
    backend: info.backend,
    threads: info.threads,
    node: info.node,
    seeds: plan.seeds,
    steps: plan.steps,
    command: info.command,
    methods: Object.fromEntries([...runsOf].map(([name, own]) => [name, methodResult(own, info.metricName)])),
    differences,
    demonstration: info.demonstration,
    dense: info.denseMetrics === undefined ? null : meanInterval(info.denseMetrics),
    constant: methodMeasure(runsOf.get(baseline)!, (run) => run.constant),
    parameters: info.parameters ?? null,
    plan,
  };
}

function orderedRuns(plan: ComparePlan, runs: readonly MethodRun[], method: string): MethodRun[] {
  return plan.seeds.map((seed) => {
    const found = runs.filter((run) => run.method === method && run.seed === seed);
    if (found.length === 1) return found[0];
    throw new UsageError({
      operation: 'aggregate',
      received: `${found.length} runs of ${method} at seed ${seed}`,
      expected: 'one',
    });
  });
}

/** Over the runs; null where one of them has no such value. */
function methodMeasure(runs: readonly MethodRun[], value: (run: MethodRun) => number | null): Measure | null {
  const values = runs.map(value);
  return values.every((x) => x !== null) ? meanInterval(values) : null;
}

function methodResult(runs: readonly MethodRun[], metricName: string): MethodResult {
  const measure = (value: (run: MethodRun) => number | null) => methodMeasure(runs, value);
  return {
    metric: { name: metricName, ...meanInterval(runs.map((run) => run.metric)) },
    scores: Object.fromEntries(
      Object.keys(runs[0].scores).map((name) => [name, meanInterval(runs.map(({ scores }) => scores[name]))]),
    ),
    outputCosine: measure((run) => run.outputCosine),
    cka: measure((run) => run.cka),
    ckaDebiased: measure((run) => run.ckaDebiased),
    overlap: measure((run) => run.overlap),
    weightCosine: measure((run) => run.weightCosine),
    weightDeltaCosine: measure((run) => run.weightDeltaCosine),
    effectiveRank: measure((run) => run.effectiveRank),
    routing: {
      entropy: measure((run) => run.routing.entropy),
      loadEntropy: measure((run) => run.routing.loadEntropy),
      loadCv: measure((run) => run.routing.loadCv),
      maxViolation: measure((run) => run.routing.maxViolation),
      deadExperts: measure((run) => run.routing.deadExperts),
      labelNmi: measure((run) => run.routing.labelNmi),
      domainNmi: measure((run) => run.routing.domainNmi),
    },
    normKept: measure((run) => run.normKept),
    trace: measure((run) => run.trace),
    leakage: measure((run) => run.leakage),
    msPerStep: {
      accumulate: measure((run) => run.msPerStep.accumulate)?.mean ?? null,
      orthogonal: measure((run) => run.msPerStep.orthogonal)?.mean ?? null,
    },
    upcycleError: Math.max(...runs.map((run) => run.upcycleError)),
    upcycleBound: largest(runs.map((run) => run.upcycleBound)),
    similarity: meanMatrix(runs.map((run) => run.similarity)),
    warnings: [...new Set(runs.flatMap((run) => run.warnings))],
  };
}

/** The largest of the values; null if there is a null among them. */
const largest = (values: readonly (number | null)[]): number | null =>
  values.every((value) => value !== null) ? Math.max(...values) : null;

function meanMatrix(matrices: readonly (readonly (readonly number[])[])[]): number[][] {
  return matrices[0].map((row, i) =>
    row.map((_, j) => matrices.reduce((sum, m) => sum + m[i][j], 0) / matrices.length),
  );
}

// The same as a schema, for documents that come from a file. `looseObject`: unknown fields may be added.

/** A number, or one of the strings that stand for what JSON cannot write; decoded documents hold the numbers themselves. */
const number = v.union([v.number(), v.nan(), v.picklist(['NaN', 'Infinity', '-Infinity'])]);
const ends = { mean: number, low: number, high: number };
const measure = v.looseObject({ ...ends, values: v.array(number) });
const perhaps = v.nullable(measure);

const methodSchema = v.looseObject({
  metric: v.looseObject({ name: v.string(), ...ends, values: v.array(number) }),
  outputCosine: perhaps,
  cka: perhaps,
  weightDeltaCosine: perhaps,
  effectiveRank: perhaps,
  routing: v.looseObject({ entropy: perhaps, loadCv: perhaps, maxViolation: perhaps, deadExperts: perhaps }),
  normKept: perhaps,
  trace: perhaps,
  leakage: perhaps,
  msPerStep: v.looseObject({ accumulate: v.nullable(number), orthogonal: v.nullable(number) }),
});

/** The document that `compare` writes, as docs/contract.md promises it. */
export const compareResultSchema = v.looseObject({
  schema: v.literal(compareSchemaName),
  task: v.string(),
  data: v.looseObject({ source: v.string(), train: v.number(), dev: v.number() }),
  backend: v.string(),
  threads: v.number(),
  node: v.string(),
  seeds: v.pipe(v.array(v.number()), v.minLength(1)),
  steps: v.number(),
  command: v.string(),
  methods: v.record(v.string(), methodSchema),
  differences: v.array(
    v.looseObject({
      method: v.string(),
      baseline: v.string(),
      metric: v.looseObject(ends),
      outputCosine: v.looseObject(ends),
    }),
  ),
});

/** The contract, and what of this version's own fields a report reads. */
const reportSchema = v.looseObject({
  ...compareResultSchema.entries,
  methods: v.record(
    v.string(),
    v.looseObject({
      ...methodSchema.entries,
      upcycleError: number,
      upcycleBound: v.nullable(number),
      similarity: v.array(v.array(number)),
      warnings: v.array(v.string()),
    }),
  ),
  demonstration: v.boolean(),
  dense: perhaps,
  constant: v.optional(perhaps),
  parameters: v.nullable(v.looseObject({ dense: v.number(), moe: v.number() })),
  plan: v.looseObject({
    methods: v.array(
      v.looseObject({ name: v.string(), omoe: v.nullable(v.looseObject({ project: v.optional(v.string()) })) }),
    ),
    denseSteps: v.number(),
    batch: v.number(),
    model: v.looseObject({}),
  }),
});

/**
 * Checks a document read from result.json.
 *
 * @throws DataError naming the first field that is wrong
 */
export const checkCompareResult = (document: unknown, path = 'result.json'): CompareResult =>
  checkDocument(reportSchema, document, path, compareSchemaName);
