import cliProgress from 'cli-progress';
import type { Scores } from '../tasks/types.ts';
import type { TrainingStep } from '../train/training.ts';
import type { Environment } from './environment.ts';

/** How far a training is, told on stderr: a bar on a terminal, a plain line now and then anywhere else. */
export interface TrainProgress {
  step(event: TrainingStep): void;
  evaluation(step: number, scores: Scores, best: boolean): void;
  /** A line of its own. */
  note(text: string): void;
  stop(): void;
}

/** Without a terminal, at most one line of progress in this time; a log file stays short. */
const lineMilliseconds = 10_000;

/** @param examples visited in a step; @param from the step that this process begins with */
export function trainProgress(
  { steps, examples, from }: { readonly steps: number; readonly examples: number; readonly from: number },
  { stderr, now }: Environment,
  quiet: boolean,
): TrainProgress {
  if (quiet) return { step: () => {}, evaluation: () => {}, note: () => {}, stop: () => {} };
  const began = now().getTime();
  let told = began;
  const bar = stderr.isTTY ? barOn(stderr, steps, from) : undefined;
  const note = (text: string) => {
    // On a terminal the bar's line is wiped first; the bar draws itself again below.
    stderr.write(bar === undefined ? `${text}\n` : `\r\u001b[K${text}\n`);
  };
  return {
    note,
    step({ step, loss }) {
      const at = now().getTime();
      const perSecond = (step + 1 - from) / Math.max(1e-3, (at - began) / 1000);
      const rates = `${round(perSecond)} steps/s, ${round(perSecond * examples)} examples/s`;
      if (bar !== undefined) {
        bar.update(step + 1, { rates, loss: loss.toFixed(3) });
        return;
      }
      if (at - told < lineMilliseconds) return;
      told = at;
      const left = duration((steps - step - 1) / perSecond);
      const percent = Math.floor((100 * (step + 1)) / steps);
      note(`${percent} %  step ${step + 1} of ${steps}, loss ${loss.toFixed(3)}, ${rates}, about ${left} left`);
    },
    evaluation(step, scores, best) {
      note(`step ${step}: ${scoresText(scores)}${best ? ', the best so far' : ''}`);
    },
    stop: () => bar?.stop(),
  };
}

export const scoresText = (scores: Scores): string =>
  Object.entries(scores)
    .map(([name, value]) => `${name} ${value.toFixed(3)}`)
    .join(', ');

const round = (rate: number): string => (rate >= 10 ? rate.toFixed(0) : rate.toPrecision(2));

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  return seconds < 90 * 60 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function barOn(stderr: Environment['stderr'], total: number, from: number) {
  const bar = new cliProgress.SingleBar({
    // cli-progress asks for a Node stream; on a terminal it is process.stderr.
    stream: stderr as NodeJS.WriteStream,
    format: '{bar} {percentage} %  step {value} of {total}  loss {loss}  {rates}  about {eta_formatted} left',
    barCompleteChar: '#',
    barIncompleteChar: '.',
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(total, from, { rates: '', loss: '-' });
  return bar;
}
