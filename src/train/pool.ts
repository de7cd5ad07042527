import workerpool from 'workerpool';
import { OmoeError } from '../errors.ts';
import { type Failure, fromFailure } from './failure.ts';
import type { ComparePlan, DenseModel, Method, MethodRun, StepEvent } from './types.ts';

/** What a worker answers: a thrown error comes as data, so that its class survives the process border. */
export type Outcome<T> = { readonly value: T } | { readonly failure: Failure };

/** The two kinds of job that a worker process offers under these names. */
export interface TrainingJobs {
  trainDense(plan: ComparePlan, seed: number): Promise<Outcome<DenseModel>>;
  trainMethod(plan: ComparePlan, seed: number, method: Method, dense: DenseModel): Promise<Outcome<MethodRun>>;
}

/** What a worker emits while a job runs. */
export type WorkerMessage = { readonly pid: number } | { readonly step: StepEvent } | { readonly alive: true };

export interface PoolSettings {
  /** The module that each worker process runs; it must serve {@link TrainingJobs}. */
  readonly worker: string;
  /** Worker processes, one per core. */
  readonly processes: number;
  /** Options of Node for the workers, e.g. a loader for TypeScript sources. */
  readonly execArgv?: readonly string[];
  /** A worker that says nothing for so long counts as crashed. Default 15 minutes. */
  readonly silenceMilliseconds?: number;
}

export interface JobListener {
  onStep(event: StepEvent): void;
  /** A worker died or fell silent; its job starts again from its first step, once. */
  onRetry(job: string, reason: string): void;
  /** What a worker wrote to its own stdout or stderr. */
  onOutput(text: string): void;
}

/**
 * Worker processes that train. Each process has a pool of its own with room for one, so that the job of a crashed
 * process is repeated in a new process and nothing ever waits in a queue whose worker is gone.
 */
export interface TrainingPool {
  readonly processes: number;
  trainDense(plan: ComparePlan, seed: number): Promise<DenseModel>;
  trainMethod(plan: ComparePlan, seed: number, method: Method, dense: DenseModel): Promise<MethodRun>;
  /** Ends all workers; jobs that were running reject. */
  stop(): Promise<void>;
  /** Kills all workers without waiting. */
  kill(): void;
}

interface Slot {
  pool: ReturnType<typeof startProcess>;
  pid: number | undefined;
  busy: boolean;
}

const quarterHour = 15 * 60 * 1000;
/** How long a worker may take to leave by itself when it is told to stop. */
const stopMilliseconds = 300;

/**
 * Starts the pool; processes start with their first job.
 * A caller must have at most `processes` jobs under way, which {@link runComparison} sees to.
 *
 * @throws OmoeError (from a job) when a worker crashed twice on it; the worker's own error otherwise
 */
export function trainingPool(settings: PoolSettings, listener: JobListener): TrainingPool {
  const slots = Array.from({ length: settings.processes }, (): Slot => {
    return { pool: startProcess(settings), pid: undefined, busy: false };
  });
  let stopped = false;

  /** One attempt; resolves to the outcome, or to a text saying how the process was lost. */
  async function attempt<T>(
    slot: Slot,
    method: keyof TrainingJobs,
    parameters: unknown[],
  ): Promise<Outcome<T> | string> {
    let said = '';
    let silence: NodeJS.Timeout | undefined;
    let giveUp: (reason: string) => void = () => {};
    const silent = new Promise<string>((resolve) => {
      giveUp = resolve;
    });
    const limit = settings.silenceMilliseconds ?? quarterHour;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => giveUp(`said nothing for ${Math.round(limit / 1000)} s`), limit);
    };
    listen();
    try {
      // workerpool's promise is its own kind: Promise.resolve makes it one that every `await` treats alike.
      const answer = Promise.resolve(
        slot.pool.exec(method, parameters, {
          on: (message: WorkerMessage | { stdout: string } | { stderr: string }) => {
            listen();
            if ('pid' in message) slot.pid = message.pid;
            else if ('step' in message) listener.onStep(message.step);
            else if ('alive' in message) return;
            else {
              const text = 'stderr' in message ? message.stderr : message.stdout;
              said = (said + text).slice(-4000);
              listener.onOutput(text);
            }
          },
        }),
      ).then(
        (outcome) => outcome as Outcome<T>,
        (error: unknown) => describeLoss(error, said),
      );
      return await Promise.race([answer, silent]);
    } finally {
      clearTimeout(silence);
    }
  }

  async function run<T>(job: string, method: keyof TrainingJobs, parameters: unknown[]): Promise<T> {
    const slot = slots.find(({ busy }) => !busy);
    if (slot === undefined) throw new Error(`${job}: no free worker process`);
    slot.busy = true;
    try {
      for (let attempts = 1; ; attempts++) {
        if (stopped) throw stoppedError(job);
        const outcome = await attempt<T>(slot, method, parameters);
        if (typeof outcome !== 'string') {
          if ('failure' in outcome) throw fromFailure(outcome.failure);
          return outcome.value;
        }
        if (stopped) throw stoppedError(job);
        await replace(slot);
        if (attempts === 2) {
          throw new OmoeError({
            operation: job,
            received: `a worker process that ${outcome}, twice`,
            expected: 'an answer',
            advice: 'Out of memory is the usual cause: try a smaller --batch or fewer --threads.',
          });
        }
        listener.onRetry(job, outcome);
      }
    } finally {
      slot.busy = false;
    }
  }

  async function replace(slot: Slot): Promise<void> {
    const old = slot.pool;
    killProcess(slot);
    slot.pool = startProcess(settings);
    // The old pool has nothing left to run. Its promise may stay open when the process is already gone: nobody waits for it.
    void Promise.resolve(old.terminate(true)).catch(() => {});
  }

  return {
    processes: settings.processes,
    trainDense: (plan, seed) => run(`dense model, seed ${seed}`, 'trainDense', [plan, seed]),
    trainMethod: (plan, seed, method, dense) =>
      run(`${method.name}, seed ${seed}`, 'trainMethod', [plan, seed, method, dense]),
    async stop() {
      stopped = true;
      const ended = slots.map(({ pool }) => Promise.resolve(pool.terminate(true)).catch(() => {}));
      const deadline = new Promise((resolve) => setTimeout(resolve, 3 * stopMilliseconds).unref());
      await Promise.race([Promise.all(ended), deadline]);
      slots.forEach(killProcess);
    },
    kill() {
      stopped = true;
      slots.forEach(killProcess);
    },
  };
}

function startProcess({ worker, execArgv }: PoolSettings) {
  return workerpool.pool(worker, {
    workerType: 'process',
    maxWorkers: 1,
    workerTerminateTimeout: stopMilliseconds,
    // What a worker prints must not end up between the lines of `--json`: it comes back as messages.
    emitStdStreams: true,
    // 'advanced' carries typed arrays, NaN and infinities as they are; the default, JSON, loses all three.
    forkOpts: { serialization: 'advanced', execArgv: [...(execArgv ?? [])] },
  });
}

function killProcess(slot: Slot): void {
  if (slot.pid === undefined) return;
  try {
    process.kill(slot.pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
  slot.pid = undefined;
}

/** `ended unexpectedly (exit code 9)`, with the last line it printed, from workerpool's many-line message. */
function describeLoss(error: unknown, said: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = /exitCode: `(\w+)`/.exec(message)?.[1];
  const signal = /signalCode: `(\w+)`/.exec(message)?.[1];
  const how = signal && signal !== 'null' ? `signal ${signal}` : code ? `exit code ${code}` : message.split('\n')[0];
  const named = said.split('\n').findLast((line) => /error/i.test(line));
  return `ended unexpectedly (${how}${named ? `: ${named.trim()}` : ''})`;
}

const stoppedError = (job: string) =>
  new OmoeError({ operation: job, received: 'a request to stop', expected: 'to run to its end' });
