import type { Engine } from '../engine.ts';
import { DivergedError, UsageError } from '../errors.ts';
import type { FileContent } from '../io/files.ts';
import type { OmoeOptimizer } from '../optim/omoe.ts';
import { parametersOf } from '../optim/optimizer.ts';
import { learningRate, type Schedule } from '../optim/schedule.ts';
import { foldIn, key } from '../random.ts';
import type { Scores } from '../tasks/types.ts';
import { type MetricsLog, noMetrics } from './metrics-log.ts';
import type { Objective } from './objective.ts';
import { type CheckpointFiles, loadState, type Progress, saveModel, saveState, type TrainingState } from './state.ts';
import { type Generation, type Scored, type StepFigures, takeStep } from './step.ts';
import { averageReport, warningsOf } from './step-report.ts';

/**
 * A training that survives: evaluated on the way, stopped early, kept in checkpoints, and taken up again to the bit.
 *
 * Between two steps the training is its parameters, the optimizer's state and `Progress`; a checkpoint holds these three. All
 * else (batches, rates, draws) is a function of the seed and the step. So a training that is broken off anywhere and goes on
 * from its last checkpoint ends in the bytes of one that was never broken off, its metrics.jsonl too.
 */

/** Where checkpoints go: a `Store` of `omoe/io`, for one. */
export interface Checkpoints {
  /**
   * Whole or not at all; a name may be used again, the later one counts then. Files that are functions are to be made
   * before it resolves: the tensors that they read are freed after the next step.
   */
  save(name: string, files: CheckpointFiles): Promise<unknown>;
}

export interface TrainingSteps {
  readonly steps: number;
  readonly seed: number;
  /** Examples that a step visits, of all its micro-batches; only counted. */
  readonly examples: number;
  readonly accumulate: number;
  readonly schedule: Schedule;
  readonly clip: number;
  /** Evaluates after every so many steps, and at the end; null: at the end only. */
  readonly evaluateEvery: number | null;
  /** Stops after so many evaluations in a row without a better one; null: never. */
  readonly patience: number | null;
  /** Saves after every so many steps, and at the end; null: at the end only. */
  readonly saveEvery: number | null;
}

export interface Training<P, S, D extends Scored, B> {
  readonly plan: TrainingSteps;
  /** Everything that determines the numbers, for the checkpoint: a training goes on only under the same. */
  readonly record: unknown;
  /** For messages. */
  readonly name: string;
  readonly objective: Objective<P, D, B>;
  readonly optimizer: OmoeOptimizer<S>;
  /** The parameters to begin with. When a training is taken up again they only say what there has to be. */
  start(t: Engine): P | Promise<P>;
  /** Micro-batch i of the whole training; step s takes accumulate · s and those after it. */
  batchOf(index: number): D;
  /** The scores of the parameters, or null where `signal` asked to stop. Absent: nothing is evaluated. */
  evaluate?(t: Engine, parameters: P, signal: AbortSignal | undefined): Promise<Scores | null>;
  /** Which of the scores decides what is best. */
  readonly metric: string;
  /** Default `larger`. */
  readonly better?: 'larger' | 'smaller';
  readonly checkpoints?: Checkpoints;
  /** Where the parameters of each best evaluation go. */
  readonly best?: Checkpoints;
  /** The checkpoint to go on from; null or absent begins. */
  readonly from?: CheckpointFiles | null;
  /** Files that go into every checkpoint besides the state, such as a tokenizer. */
  readonly extras?: CheckpointFiles;
  /** Bytes of tensors in a file of a checkpoint; where they are more there are several. Default as `saveState`. */
  readonly shardBytes?: number;
  readonly metrics?: MetricsLog;
  /** Asks to stop: after the step that runs now the state is saved. */
  readonly signal?: AbortSignal;
  readonly listener?: TrainingListener;
}

export interface TrainingListener {
  /** Awaited, so that whoever listens may be slow. */
  step?(event: TrainingStep): void | Promise<void>;
  evaluation?(event: { readonly step: number; readonly scores: Scores; readonly best: boolean }): void | Promise<void>;
  saved?(name: string, step: number): void | Promise<void>;
  warning?(text: string): void;
}

export interface TrainingStep extends StepFigures {
  /** From 0. */
  readonly step: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly normKept?: number;
  readonly trace?: number;
  readonly leakage?: number;
  readonly renormFactor?: number;
}

export interface Trained<P> {
  readonly parameters: P;
  readonly progress: Progress;
  /** All steps taken, patience lost, or stopped by the signal. */
  readonly ended: 'steps' | 'patience' | 'interrupted';
}

/** The name of a step's checkpoint; names in the order of the alphabet are in the order of steps. */
export const checkpointName = (step: number): string => `step-${String(step).padStart(9, '0')}`;

const beginning: Progress = { step: 0, evaluations: [], best: null, sinceBest: 0, position: 0, metricsBytes: 0 };

/**
 * Trains to the end of the plan.
 * @returns parameters in `t`, the last ones: the best are in `best`
 * @throws DivergedError as `takeStep` and `evaluate`: the checkpoint before it and the metrics are kept; DataError for a
 *   checkpoint that does not fit; UsageError for a metric that the evaluation does not give
 */
export async function runTraining<P, S, D extends Scored, B>(
  t: Engine,
  task: Training<P, S, D, B>,
): Promise<Trained<P>> {
  const { plan, optimizer, metrics = noMetrics, listener = {}, signal } = task;
  let { current, progress } = await begin(t, task);
  let savedAt = task.from ? progress.step : -1;
  const stepKey = foldIn(key(plan.seed), 'steps');
  const warned = new Set<string>();

  const save = async () => {
    if (savedAt === progress.step || !task.checkpoints) return;
    progress = { ...progress, metricsBytes: await metrics.flush() };
    const name = checkpointName(progress.step);
    const state = saveState(stateOf(task, current, progress), task);
    await task.checkpoints.save(name, new Map([...(task.extras ?? []), ...state]));
    savedAt = progress.step;
    await listener.saved?.(name, progress.step);
  };

  try {
    for (;;) {
      const { step } = progress;
      const atEnd = step >= plan.steps;
      if (evaluationDue(task, progress, atEnd)) {
        const scores = await task.evaluate!(t, current.parameters, signal);
        if (scores) {
          progress = await noteScores(task, current, progress, scores, metrics);
          savedAt = -1; // what was saved of this step does not know of the evaluation
        }
      }
      const evaluated = !evaluationDue(task, progress, atEnd);
      const patient = plan.patience === null || progress.sinceBest < plan.patience;
      const ended = evaluated && (atEnd || !patient) ? (atEnd ? 'steps' : 'patience') : null;
      if (ended || (step > 0 && isMultiple(step, plan.saveEvery))) await save();
      if (ended || signal?.aborted) {
        await save();
        await metrics.flush();
        return { parameters: current.parameters, progress, ended: ended ?? 'interrupted' };
      }

      const rate = learningRate(step, plan.schedule);
      const { next, figures, reports } = await takeStep(t, current, {
        ...{ objective: task.objective, optimizer, clip: plan.clip, name: task.name, step },
        batches: Array.from({ length: plan.accumulate }, (_, i) => task.batchOf(step * plan.accumulate + i)),
        learningRate: rate,
        key: foldIn(stepKey, step),
      });
      t.free(current, { except: next });
      current = next;
      const event = { step, steps: plan.steps, learningRate: rate, ...figures, ...averageReport(reports) };
      const { milliseconds, ...timeless } = event;
      metrics.append(timeless);
      progress = { ...progress, step: step + 1, position: progress.position + plan.examples };
      for (const warning of warningsOf(reports, optimizer.options.plasticityWarning)) {
        if (!warned.has(warning)) listener.warning?.(warning);
        warned.add(warning);
      }
      await listener.step?.(event);
    }
  } catch (error) {
    // Whatever ended it, a step, an evaluation or a listener: the lines that are kept back tell of the steps before.
    if (error instanceof DivergedError) metrics.append({ diverged: progress.step, reason: error.message });
    await metrics.flush().catch(() => {}); // what ended the training is the one to tell
    throw error;
  }
}

/** The state of a checkpoint, or a fresh one. */
async function begin<P, S, D extends Scored, B>(
  t: Engine,
  task: Training<P, S, D, B>,
): Promise<{ current: Generation<P, S>; progress: Progress }> {
  const { plan, optimizer, metrics = noMetrics } = task;
  if (!task.from) {
    await metrics.cut(0);
    const parameters = await task.start(t);
    return { current: { parameters, state: optimizer.initial(parametersOf(parameters)) }, progress: beginning };
  }
  using scratch = t.region();
  const like = await task.start(scratch);
  const { parameters, state, progress } = await loadState(t, task.from, {
    ...{ like, optimizer, seed: plan.seed, plan: task.record },
  });
  if (!(await metrics.cut(progress.metricsBytes)))
    task.listener?.warning?.('metrics.jsonl lacks lines from before the checkpoint: the crash took them.');
  return { current: { parameters, state }, progress };
}

const isMultiple = (step: number, every: number | null): boolean => every !== null && step % every === 0;

/** Whether this step asks for an evaluation that was not yet made. */
function evaluationDue<P, S, D extends Scored, B>(
  { plan, evaluate }: Training<P, S, D, B>,
  { step, evaluations }: Progress,
  atEnd: boolean,
): boolean {
  if (!evaluate || step === 0 || evaluations.at(-1)?.step === step) return false;
  return atEnd || isMultiple(step, plan.evaluateEvery);
}

async function noteScores<P, S, D extends Scored, B>(
  task: Training<P, S, D, B>,
  current: Generation<P, S>,
  progress: Progress,
  scores: Scores,
  metrics: MetricsLog,
): Promise<Progress> {
  const { step, best } = progress;
  const score = Object.hasOwn(scores, task.metric) ? scores[task.metric] : undefined;
  if (score === undefined)
    throw new UsageError({
      operation: `evaluation of ${task.name}`,
      received: `the scores ${Object.keys(scores).join(', ') || 'none'}`,
      expected: `${task.metric} among them`,
    });
  const sign = task.better === 'smaller' ? -1 : 1;
  // A NaN is never better, and anything is better than none.
  const isBest = !Number.isNaN(score) && (best === null || sign * score > sign * best.score);
  const next: Progress = {
    ...progress,
    evaluations: [...progress.evaluations, { step, scores }],
    best: isBest ? { step, score } : best,
    sinceBest: isBest ? 0 : progress.sinceBest + 1,
  };
  metrics.append({ evaluation: step, scores, best: isBest });
  if (isBest && task.best) {
    const about = new TextEncoder().encode(`${JSON.stringify({ step, scores }, null, 2)}\n`);
    await task.best.save(
      checkpointName(step),
      new Map<string, FileContent>([
        ...(task.extras ?? []),
        ...saveModel(current.parameters, task),
        ['scores.json', about],
      ]),
    );
  }
  await task.listener?.evaluation?.({ step, scores, best: isBest });
  return next;
}

const stateOf = <P, S, D extends Scored, B>(
  { plan, record }: Training<P, S, D, B>,
  current: Generation<P, S>,
  progress: Progress,
): TrainingState<P, S> => ({ ...current, progress, seed: plan.seed, plan: record });
