import type { Backend, Device } from '../backend.ts';
import { type Engine, engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';

interface BackendEntry {
  readonly name: string;
  readonly note: string;
  /** What may follow a colon, as in `gpujs:webasm`; without it the backend chooses and says what it chose. */
  readonly modes: readonly string[];
  /** Loads the backend, and only that one; null while it is not built. */
  readonly load: ((mode?: string) => Promise<Backend>) | null;
}

const gpujsModes = ['webgpu', 'webgl2', 'webgl', 'headlessgl', 'webasm', 'cpu'] as const;

/** A line a backend. `--backend auto` takes the first that is built. */
const backends: readonly BackendEntry[] = [
  { name: 'wasm', note: 'not built yet in this version', modes: [], load: null },
  {
    name: 'cpu',
    note: 'plain TypeScript loops, Float32 and Float64',
    modes: [],
    load: async () => (await import('../../backends/cpu/index.ts')).cpu() as Backend,
  },
  {
    name: 'gpujs',
    note: 'kernels by gpu.js, Float32',
    modes: gpujsModes,
    load: async (mode) => {
      const { gpujs } = await import('../../backends/gpujs/index.ts');
      return (await gpujs({ mode: mode as (typeof gpujsModes)[number] | undefined })) as unknown as Backend;
    },
  },
];

const built = backends.filter(({ load }) => load !== null);

interface Choice {
  readonly entry: BackendEntry;
  readonly mode: string | undefined;
}

/** Checks a `--backend` before anything is loaded. @throws UsageError for a name or a mode that is unknown or not built yet */
function choose(name: string): Choice {
  if (name === 'auto') return { entry: built[0], mode: undefined };
  const [backend, mode, ...rest] = name.split(':');
  const entry = built.find((one) => one.name === backend);
  if (entry && rest.length === 0 && (mode === undefined || entry.modes.includes(mode))) return { entry, mode };
  const known = backends.some((one) => one.name === backend);
  const names = ['auto', ...built.flatMap((one) => [one.name, ...one.modes.map((m) => `${one.name}:${m}`)])];
  throw new UsageError({
    operation: '--backend',
    received: known && !entry ? `"${name}", which is not built yet` : `"${name}"`,
    expected: [
      'auto',
      ...built.map((one) => (one.modes.length > 0 ? `${one.name}[:${one.modes.join('|')}]` : one.name)),
    ].join(' or '),
    advice: known && !entry ? undefined : didYouMean(name, names),
  });
}

/** A backend that was asked for by name. @throws UsageError; DeviceError where it cannot run here */
export const loadBackend = (name: string): Promise<Backend> => {
  const { entry, mode } = choose(name);
  return entry.load!(mode);
};

/** An engine on the backend of this name. */
export const createEngine = async (name: string): Promise<Engine> => engine(await loadBackend(name));

/** What `--backend` comes to on this machine: the name with the mode that really runs, e.g. `gpujs:webasm`. */
export interface ResolvedBackend {
  readonly name: string;
  readonly device: Device;
}

/** Starts the backend once, to know what it runs on before any work is begun. @throws as `loadBackend` */
export async function resolveBackend(name: string): Promise<ResolvedBackend> {
  const { entry } = choose(name);
  const backend = await loadBackend(name);
  const { device } = backend;
  await backend.dispose();
  return { name: entry.modes.length > 0 ? `${entry.name}:${device.mode}` : entry.name, device };
}

/** A backend as `omoe doctor` shows it. */
export interface BackendStatus {
  readonly name: string;
  readonly available: boolean;
  /** What it runs on; null where it is off. */
  readonly device: Device | null;
  /** What is to be known of it, or why it is off. */
  readonly note: string;
}

/** What this machine and this version can run on. Tries each backend in each of its modes, one after the other; never throws. */
export async function backendStatuses(): Promise<BackendStatus[]> {
  const statuses: BackendStatus[] = [];
  for (const { name, note, modes, load } of backends)
    for (const full of modes.length > 0 ? modes.map((mode) => `${name}:${mode}`) : [name]) {
      if (!load) {
        statuses.push({ name: full, available: false, device: null, note });
        continue;
      }
      try {
        const { device } = await resolveBackend(full);
        statuses.push({ name: full, available: true, device, note: [note, ...device.notes].join('; ') });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        statuses.push({ name: full, available: false, device: null, note: why });
      }
    }
  return statuses;
}
