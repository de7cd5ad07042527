import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { renderReport } from '../report/report.ts';
import {
  columnNotes,
  differenceNote,
  differenceSentence,
  honestLabel,
  summaryTable,
  upcycleSentences,
} from '../report/summary.ts';
import { findGenerated } from '../tasks/generated.ts';
import { mainMetric } from '../tasks/score.ts';
import type { Task } from '../tasks/types.ts';
import { readBaseModel } from '../train/base-model.ts';
import { requireSingleTexts } from '../train/classifier-trainee.ts';
import { begin } from '../train/compare.ts';
import { countParameters } from '../train/estimate.ts';
import { encodeJson } from '../train/json.ts';
import { type CompareFlags, comparePlan, integer, planWarnings } from '../train/plan.ts';
import { trainingPool } from '../train/pool.ts';
import { withShapeOf, withSumOf } from '../train/pretrained-plan.ts';
import { aggregate, type CompareResult } from '../train/result.ts';
import { createRunFolder, type RunFolder } from '../train/run-folder.ts';
import { runComparison } from '../train/schedule.ts';
import type { ComparePlan, MethodRun, StepEvent } from '../train/types.ts';
import { resolveBackend } from './backends.ts';
import { describeFineTunedPlan, fineTunedCount, rehearsalOf } from './describe-fine-tuning.ts';
import { describePlan } from './dry-run.ts';
import { type Environment, InterruptedError, type OutputFlags } from './environment.ts';
import { requireRoom } from './measured-step.ts';
import { type Progress, progressOf } from './progress.ts';
import { textTable } from './table.ts';

export interface CompareCommand extends CompareFlags, OutputFlags {
  readonly out?: string;
  readonly threads?: string;
  readonly dryRun?: boolean;
}

/**
 * `omoe compare`: trains each method at each seed, measures, and leaves a run folder.
 * Everything that can be refused is refused before anything is trained, and before a folder is made.
 *
 * @param command the command line that repeats it, for the report
 * @throws UsageError, DataError, DivergedError and the rest, each with its exit code
 */
export async function compare(flags: CompareCommand, command: string, environment: Environment): Promise<void> {
  const { stdout, stderr } = environment;
  const asked = comparePlan(flags);
  const { device, withThreads } = await resolveBackend(asked.backend);
  const wanted = integer('--threads', flags.threads, environment.cores, 1, 1024);
  // More processes than jobs that can run side by side would only wait; what is left over are threads of each.
  const threads = Math.min(wanted, asked.seeds.length * asked.methods.length);
  const backend = withThreads(Math.max(1, Math.floor(wanted / threads)));
  const unread = flags.fresh || flags.dryRun;
  const base = asked.pretrained ? await readBaseModel(asked.pretrained.folder, readFile, unread) : null;
  const config = base?.config ?? null;
  const sized = base ? withSumOf(withShapeOf(asked, base.config, flags, 'compare'), base) : asked;
  const plan = { ...sized, backend };
  if (!flags.quiet) for (const note of [...device.notes, ...planWarnings(plan)]) stderr.write(`note: ${note}\n`);
  const task = await loadFirst(plan);
  const { pretrained } = plan;
  const tuned = config && pretrained ? ([{ ...plan, pretrained }, task, config] as const) : null;

  if (flags.dryRun) {
    const run = { threads, backend, command };
    const described = tuned ? await describeFineTunedPlan(...tuned, run) : describePlan(plan, task, run);
    stdout.write(flags.json ? `${encodeJson(described.json, 2)}\n` : `${described.text}\n`);
    return;
  }
  if (tuned)
    await requireRoom('compare --model', rehearsalOf(...tuned), { backend, processes: threads, machine: totalmem() });

  const folder = await createRunFolder({
    task: plan.task,
    out: flags.out,
    now: environment.now(),
    plan: { command, plan },
  });
  const progress = progressOf(plan, environment, flags.quiet ?? false);
  let finished = 0;
  const onRun = async (run: MethodRun) => {
    await folder.saveRun(run);
    finished++;
    progress.run(run);
  };
  try {
    const trained = await trainAll(plan, threads, { folder, progress, onRun }, flags, environment);
    const { length, vocabularySize, classes } = task;
    const result = aggregate(plan, trained.runs, {
      metricName: mainMetric(task),
      data: { source: task.source, train: task.train.length, dev: task.dev.length, split: task.split },
      ...{ backend, threads, node: process.version, command },
      demonstration: findGenerated(plan.task) !== undefined,
      denseMetrics:
        trained.dense.size === 0 ? undefined : plan.seeds.map((seed) => trained.dense.get(seed) ?? Number.NaN),
      parameters: tuned
        ? fineTunedCount(...tuned)
        : countParameters({ ...plan.model, length }, vocabularySize, classes.length),
    });
    // The numbers first: `omoe report` can draw the page again, but nothing brings numbers back.
    await folder.saveResult(result);
    await folder.saveReport(renderReport(result, trained.events, trained.runs));
    progress.stop();
    if (flags.json) {
      stdout.write(`${encodeJson(result, 2)}\n`);
      if (!flags.quiet) stderr.write(`Run folder: ${folder.path}\n`);
    } else {
      stdout.write(`${resultText(result)}\n\nRun folder: ${folder.path}\n`);
    }
  } catch (error) {
    progress.stop();
    if (!flags.quiet && finished > 0) stderr.write(`What was finished is kept in ${folder.path}\n`);
    throw error;
  } finally {
    progress.stop();
    folder.close();
  }
}

/** The data of the first seed: bad input is found here, and the report needs its sizes. */
async function loadFirst(plan: ComparePlan): Promise<Task> {
  const { task } = await begin(plan, plan.seeds[0], readFile);
  if (!plan.pretrained) requireSingleTexts('compare', task);
  return task;
}

interface Trained {
  readonly runs: MethodRun[];
  readonly events: StepEvent[];
  /** Metric of the dense model, by seed. */
  readonly dense: Map<number, number>;
}

interface Kept {
  readonly folder: RunFolder;
  readonly progress: Progress;
  onRun(run: MethodRun): Promise<void>;
}

async function trainAll(
  plan: ComparePlan,
  processes: number,
  { folder, progress, onRun }: Kept,
  flags: OutputFlags,
  environment: Environment,
): Promise<Trained> {
  const events: StepEvent[] = [];
  const dense = new Map<number, number>();
  const { promise: broken, reject: breakOff } = withReject();
  /** Listeners run inside other people's event handlers: what they throw must end the comparison, not be lost there. */
  const guarded = (act: () => void) => {
    try {
      act();
    } catch (error) {
      breakOff(error);
    }
  };
  const pool = trainingPool(
    { worker: environment.worker, execArgv: environment.execArgv, processes },
    {
      onStep: (event) =>
        guarded(() => {
          events.push(event);
          folder.append(event);
          progress.step(event);
        }),
      onRetry: (job, reason) =>
        guarded(() => {
          folder.append({ retry: job, reason });
          progress.note(`note: the worker of ${job} ${reason}; its job starts again`);
        }),
      onOutput: (text) => {
        if (flags.verbose) progress.note(text.trimEnd());
      },
    },
  );

  let interrupts = 0;
  const ignore = environment.onInterrupt(() => {
    interrupts++;
    if (interrupts === 1) {
      progress.note('Stopping. What is finished is kept. Ctrl-C again aborts at once.');
      breakOff(
        new InterruptedError({ operation: 'compare', received: 'a request to stop', expected: 'to run to its end' }),
      );
    } else {
      pool.kill();
      environment.abort(130);
    }
  });

  const comparison = runComparison(plan, pool, {
    onDense: ({ seed, metric }) => {
      if (metric !== null) dense.set(seed, metric);
    },
    onRun,
  });
  try {
    return { runs: await Promise.race([comparison, broken]), events, dense };
  } finally {
    // Stopping the pool rejects what still runs; the reason that counts is the one above.
    comparison.catch(() => {});
    await pool.stop();
    ignore();
  }
}

/** A promise that only ever rejects, when told to; nobody has to be waiting for it. */
function withReject(): { promise: Promise<never>; reject: (error: unknown) => void } {
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  promise.catch(() => {});
  return { promise, reject };
}

function resultText(result: CompareResult): string {
  const { columns, rows } = summaryTable(result);
  const metricName = Object.values(result.methods)[0].metric.name;
  const warnings = Object.entries(result.methods).flatMap(([name, method]) =>
    method.warnings.map((w) => `note: ${name}: ${w}`),
  );
  const differences = result.differences.map((difference) => differenceSentence(difference, metricName));
  const { data, seeds, steps } = result;
  const blocks = [
    [
      `omoe compare: ${result.task}, ${data.train} training and ${data.dev} dev examples, ${steps} steps, seeds ${seeds.join(' ')}`,
      honestLabel(result) ?? '',
    ],
    [textTable(columns, rows)],
    [...columnNotes(result)],
    differences.length === 0 ? [] : [...differences, differenceNote],
    [...upcycleSentences(result), ...warnings],
  ];
  return blocks
    .map((lines) => lines.filter(Boolean).join('\n'))
    .filter(Boolean)
    .join('\n\n');
}
