import type { DType, View } from '../../src/backend.ts';
import { addressFunctions, splitAddress } from './addressing.ts';
import type { GpuBuffer } from './buffer.ts';
import { copied } from './move.ts';
import type { GpuFunction, Parameter, Program } from './program.ts';
import { exactInteger, type Runtime } from './runtime.ts';

/**
 * A tensor as lanes: the elements that one reduction runs over, or one softmax. Lane (o, i) of `outer` × `inner` lanes starts
 * at offset + o·outerStride + i·innerStride, and its `count` elements lie `stride` apart. So one kernel serves every rank
 * and axis.
 */
export interface Lanes {
  readonly buffer: GpuBuffer;
  readonly offset: number;
  readonly outer: number;
  readonly inner: number;
  readonly count: number;
  readonly outerStride: number;
  readonly innerStride: number;
  readonly stride: number;
  /** A copy that was made for these lanes, to be freed after their last use. */
  readonly copy: GpuBuffer | null;
}

interface Axis {
  readonly size: number;
  readonly stride: number;
}
const one: Axis = { size: 1, stride: 0 };

/** Neighbouring axes as one where the outer steps exactly over the inner; axes of size 1 vanish. */
function mergedAxes(axes: readonly Axis[]): Axis[] {
  const merged: Axis[] = [];
  for (const { size, stride } of axes) {
    if (size === 1) continue;
    const last = merged.at(-1);
    if (last && last.stride === stride * size) merged[merged.length - 1] = { size: last.size * size, stride };
    else merged.push({ size, stride });
  }
  return merged;
}

const axesOf = ({ shape, strides }: View<GpuBuffer>): Axis[] =>
  shape.map((size, axis) => ({ size, stride: strides[axis] }));

const lanes = ({ buffer, offset }: View<GpuBuffer>, outer = one, inner = one, along = one): Lanes => ({
  buffer,
  offset,
  outer: outer.size,
  inner: inner.size,
  count: along.size,
  outerStride: outer.stride,
  innerStride: inner.stride,
  stride: along.stride,
  copy: null,
});

function tryAlong(x: View<GpuBuffer>, axis: number): Lanes | null {
  const all = axesOf(x);
  const [before, after] = [mergedAxes(all.slice(0, axis)), mergedAxes(all.slice(axis + 1))];
  return before.length <= 1 && after.length <= 1 ? lanes(x, before[0], after[0], all[axis]) : null;
}

function tryOver(x: View<GpuBuffer>, kept: readonly number[], axes: readonly number[]): Lanes | null {
  const all = axesOf(x);
  const [lead, reduced] = [kept, axes].map((list) => mergedAxes(list.map((axis) => all[axis])));
  if (lead.length > 2 || reduced.length > 1) return null;
  return lead.length === 2 ? lanes(x, lead[0], lead[1], reduced[0]) : lanes(x, lead[0], one, reduced[0]);
}

const ofCopy = (copy: View<GpuBuffer>, see: (copy: View<GpuBuffer>) => Lanes | null): Lanes => ({
  ...see(copy)!,
  copy: copy.buffer,
});

/**
 * Lanes along `axis`: what lies before it is `outer`, what lies behind it `inner`, so that [outer, count, inner] is the
 * row-major order of x. Where the strides do not allow that, lanes of a copy.
 */
export const lanesAlong = (runtime: Runtime, operation: string, x: View<GpuBuffer>, axis: number): Lanes =>
  tryAlong(x, axis) ?? ofCopy(copied(runtime, operation, x), (copy) => tryAlong(copy, axis));

/** Lanes over all of `axes`; [outer, inner] is the row-major order of the axes that are kept. Else lanes of a copy. */
export function lanesOver(runtime: Runtime, operation: string, x: View<GpuBuffer>, axes: readonly number[]): Lanes {
  const all = x.shape.map((_, axis) => axis);
  const kept = all.filter((axis) => !axes.includes(axis));
  const direct = tryOver(x, kept, axes);
  if (direct) return direct;
  const order = [...kept, ...axes];
  const turned = {
    ...x,
    shape: order.map((axis) => x.shape[axis]),
    strides: order.map((axis) => x.strides[axis]),
  };
  return ofCopy(copied(runtime, operation, turned), (copy) =>
    tryOver(copy, all.slice(0, kept.length), all.slice(kept.length)),
  );
}

export const freeCopy = (runtime: Runtime, { copy }: Lanes): void => {
  if (copy) runtime.free(copy);
};

/** Expressions for the texts of the kernels below. */
export interface LaneText {
  /** Element l of the lane; l an expression. */
  element(l: string): string;
  /** Within lanes: what `eachLane` has left for this lane in the buffer of that name. */
  ofLane(buffer: string): string;
}

export interface LaneKernel {
  readonly name: string;
  /** Beside those of the lanes, which come first: x, outerStride, innerStride, inner, offset, count, stride. */
  readonly parameters?: Readonly<Record<string, Parameter>>;
  readonly functions?: readonly GpuFunction[];
  /** Statements; `return` gives the result at `this.thread.x`. */
  body(text: LaneText): string;
}

const laneParameters = {
  x: 'buffer',
  outerStride: 'integer',
  innerStride: 'integer',
  inner: 'integer',
  offset: 'integer',
  count: 'integer',
  stride: 'integer',
} as const;
const laneArgs = (x: Lanes) => [x.buffer, x.outerStride, x.innerStride, x.inner, x.offset, x.count, x.stride];

/** A kernel's text where all addresses are integers that floats hold exactly, and where they are not. */
interface Placement {
  /** Statements that say where the lane starts, and which `place` of it a thread computes. */
  readonly begin: string;
  readonly text: LaneText;
}

// Local variables, hence floats. One product and one sum is all that an element of a loop costs.
const nearText: LaneText = { element: (l) => `x[start + (${l}) * stride]`, ofLane: (buffer) => `${buffer}[lane]` };
const farText: LaneText = {
  element: (l) => `x[stepped(high, low, ${l}, stride)]`,
  ofLane: (buffer) => `${buffer}[address3(this.thread.x, width, inner, inner, 0, 1, 0)]`,
};
const farBegin = (start: string): string => `
  const high = highPart(${start});
  const low = lowPart(${start});`;

const eachPlacement = (far: boolean): Placement =>
  far
    ? { begin: farBegin('address2(this.thread.x, inner, outerStride, innerStride, offset)'), text: farText }
    : {
        begin: `
          const outer = quotient(this.thread.x, inner);
          const start = offset + outer * outerStride + (this.thread.x - outer * inner) * innerStride;`,
        text: nearText,
      };
const withinPlacement = (far: boolean): Placement =>
  far
    ? {
        begin: `${farBegin('address3(this.thread.x, width, inner, outerStride, 0, innerStride, offset)')}
          const place = remainder(quotient(this.thread.x, inner), width);`,
        text: farText,
      }
    : {
        begin: `${placeText}
          const lane = outer * inner + within;
          const start = offset + outer * outerStride + within * innerStride;`,
        text: nearText,
      };

/** Of the output [outer, width, inner], where the integers are exact as floats. */
export const placeText = `
  const row = quotient(this.thread.x, inner);
  const within = this.thread.x - row * inner;
  const outer = quotient(row, width);
  const place = row - outer * width;`;

const laneProgram = (kernel: LaneKernel, far: boolean, { begin, text }: Placement): Program => ({
  key: `${kernel.name}${far ? ', far' : ''}`,
  parameters: { ...laneParameters, ...kernel.parameters },
  functions: [...addressFunctions(3), ...splitAddress, ...(kernel.functions ?? [])],
  body: `${begin}\n${kernel.body(text)}`,
});

/** One result for each lane: [outer, inner]. */
export function eachLane(
  runtime: Runtime,
  operation: string,
  x: Lanes,
  kernel: LaneKernel,
  args: readonly (GpuBuffer | number)[],
  dtype: DType,
): GpuBuffer {
  const far = Math.max(x.buffer.length, x.outer * x.inner) > exactInteger;
  const program = laneProgram(kernel, far, eachPlacement(far));
  return runtime.run(operation, program, [...laneArgs(x), ...args], x.outer * x.inner, dtype);
}

/** `width` results for each lane, at most 2²⁴: [outer, width, inner]. The body knows which `place` of the `width` it computes. */
export function withinLanes(
  runtime: Runtime,
  operation: string,
  x: Lanes,
  width: number,
  kernel: LaneKernel,
  args: readonly (GpuBuffer | number)[],
  dtype: DType,
): GpuBuffer {
  const length = x.outer * width * x.inner;
  const far = Math.max(x.buffer.length, length) > exactInteger;
  const wider = { ...kernel, parameters: { width: 'integer', ...kernel.parameters } } as const;
  const program = laneProgram(wider, far, withinPlacement(far));
  return runtime.run(operation, program, [...laneArgs(x), width, ...args], length, dtype);
}
