import { type Engine, engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';

interface BackendEntry {
  readonly name: string;
  /** What it runs on. */
  readonly note: string;
  /** Loads the backend, and only that one; null while it is not built. */
  readonly load: (() => Promise<Engine>) | null;
}

/** A line a backend. `--backend auto` takes the first that is built. */
const backends: readonly BackendEntry[] = [
  { name: 'wasm', note: 'not built yet in this version', load: null },
  {
    name: 'cpu',
    note: 'plain TypeScript loops, Float32 and Float64, one thread a process',
    load: async () => engine((await import('../../backends/cpu/index.ts')).cpu()),
  },
  { name: 'gpujs', note: 'not built yet in this version', load: null },
];

const built = backends.filter(({ load }) => load !== null).map(({ name }) => name);

/**
 * Checks a `--backend` before anything is loaded.
 *
 * @returns the name of the backend that will run
 * @throws UsageError for a name that is unknown or not built yet
 */
export function resolveBackend(name: string): string {
  if (name === 'auto') return built[0];
  if (built.includes(name)) return name;
  const known = backends.some((backend) => backend.name === name.split(':')[0]);
  throw new UsageError({
    operation: '--backend',
    received: known ? `"${name}", which is not built yet` : `"${name}"`,
    expected: ['auto', ...built].join(' or '),
    advice: known ? undefined : didYouMean(name, ['auto', ...backends.map((backend) => backend.name)]),
  });
}

/** An engine on the backend of this name. */
export function createEngine(name: string): Promise<Engine> {
  const resolved = resolveBackend(name);
  return backends.find((backend) => backend.name === resolved)!.load!();
}

/** A backend as `omoe doctor` shows it. */
export interface BackendStatus {
  readonly name: string;
  readonly available: boolean;
  /** What it runs on, or why it is off. */
  readonly note: string;
}

/** What this machine and this version can run on. Tries each backend; never throws. */
export const backendStatuses = (): Promise<BackendStatus[]> =>
  Promise.all(
    backends.map(async ({ name, note, load }) => {
      if (!load) return { name, available: false, note };
      try {
        await load();
        return { name, available: true, note };
      } catch (error) {
        return { name, available: false, note: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
