import { join } from 'node:path';
import type { Engine } from '../engine.ts';
import { bytesIn } from '../io/files.ts';
import { nodeFiles } from '../io/node.ts';
import { metricsLog } from '../train/metrics-log.ts';
import type { CheckpointFiles } from '../train/state.ts';
import type { Scored } from '../train/step.ts';
import { type EventFile, eventFile } from '../train/tensorboard.ts';
import { runTraining, type Trained, type Training, type TrainingListener } from '../train/training.ts';
import { createEngine, type ResolvedBackend } from './backends.ts';
import { commandLine } from './command-line.ts';
import { type Environment, InterruptedError, type OutputFlags } from './environment.ts';
import { bestIn, posix, stepsIn, type TrainFolder } from './train-folder.ts';
import { type TrainProgress, trainProgress } from './train-progress.ts';

/** How a training is carried out: where it runs, where it leaves what it saves, and how it is told and stopped. */
export interface Session {
  /** `train` or `pretrain`: what takes it up again. */
  readonly command: string;
  readonly folder: TrainFolder;
  readonly backend: ResolvedBackend;
  readonly threads: number;
  /** Checkpoints that are kept. */
  readonly keep: number;
  readonly tensorboard: boolean;
  /** Files that go into every checkpoint besides the state. */
  readonly extras: CheckpointFiles;
}

/**
 * Trains to the end, in the session's folder; `finish` gets the parameters while the engine still lives.
 *
 * The first interruption lets the step end, saves and stops; the second aborts at once, which loses what came after the last
 * checkpoint and nothing else.
 * @throws InterruptedError once the state is saved after a request to stop; and as `runTraining`
 */
export async function carryOut<P, S, D extends Scored, B, Result>(
  training: Training<P, S, D, B>,
  { command, folder, backend, threads, keep, tensorboard, extras }: Session,
  { quiet = false }: OutputFlags,
  environment: Environment,
  finish: (trained: Trained<P>, t: Engine) => Promise<Result> | Result,
): Promise<Result> {
  const at = (name: string) => posix(join(folder.path, name));
  const engine = await createEngine(backend.withThreads(threads));
  using t = engine.region();
  const [metrics, timing] = await Promise.all(
    ['metrics.jsonl', 'timing.jsonl'].map((name) => metricsLog(nodeFiles, at(name))),
  );
  const from = folder.from ? await stepOf(folder.from) : 0;
  const events = tensorboard
    ? await eventFile(nodeFiles, at('tensorboard'), environment.now, folder.from ? from + 1 : null)
    : null;
  const closeLogs = () => Promise.all([timing.flush(), events?.flush()]);
  const { steps, examples } = training.plan;
  const progress = trainProgress({ steps, examples, from }, environment, quiet);
  const stop = new AbortController();
  const ignore = environment.onInterrupt(() => {
    if (stop.signal.aborted) return environment.abort(130);
    progress.note('Stopping after this step, saving. Ctrl-C again aborts at once.');
    stop.abort();
  });
  try {
    const trained = await runTraining(t, {
      ...training,
      checkpoints: stepsIn(folder.store, keep),
      best: bestIn(folder.store),
      from: folder.from,
      extras,
      metrics,
      signal: stop.signal,
      listener: listenerOf(progress, timing.append, events),
    });
    if (trained.ended === 'interrupted')
      throw new InterruptedError({
        operation: command,
        received: `a request to stop at step ${trained.progress.step} of ${steps}`,
        expected: 'to run to its end',
        advice: `All is saved. Go on with: ${commandLine([command, '--resume', folder.path])}`,
      });
    const result = await finish(trained, t);
    await closeLogs();
    return result;
  } catch (error) {
    await closeLogs().catch(() => {}); // what ended the training is the one to tell
    throw error;
  } finally {
    progress.stop();
    ignore();
    await engine.backend.dispose();
  }
}

function listenerOf(
  progress: TrainProgress,
  time: (line: Readonly<Record<string, unknown>>) => void,
  events: EventFile | null,
): TrainingListener {
  return {
    async step(event) {
      const { step, milliseconds, loss, taskLoss, balanceLoss, gradientNorm, learningRate } = event;
      progress.step(event);
      time({ step, milliseconds });
      events?.scalars(step + 1, {
        'train/loss': loss,
        'train/task loss': taskLoss,
        'train/balance loss': balanceLoss,
        'train/gradient norm': gradientNorm,
        'train/learning rate': learningRate,
        'omoe/norm kept': event.normKept,
        'omoe/trace': event.trace,
        'omoe/leakage': event.leakage,
        'omoe/renorm factor': event.renormFactor,
      });
      // A backend without a device answers at once, and signals are only heard between turns of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
    },
    evaluation({ step, scores, best }) {
      progress.evaluation(step, scores, best);
      const named = Object.entries(scores).map(([name, value]) => [`dev/${name}`, value] as const);
      events?.scalars(step, Object.fromEntries(named));
    },
    warning: (text) => progress.note(`note: ${text}`),
  };
}

/** The step of a checkpoint; its files are checked when the training takes them up. */
async function stepOf(files: CheckpointFiles): Promise<number> {
  const bytes = await bytesIn(files.get('trainer_state.json') ?? new Uint8Array());
  const { step } = JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  return Number.isSafeInteger(step) ? step : 0;
}
