import type { Backend, Device } from '../backend.ts';
import { type Engine, engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';

interface BackendEntry {
  readonly name: string;
  readonly note: string;
  /** What may follow a colon, as in `gpujs:webasm`; without it the backend chooses and says what it chose. */
  readonly modes: readonly string[];
  /** Whether the number of its threads may follow, as in `wasm:2` or `wasm:plain:2`. */
  readonly threaded: boolean;
  /** Loads the backend, and only that one. */
  readonly load: (mode?: string, threads?: number) => Promise<Backend>;
}

const simdModes = ['relaxed', 'plain'] as const;

const gpujsModes = ['webgpu', 'webgl2', 'webgl', 'headlessgl', 'webasm', 'cpu'] as const;

/** A line a backend. `--backend auto` takes the first. */
const backends: readonly BackendEntry[] = [
  {
    name: 'wasm',
    note: 'kernels in WebAssembly SIMD, Float32 and Float64',
    modes: simdModes,
    threaded: true,
    load: async (mode, threads) => {
      const { wasm } = await import('../../backends/wasm/index.ts');
      return (await wasm({ simd: mode as (typeof simdModes)[number] | undefined, threads })) as unknown as Backend;
    },
  },
  {
    name: 'cpu',
    note: 'plain TypeScript loops, Float32 and Float64',
    modes: [],
    threaded: false,
    load: async () => (await import('../../backends/cpu/index.ts')).cpu() as Backend,
  },
  {
    name: 'gpujs',
    note: 'kernels by gpu.js, Float32',
    modes: gpujsModes,
    threaded: false,
    load: async (mode) => {
      const { gpujs } = await import('../../backends/gpujs/index.ts');
      return (await gpujs({ mode: mode as (typeof gpujsModes)[number] | undefined })) as unknown as Backend;
    },
  },
];

interface Choice {
  readonly entry: BackendEntry;
  readonly mode: string | undefined;
  readonly threads: number | undefined;
}

/** `NAME[:MODE][:THREADS]`, or null where it is none of ours. */
function parse(name: string): Choice | null {
  const [backend, ...rest] = name.split(':');
  const entry = backends.find((one) => one.name === backend);
  if (!entry) return null;
  const mode = entry.modes.includes(rest[0]) ? rest.shift() : undefined;
  const count = entry.threaded && /^[1-9]\d?$/.test(rest[0] ?? '') ? Number(rest.shift()) : undefined;
  return rest.length === 0 ? { entry, mode, threads: count } : null;
}

/** Checks a `--backend` before anything is loaded. @throws UsageError for a name or a mode that is unknown */
function choose(name: string): Choice {
  if (name === 'auto') return { entry: backends[0], mode: undefined, threads: undefined };
  const choice = parse(name);
  if (choice) return choice;
  const names = ['auto', ...backends.flatMap((one) => [one.name, ...one.modes.map((m) => `${one.name}:${m}`)])];
  const forms = backends.map(
    (one) => `${one.name}${one.modes.length > 0 ? `[:${one.modes.join('|')}]` : ''}${one.threaded ? '[:THREADS]' : ''}`,
  );
  throw new UsageError({
    operation: '--backend',
    received: `"${name}"`,
    expected: ['auto', ...forms].join(' or '),
    advice: didYouMean(name, names),
  });
}

/** A backend that was asked for by name. @throws UsageError; DeviceError where it cannot run here */
export const loadBackend = (name: string): Promise<Backend> => {
  const { entry, mode, threads } = choose(name);
  return entry.load(mode, threads);
};

/** An engine on the backend of this name. */
export const createEngine = async (name: string): Promise<Engine> => engine(await loadBackend(name));

/** What `--backend` comes to on this machine. */
export interface ResolvedBackend {
  /** With the mode that really runs, e.g. `gpujs:webasm`. */
  readonly name: string;
  readonly device: Device;
  /** The name for one of several processes that share the machine: with its number of threads, where it has threads. */
  withThreads(threads: number): string;
}

/** Starts the backend once, to know what it runs on before any work is begun. @throws as `loadBackend` */
export async function resolveBackend(name: string): Promise<ResolvedBackend> {
  const { entry, threads } = choose(name);
  const backend = await loadBackend(name);
  const { device } = backend;
  await backend.dispose();
  const full = entry.modes.length > 0 ? `${entry.name}:${device.mode}` : entry.name;
  return {
    name: threads === undefined ? full : `${full}:${threads}`,
    device,
    withThreads: (count) => (entry.threaded ? `${full}:${threads ?? count}` : full),
  };
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
  for (const { name, note, modes } of backends)
    for (const full of modes.length > 0 ? modes.map((mode) => `${name}:${mode}`) : [name]) {
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
