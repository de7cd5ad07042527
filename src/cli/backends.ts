import { type Engine, engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';

/** A backend as `omoe doctor` shows it. */
export interface BackendStatus {
  readonly name: string;
  readonly available: boolean;
  /** What it runs on, or why it is off. */
  readonly note: string;
}

/** Every name that `--backend` takes; `auto` is the fastest one built here. */
export const backendNames = ['auto', 'cpu', 'wasm', 'gpujs'] as const;

/**
 * Checks a `--backend` before anything is loaded.
 *
 * @returns the backend that will run: `auto` is `cpu` as long as no other is built
 * @throws UsageError for a name that is unknown or not built yet
 */
export function resolveBackend(name: string): 'cpu' {
  if (name === 'auto' || name === 'cpu') return 'cpu';
  const family = name.split(':')[0];
  if (family === 'wasm' || family === 'gpujs') {
    throw new UsageError({
      operation: '--backend',
      received: `"${name}", which is not built yet`,
      expected: 'auto or cpu',
    });
  }
  throw new UsageError({
    operation: '--backend',
    received: `"${name}"`,
    expected: 'auto or cpu',
    advice: didYouMean(name, backendNames),
  });
}

/** Loads the backend, and only that one, and makes an engine on it. */
export async function createEngine(name: string): Promise<Engine> {
  resolveBackend(name);
  const { cpu } = await import('../../backends/cpu/index.ts');
  return engine(await cpu());
}

/** What this machine and this version can run on. Tries each backend; never throws. */
export async function backendStatuses(): Promise<BackendStatus[]> {
  const notBuilt = 'not built yet in this version';
  return [
    await createEngine('cpu').then(
      () => ({
        name: 'cpu',
        available: true,
        note: 'plain TypeScript loops, Float32 and Float64, one thread a process',
      }),
      (error: unknown) => ({
        name: 'cpu',
        available: false,
        note: error instanceof Error ? error.message : String(error),
      }),
    ),
    { name: 'wasm', available: false, note: notBuilt },
    { name: 'gpujs', available: false, note: notBuilt },
  ];
}
