import type { DType, PrimitiveAttrs } from '../../src/backend.ts';
import { sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs } from './kernel.ts';
import { mergeAxes } from './layout.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';
import { bytesOf } from './storage.ts';

/**
 * Reductions of strided views in one call. Few results of many elements are folded in two: stretches of a fixed length, then
 * what came of them, so that threads share the work; the stretches depend on the shape alone, and so does the result.
 */

type Fold = 'sum' | 'largest' | 'squares' | 'exponentials';
type Suffix = 'F32' | 'F64' | 'I32';
const suffixOf: Partial<Record<DType, Suffix>> = { float32: 'F32', float64: 'F64', int32: 'I32' };

interface Axis {
  readonly size: number;
  /** In bytes. */
  readonly step: number;
}

interface Work {
  readonly from: number;
  readonly to: number;
  /** From the innermost outwards, at least one of each. */
  readonly kept: readonly Axis[];
  readonly reduced: readonly Axis[];
  /** Address of the means or maxima that elements are held against; 0: none. */
  readonly centres: number;
  /** What a sum is divided by; below 0 the smallest is meant, not the largest. */
  readonly argument: number;
  /** Results that a thread takes at once. */
  readonly least: number;
}

/** Elements of a chunk for one thread, and of a stretch. */
const grain = 1 << 15;
const stretch = 1 << 15;
/**
 * Where elements of a result lie side by side, rows; else columns. A thread takes at least `least` results, of columns those of
 * two cache lines; more than `few` keep the threads busy without stretches.
 */
const rows = { least: 1, few: 8 };
const columns = { least: 32, few: 1 << 10 };

const product = (axes: readonly Axis[]): number => axes.reduce((all, { size }) => all * size, 1);

function axesOf(shape: readonly number[], strides: readonly number[], bytes: number): Axis[] {
  const { sizes, steps } = mergeAxes(shape, [{ strides }]);
  return sizes.map((size, axis) => ({ size, step: steps[0][axis] * bytes }));
}

function call(runtime: Runtime, kernel: `sum${Suffix}`, work: Work): void {
  const { from, to, kept, reduced, centres, argument } = work;
  const table = runtime.table([...kept, ...reduced].flatMap(({ size, step }) => [size, step]));
  const results = Math.max(work.least, Math.ceil(grain / Math.max(1, product(reduced))));
  runtime.run(kernel, product(kept), results, from, to, centres, table, kept.length, reduced.length, argument);
}

/** Folds stretches of the outermost reduced axis, the last of them shorter. */
function foldStretches(runtime: Runtime, kernel: `sum${Suffix}`, work: Work, dtype: DType, length: number): void {
  const { kept, to, argument } = work;
  const inner = work.reduced.slice(0, -1);
  const { size, step } = work.reduced[work.reduced.length - 1];
  const results = product(kept);
  const [whole, rest] = [Math.floor(size / length), size % length];
  const bytes = bytesOf[dtype];
  const parts = runtime.scratch((whole + 1) * results * bytes);
  const part = { ...work, argument: argument < 0 ? argument : 1 };
  call(runtime, kernel, {
    ...part,
    to: parts,
    kept: [...kept, { size: whole, step: length * step }],
    reduced: [...inner, { size: length, step }],
  });
  if (rest > 0)
    call(runtime, kernel, {
      ...part,
      from: work.from + whole * length * step,
      to: parts + whole * results * bytes,
      reduced: [...inner, { size: rest, step }],
    });
  call(runtime, kernel, {
    ...{ from: parts, to, centres: 0, argument, least: columns.least },
    kept: [{ size: results, step: bytes }],
    reduced: [{ size: rest > 0 ? whole + 1 : whole, step: results * bytes }],
  });
}

/** The view without `axes` to the address `to`, row-major. */
function foldInto(
  runtime: Runtime,
  fold: Fold,
  x: WasmView,
  axes: readonly number[],
  { to, argument, centres = 0 }: { to: number; argument: number; centres?: number },
): void {
  const bytes = bytesOf[x.dtype];
  const keptAxes = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  // In which order is free, so reduced axes are taken as they lie in memory, upwards; repeated elements outermost.
  const distance = (axis: number): number => Math.abs(x.strides[axis]) || Number.POSITIVE_INFINITY;
  const reducedAxes = [...axes].sort((a, b) => distance(b) - distance(a) || 0);
  const backwards = axes.filter((axis) => x.strides[axis] < 0 && x.shape[axis] > 0);
  const start = backwards.reduce((offset, axis) => offset + (x.shape[axis] - 1) * x.strides[axis], 0);
  const pick = <T>(list: readonly T[], chosen: readonly number[]): T[] => chosen.map((axis) => list[axis]);
  const kept = axesOf(pick(x.shape, keptAxes), pick(x.strides, keptAxes), bytes);
  const reduced = axesOf(pick(x.shape, reducedAxes), pick(x.strides, reducedAxes).map(Math.abs), bytes);
  const side = reduced[0].step === bytes ? rows : columns;
  const work = { from: runtime.address(x) + start * bytes, to, kept, reduced, centres, argument, least: side.least };

  const kernel = `${fold}${suffixOf[x.dtype]!}` as `sum${Suffix}`;
  const results = product(kept);
  const outermost = reduced[reduced.length - 1].size;
  // A stretch is one result's elements in rows, those of all results in columns.
  const length = Math.ceil((stretch * outermost) / (product(reduced) * (side === rows ? 1 : results)));
  // What is against a centre is not cut: its parts would have to be folded in another way.
  if (centres === 0 && results <= side.few && outermost >= 4 * length)
    foldStretches(runtime, kernel, work, x.dtype, length);
  else call(runtime, kernel, work);
}

const countAlong = (x: WasmView, axes: readonly number[]): number => sizeOf(axes.map((axis) => x.shape[axis]));

export const reduce: WasmKernel<PrimitiveAttrs['reduce']> = (runtime, [x], { kind, axes }, [output]) => {
  const result = runtime.output(output);
  const to = result.address;
  if (kind === 'sum') foldInto(runtime, 'sum', x, axes, { to, argument: 1 });
  else foldInto(runtime, 'largest', x, axes, { to, argument: kind === 'min' ? -1 : 1 });
  return [result];
};

export const mean: WasmKernel<CompositeAttrs['mean']> = (runtime, [x], { axes }, [output]) => {
  const result = runtime.output(output);
  foldInto(runtime, 'sum', x, axes, { to: result.address, argument: countAlong(x, axes) });
  return [result];
};

// 1/(N - correction) Σ (x - mean)², in two passes so that a large mean costs no accuracy
export const variance: WasmKernel<CompositeAttrs['variance']> = (runtime, [x], { axes, correction }, [output]) => {
  const result = runtime.output(output);
  const count = countAlong(x, axes);
  const centres = runtime.scratch(result.length * bytesOf[x.dtype]);
  foldInto(runtime, 'sum', x, axes, { to: centres, argument: count });
  foldInto(runtime, 'squares', x, axes, { to: result.address, argument: count - correction, centres });
  return [result];
};

// m + log Σ e^(x - m) with m = max x; an infinite or NaN m is taken as 0
export const logSumExp: WasmKernel<CompositeAttrs['logSumExp']> = (runtime, [x], { axes }, [output]) => {
  const result = runtime.output(output);
  const centres = runtime.scratch(result.length * bytesOf[x.dtype]);
  foldInto(runtime, 'largest', x, axes, { to: centres, argument: 1 });
  foldInto(runtime, 'exponentials', x, axes, { to: result.address, argument: 1, centres });
  return [result];
};
