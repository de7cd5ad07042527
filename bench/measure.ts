import { cpu } from '../backends/cpu/index.ts';
import { gpujs, type Mode } from '../backends/gpujs/index.ts';
import type { Backend } from '../src/backend.ts';
import { engine, mapTree, type SyncEngine, type Tensor } from '../src/index.ts';
import { openBare, readBare, releaseBare } from './bare.ts';
import { cases } from './cases.ts';
import { type Sampler, type Statistics, statisticsOf } from './sample.ts';

/** One case on one device: checked, then timed. Runs in Node and in a browser alike. */

/** `cpu` is omoe's own CPU backend; the others are modes of gpu.js, whose JavaScript is called `gpujs-cpu` here. */
export const devices = ['cpu', 'gpujs-cpu', 'webasm', 'headlessgl', 'webgl', 'webgl2', 'webgpu'] as const;
export type DeviceName = (typeof devices)[number];

export interface Request {
  readonly name: string;
  readonly size: number;
  readonly device: DeviceName;
  readonly rounds: number;
}

export interface Measured {
  readonly name: string;
  readonly size: number;
  readonly title: string;
  readonly backend: string;
  /** The mode that ran, as the backend reports it. */
  readonly mode: string;
  readonly adapter: string;
  readonly threads: number;
  readonly notes: readonly string[];
  /** max(error/bound) over all outputs, against the same in Float64. */
  readonly errorOverBound: number;
  /** Operations without a kernel, and why. */
  readonly composed: readonly string[];
  readonly sampler: string;
  readonly omoe: Statistics;
  /** Milliseconds of the bare kernels; null where there is no gpu.js below. */
  readonly bare: Statistics | null;
  /** Median over rounds of (omoe − bare)/bare, each round timed side by side. */
  readonly overhead: number | null;
  /** True where the bare kernels do only a part of the work. */
  readonly bareIsPart: boolean;
}

export const openDevice = async (device: DeviceName): Promise<Backend> =>
  (device === 'cpu' ? cpu() : gpujs({ mode: (device === 'gpujs-cpu' ? 'cpu' : device) as Mode })) as unknown as Backend;

/** @throws Error where a result is not within its bound: what is wrong is not timed */
function checkedRatio(
  what: string,
  computed: ArrayLike<number>,
  exact: ArrayLike<number>,
  bound: ArrayLike<number> | null,
) {
  if (computed.length !== exact.length) throw new Error(`${what}: ${computed.length} numbers for ${exact.length}`);
  let worst = 0;
  for (let i = 0; i < exact.length; i++) {
    const error = Math.abs(computed[i] - exact[i]);
    const ratio = error === 0 ? 0 : error / (bound ? bound[i] : 0);
    if (!(ratio <= 1))
      throw new Error(`${what}: element ${i} is ${computed[i]}, but should be ${exact[i]} within ${bound?.[i] ?? 0}`);
    worst = Math.max(worst, ratio);
  }
  return worst;
}

export async function measure({ name, size, device, rounds }: Request, sampler: Sampler): Promise<Measured> {
  const of = cases.find((each) => each.name === name);
  if (!of) throw new Error(`no case ${name}: ${cases.map((each) => each.name).join(', ')}`);

  // The numbers, and what they should give.
  const drawn = of.inputs(engine(cpu()), size);
  const single = (x: Tensor) => (x.engine as SyncEngine).dataSync(x) as Float32Array;
  const exactly = engine(cpu(), { dtype: 'float64' });
  const inputs64 = mapTree(drawn, (x) => exactly.tensor(Float64Array.from(single(x)), x.shape));
  const backend = await openDevice(device);
  const exact = of.run(inputs64).map(single);
  const bounds = of.bounds(inputs64, backend.ulps).map((bound) => (bound ? single(bound) : null));

  const t = engine(backend);
  const inputs = mapTree(drawn, (x) => t.tensor(single(x).slice(), x.shape));
  t.clearTrace();
  const first = of.run(inputs);
  const computed = await Promise.all(first.map((x) => x.data()));
  const ratios = computed.map((x, i) =>
    checkedRatio(`${of.title(size)} on ${device}, output ${i}`, x, exact[i], bounds[i]),
  );
  const composed = t.trace().filter((line) => line.composed > 0);
  t.free(first, { except: inputs });

  const variants = [
    async () => {
      using step = t.region();
      const [output] = of.run(step.borrow(inputs));
      if (of.reads) await output.data();
      await backend.flush();
    },
  ];

  const gpu = device === 'cpu' ? null : await openBare(device === 'gpujs-cpu' ? 'cpu' : device);
  const work = gpu && of.bare(gpu, drawn, single);
  if (gpu && work) {
    const result = await work.run();
    if (work.shapes) {
      const got = await readBare(result);
      // A kernel has one output: gates and experts lie side by side.
      const columns = work.shapes[0].at(-1)!;
      const half = (which: number) => got.filter((_, i) => Math.floor(((i % columns) * 2) / columns) === which);
      const outputs = exact.length === 1 ? [got] : [half(0), half(1)];
      for (const [i, x] of outputs.entries())
        checkedRatio(`${of.title(size)}, bare on ${device}, output ${i}`, x, exact[i], bounds[i]);
    }
    releaseBare(result);
    variants.push(async () => {
      releaseBare(await work.run());
      await gpu.flush();
    });
  }

  const [omoe, bare] = await sampler.sample(variants, rounds);
  const middle = (samples: readonly number[]) => statisticsOf([samples]).median;
  const ratiosByRound = bare?.map((round, i) => middle(omoe[i]) / middle(round) - 1);
  const { mode, name: adapter, threads, notes } = backend.device;
  return {
    ...{ name, size, title: of.title(size), backend: backend.name, mode, adapter, threads, notes },
    errorOverBound: Math.max(...ratios),
    composed: composed.map(({ op, declined }) => [op, ...declined].join(': ')),
    sampler: sampler.name,
    omoe: statisticsOf(omoe),
    bare: bare ? statisticsOf(bare) : null,
    overhead: ratiosByRound ? middle(ratiosByRound) : null,
    bareIsPart: work?.shapes === null,
  };
}
