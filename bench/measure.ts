import { cpu } from '../backends/cpu/index.ts';
import type { Backend } from '../src/backend.ts';
import { type Engine, engine, mapTree, type SyncEngine, type Tensor } from '../src/index.ts';
import { type Bare, type BareWork, openBare, readBare, releaseBare } from './bare.ts';
import type { Case, Size } from './case.ts';
import { caseOf } from './cases/index.ts';
import { type DeviceName, isGpujs, modeOf, openDevice } from './devices.ts';
import { atTheLimit } from './limit.ts';
import { type Plan, ratioOf, type Sampler, type Statistics, statisticsOf, type Variant } from './sample.ts';

/** One case on one device: checked, then timed. Runs in Node and in a browser alike. */

export interface Request extends Plan {
  readonly name: string;
  readonly size: Size;
  readonly device: DeviceName;
  /** Of `wasm`. */
  readonly threads: number;
  /** Another device to be timed beside it, or the most that one thread can reach (limit.ts); null: nothing. */
  readonly against: DeviceName | 'limit' | null;
}

export interface Measured {
  readonly name: string;
  readonly size: Size;
  readonly title: string;
  readonly device: DeviceName;
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
  /** 10⁹ multiplications and additions a second; null where they are not counted. */
  readonly gigaflops: number | null;
  /** Absent: nothing is trained. */
  readonly tokensPerSecond?: number;
  /** Milliseconds of the bare kernels; null where there is no gpu.js below. */
  readonly bare: Statistics | null;
  /** Median over rounds of (omoe − bare)/bare, each round timed side by side. */
  readonly overhead: number | null;
  /** True where the bare kernels do only a part of the work. */
  readonly bareIsPart: boolean;
  /** What else was timed side by side: the case's baseline, the device of `--against`; ratio = omoe over it, by round. */
  readonly beside: readonly { readonly name: string; readonly time: Statistics; readonly ratio: Statistics }[];
}

/** @throws Error where a result is not within its bound: what is wrong is not timed */
export function checkedRatio(
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

const single = (x: Tensor) => (x.engine as SyncEngine).dataSync(x) as Float32Array;

/** What a case gives in Float64, and how near a device of such ulps has to come. */
interface Reference {
  readonly drawn: unknown;
  readonly exact: readonly Float32Array[];
  bounds(backend: Backend): readonly (Float32Array | null)[];
}

function referenceOf(of: Case, size: Size): Reference {
  const drawn = of.inputs(engine(cpu()), size);
  const exactly = engine(cpu(), { dtype: 'float64' });
  const inputs64 = mapTree(drawn, (x) => exactly.tensor(wide(x), x.shape, x.dtype === 'float32' ? 'float64' : x.dtype));
  const exact = of.exact ? of.exact(inputs64) : (of.run(inputs64) as readonly Tensor[]);
  return {
    drawn,
    exact: exact.map(single),
    bounds: ({ ulps }) => of.bounds(inputs64, ulps).map((bound) => bound && single(bound)),
  };
}

const wide = (x: Tensor) => (x.dtype === 'float32' ? Float64Array.from(single(x)) : single(x).slice());

/** A case on one device: its inputs there, its results held to the reference. */
interface Prepared {
  readonly backend: Backend;
  readonly errorOverBound: number;
  readonly composed: readonly string[];
  readonly t: Engine;
  readonly inputs: unknown;
  variant(run: Case['run']): Variant;
}

export async function prepare(of: Case, size: Size, reference: Reference, backend: Backend): Promise<Prepared> {
  const t = engine(backend);
  const inputs = mapTree(reference.drawn, (x) => t.tensor(single(x).slice(), x.shape, x.dtype));
  t.clearTrace();
  const first = await of.run(inputs);
  const computed = await Promise.all(first.slice(0, reference.exact.length).map((x) => x.data()));
  const bounds = reference.bounds(backend);
  const what = `${of.title(size)} on ${backend.name} ${backend.device.mode}`;
  const ratios = computed.map((x, i) => checkedRatio(`${what}, output ${i}`, x, reference.exact[i], bounds[i]));
  const composed = t.trace().filter((line) => line.composed > 0);
  t.free(first, { except: inputs });
  return {
    ...{ backend, t, inputs, errorOverBound: Math.max(0, ...ratios) },
    composed: composed.map(({ op, declined }) => [op, ...declined].join(': ')),
    variant: (run) => async () => {
      using step = t.region();
      const [output] = await run(step.borrow(inputs));
      if (of.reads) await output.data();
      await backend.flush();
    },
  };
}

export const prepared = async ({ name, size, device, threads }: Omit<Request, keyof Plan | 'against'>) => {
  const of = caseOf(name);
  const reference = referenceOf(of, size);
  return { of, reference, ...(await prepare(of, size, reference, await openDevice(device, threads))) };
};

export async function measure(request: Request, sampler: Sampler): Promise<Measured> {
  const { name, size, device, threads, against } = request;
  const { of, reference, backend, ...own } = await prepared(request);
  const besides: { readonly name: string; readonly variant: Variant }[] = [];
  if (of.baseline) besides.push({ name: of.baseline.name, variant: own.variant(of.baseline.run) });
  const flops = of.flops?.(size);
  if (against === 'limit' && flops !== undefined)
    besides.push({ name: 'the limit of fused multiply-add on one thread', variant: await atTheLimit(flops) });
  else if (against && against !== 'limit' && against !== device) {
    const other = await prepare(of, size, reference, await openDevice(against, threads));
    besides.push({ name: against, variant: other.variant(of.run) });
  }
  const bare = isGpujs(device) && of.bare ? await bareVariant(of, size, device, reference, backend) : null;

  const variants = [own.variant(of.run), ...besides.map(({ variant }) => variant), ...(bare ? [bare.variant] : [])];
  const [omoe, ...others] = await sampler.sample(variants, request);
  const timedBare = bare ? others[besides.length] : null;
  const { mode, name: adapter, threads: used, notes } = backend.device;
  return {
    ...{ name, size, title: of.title(size), device },
    ...{ backend: backend.name, mode, adapter, threads: used, notes },
    ...{ errorOverBound: own.errorOverBound, composed: own.composed, sampler: sampler.name },
    omoe: statisticsOf(omoe),
    gigaflops: flops === undefined ? null : flops / statisticsOf(omoe).median / 1e6,
    ...(of.tokens ? { tokensPerSecond: (1000 * of.tokens(size)) / statisticsOf(omoe).median } : {}),
    bare: timedBare && statisticsOf(timedBare),
    overhead: timedBare && ratioOf(omoe, timedBare).median - 1,
    bareIsPart: bare?.work.shapes === null,
    beside: besides.map(({ name }, i) => ({ name, time: statisticsOf(others[i]), ratio: ratioOf(omoe, others[i]) })),
  };
}

/** The bare kernels, held to the same bounds where they do all of the work. */
async function bareVariant(
  of: Case,
  size: Size,
  device: DeviceName,
  { drawn, exact, bounds }: Reference,
  backend: Backend,
) {
  const gpu: Bare = await openBare(modeOf(device));
  const work: BareWork = of.bare!(gpu, drawn, single);
  const result = await work.run();
  if (work.shapes) {
    const got = await readBare(result);
    // A kernel has one output: gates and experts lie side by side.
    const columns = work.shapes[0].at(-1)!;
    const half = (which: number) => got.filter((_, i) => Math.floor(((i % columns) * 2) / columns) === which);
    const outputs = exact.length === 1 ? [got] : [half(0), half(1)];
    const within = bounds(backend);
    for (const [i, x] of outputs.entries())
      checkedRatio(`${of.title(size)}, bare on ${device}, output ${i}`, x, exact[i], within[i]);
  }
  releaseBare(result);
  const variant: Variant = async () => {
    releaseBare(await work.run());
    await gpu.flush();
  };
  return { work, variant };
}
