import { engine } from 'omoe';
import { type BackendRequest, loadBackend } from './backends.ts';
import { type TrainingStep, training } from './training.ts';

/** What ran, in the page or in its worker, as plain data. */
export interface TrainingReport {
  readonly backend: string;
  /** The path that really ran, asked of the backend. */
  readonly mode: string;
  readonly renderer: string;
  readonly threads: number;
  readonly notes: readonly string[];
  readonly ulps: Readonly<Record<string, number>>;
  /** Is this a worker? */
  readonly worker: boolean;
  readonly crossOriginIsolated: boolean;
  readonly steps: readonly TrainingStep[];
  readonly milliseconds: number;
}

/** Three training steps: two accumulating ones, one orthogonal. Then the device is given back. */
export async function trainingReport(request: BackendRequest): Promise<TrainingReport> {
  const begun = performance.now();
  const backend = await loadBackend(request);
  const learner = training(engine(backend));
  const steps = [await learner.step(), await learner.step(), await learner.step()];
  const { mode, name, threads, notes } = backend.device;
  const report = {
    backend: backend.name,
    mode,
    renderer: name,
    threads,
    notes: [...notes],
    ulps: { ...backend.ulps },
    worker: typeof document === 'undefined',
    crossOriginIsolated: globalThis.crossOriginIsolated,
    steps,
    milliseconds: performance.now() - begun,
  };
  await backend.dispose();
  return report;
}
