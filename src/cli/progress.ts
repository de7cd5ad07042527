import cliProgress from 'cli-progress';
import type { ComparePlan, MethodRun, StepEvent } from '../train/types.ts';
import type { Environment } from './environment.ts';

/** How far a comparison is, told on stderr: a bar on a terminal, a plain line now and then anywhere else. */
export interface Progress {
  step(event: StepEvent): void;
  /** A finished run. */
  run(run: MethodRun): void;
  /** A line of its own: a retry, a worker's output. */
  note(text: string): void;
  stop(): void;
}

/** Without a terminal, at most one line of progress in this time; a log file stays short. */
const lineMilliseconds = 10_000;

export function progressOf(plan: ComparePlan, environment: Environment, quiet: boolean): Progress {
  if (quiet) return { step: () => {}, run: () => {}, note: () => {}, stop: () => {} };
  const { stderr } = environment;
  const count = stepCounter(plan);
  const bar = stderr.isTTY ? barOn(stderr, count.total) : undefined;
  let told = environment.now().getTime();
  const note = (text: string) => {
    // On a terminal the bar's line is wiped first; the bar draws itself again below.
    stderr.write(bar === undefined ? `${text}\n` : `\r\u001b[K${text}\n`);
  };
  return {
    note,
    step(event) {
      const done = count.add(event);
      if (bar !== undefined) {
        bar.update(done, { job: `${event.method}, seed ${event.seed}`, loss: event.loss.toFixed(3) });
        return;
      }
      const now = environment.now().getTime();
      if (now - told < lineMilliseconds) return;
      told = now;
      const where = `${event.method}, seed ${event.seed}: step ${event.step + 1} of ${event.steps}`;
      note(`${Math.floor((100 * done) / count.total)} %  ${where}, loss ${event.loss.toFixed(3)}`);
    },
    run: ({ method, seed, metric }) => note(`finished ${method}, seed ${seed}: ${metric.toFixed(3)}`),
    stop: () => bar?.stop(),
  };
}

/** Counts steps over all jobs; a job that starts again after a crash does not count twice. */
function stepCounter(plan: ComparePlan) {
  const reached = new Map<string, number>();
  let done = 0;
  return {
    total: plan.seeds.length * (plan.denseSteps + plan.methods.length * plan.steps),
    add({ seed, method, step }: StepEvent): number {
      const job = `${seed} ${method}`;
      const before = reached.get(job) ?? 0;
      if (step + 1 > before) {
        done += step + 1 - before;
        reached.set(job, step + 1);
      }
      return done;
    },
  };
}

function barOn(stderr: Environment['stderr'], total: number) {
  const bar = new cliProgress.SingleBar({
    // cli-progress asks for a Node stream; on a terminal it is process.stderr.
    stream: stderr as NodeJS.WriteStream,
    format: '{bar} {percentage} %  {job}  loss {loss}  about {eta_formatted} left',
    barCompleteChar: '#',
    barIncompleteChar: '.',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(total, 0, { job: 'starting', loss: '-' });
  return bar;
}
