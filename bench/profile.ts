import type { Backend } from '../src/backend.ts';
import { openDevice } from './devices.ts';
import { prepare, prepared, type Request } from './measure.ts';
import { statisticsOf } from './sample.ts';

/**
 * Where a call's time goes: in the kernels of the backend, by operation, and outside of them (dispatch, shapes, autograd,
 * regions). Where the kernels are WebAssembly, their own time is told apart from what the backend does around them (buffers,
 * addresses, waking threads). Only for backends that compute while a kernel is issued: the CPU and wasm.
 */
export interface Profile {
  readonly title: string;
  readonly device: string;
  readonly calls: number;
  /** Milliseconds of one call with the stopwatches, the mean; all below are means of the same calls. */
  readonly whole: number;
  /** The median of as many calls without, in turn with the others. */
  readonly unwatched: number;
  /** In the backend's kernels; in the functions of the WebAssembly module on the calling thread, null without one. */
  readonly kernels: number;
  readonly wasm: number | null;
  readonly operations: readonly { readonly op: string; readonly count: number; readonly milliseconds: number }[];
}

class Stopwatch {
  readonly spent = new Map<string, { count: number; milliseconds: number }>();
  timed<F extends (...args: never[]) => unknown>(name: string, run: F): F {
    return ((...args: never[]) => {
      const start = performance.now();
      try {
        return run(...args);
      } finally {
        const entry = this.spent.get(name) ?? { count: 0, milliseconds: 0 };
        entry.count++;
        entry.milliseconds += performance.now() - start;
        this.spent.set(name, entry);
      }
    }) as F;
  }
  get total(): number {
    return [...this.spent.values()].reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  }
}

/** The same backend with a stopwatch around each kernel. */
function watched(backend: Backend, watch: Stopwatch): Backend {
  const kernels = Object.fromEntries(
    Object.entries(backend.kernels).map(([op, kernel]) => [
      op,
      watch.timed(op, kernel as (...args: never[]) => unknown),
    ]),
  );
  return new Proxy(backend, {
    get(target, name) {
      if (name === 'kernels') return kernels;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Instances that are made while `open` runs get a stopwatch around each exported function. */
async function watchingModules<T>(watch: Stopwatch, open: () => Promise<T>): Promise<{ opened: T; modules: number }> {
  const { Instance } = WebAssembly;
  let modules = 0;
  WebAssembly.Instance = new Proxy(Instance, {
    construct(target, args) {
      const instance = Reflect.construct(target, args) as WebAssembly.Instance;
      modules++;
      const exports = Object.fromEntries(
        Object.entries(instance.exports).map(([name, value]) => [
          name,
          typeof value === 'function' ? watch.timed(name, value as (...args: never[]) => unknown) : value,
        ]),
      );
      return { exports };
    },
  });
  try {
    return { opened: await open(), modules };
  } finally {
    WebAssembly.Instance = Instance;
  }
}

export async function profile(request: Request): Promise<Profile> {
  const { of, reference, variant } = await prepared(request);
  const { samples, size, device, threads } = request;

  const [inKernels, inModule] = [new Stopwatch(), new Stopwatch()];
  const { opened: backend, modules } = await watchingModules(inModule, () => openDevice(device, threads));
  const again = await prepare(of, size, reference, watched(backend, inKernels));
  const [plain, stopped] = [variant(of.run), again.variant(of.run)];
  await timed(plain);
  await timed(stopped);
  inKernels.spent.clear();
  inModule.spent.clear();
  const [without, within]: number[][] = [[], []];
  for (let i = 0; i < samples; i++) {
    without.push(await timed(plain));
    within.push(await timed(stopped));
  }
  const operations = [...inKernels.spent].map(([op, { count, milliseconds }]) => ({
    ...{ op, count: count / samples, milliseconds: milliseconds / samples },
  }));
  return {
    ...{ title: of.title(size), device, calls: samples },
    whole: within.reduce((sum, ms) => sum + ms, 0) / samples,
    unwatched: statisticsOf([without]).median,
    kernels: inKernels.total / samples,
    wasm: modules > 0 ? inModule.total / samples : null,
    operations: operations.sort((a, b) => b.milliseconds - a.milliseconds),
  };
}

async function timed(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

export function profileTable({ title, device, calls, whole, unwatched, kernels, wasm, operations }: Profile): string {
  const share = (part: number) => `${((100 * part) / whole).toFixed(1)} %`;
  const rows: readonly (readonly [string, string, number])[] = [
    ...operations.map(({ op, count, milliseconds }) => [op, count.toFixed(0), milliseconds] as const),
    ['all kernels', '', kernels],
    ...(wasm === null ? [] : [['of these in WebAssembly, on the calling thread', '', wasm] as const]),
    ['outside kernels: dispatch, autograd, regions', '', whole - kernels],
    [`whole call, mean of ${calls}`, '', whole],
    ['whole call without stopwatches, median', '', unwatched],
  ];
  return [
    `${title}, ${device}`,
    '',
    '| operation | calls | ms | share of the whole |',
    '| --- | --- | --- | --- |',
    ...rows.map(([op, count, ms]) => `| ${op} | ${count} | ${ms.toPrecision(3)} | ${share(ms)} |`),
  ].join('\n');
}
