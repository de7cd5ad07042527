import workerpool from 'workerpool';
import { toFailure } from '../train/failure.ts';
import type { Outcome, TrainingJobs, WorkerMessage } from '../train/pool.ts';
import type { ComparePlan, DenseModel, Method, MethodRun, StepEvent } from '../train/types.ts';

/** What trains: `src/train/compare.ts`, or a stand-in in a test. `E` is the engine that it trains on. */
export interface Trainer<E> {
  trainDense(plan: ComparePlan, seed: number, context: Context<E>): Promise<DenseModel>;
  trainMethod(
    plan: ComparePlan,
    seed: number,
    method: Method,
    dense: DenseModel,
    context: Context<E>,
  ): Promise<MethodRun>;
}

interface Context<E> {
  readonly engine: E;
  report(event: StepEvent): void;
  alive?(): void;
}

/**
 * Offers the two training jobs to the process that started this one. The engine is made at the first job and kept.
 *
 * A worker leaves stopping to its parent: Ctrl-C, like the end of a terminal, reaches every process of it, and a worker that
 * died of it by itself would look like a crash. If the parent is gone the worker ends at its next step, so that none is left behind.
 */
export function serveJobs<E>(trainer: Trainer<E>, createEngine: (backend: string) => Promise<E>): void {
  const emit = (message: WorkerMessage) => workerpool.workerEmit(message);
  const parent = process.ppid;
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

  let engine: Promise<E> | undefined;
  async function job<T>(backend: string, train: (context: Context<E>) => Promise<T>): Promise<Outcome<T>> {
    emit({ pid: process.pid });
    try {
      engine ??= createEngine(backend);
      const report = (step: StepEvent) => {
        if (process.ppid !== parent) process.exit(1);
        emit({ step });
      };
      const alive = () => emit({ alive: true });
      return { value: await train({ engine: await engine, report, alive }) };
    } catch (error) {
      return { failure: toFailure(error) };
    }
  }

  const jobs: TrainingJobs = {
    trainDense: (plan, seed) => job(plan.backend, (context) => trainer.trainDense(plan, seed, context)),
    trainMethod: (plan, seed, method, dense) =>
      job(plan.backend, (context) => trainer.trainMethod(plan, seed, method, dense, context)),
  };
  workerpool.worker({ ...jobs });
}
