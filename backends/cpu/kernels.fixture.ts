import fc from 'fast-check';
import ndarray, { type NdArray } from 'ndarray';
import type { DType, HostArray, Spec, View } from '../../src/backend.ts';
import { allocate, sizeOf } from '../../src/shape.ts';
import { type CpuBuffer, cpu } from './index.ts';

/**
 * For the tests of the kernels against spec/: strided views of every layout (permuted, flipped, repeated, with gaps, with
 * sizes 0 and 1), and the comparison. Inputs are mostly small integers, whose sums and products are exact in either
 * precision, so that a wrong stride cannot hide in a tolerance; and the spec reads the very same memory by scijs strides.
 */

export type HostView = View<HostArray>;

/** A view of the given shape in some layout in memory. */
export function viewOf(shape: readonly number[], dtype: DType, element: fc.Arbitrary<number>): fc.Arbitrary<HostView> {
  const axes = shape.map((_, axis) => axis);
  const everyAxis = { minLength: axes.length, maxLength: axes.length };
  const layout = fc.record({
    order: fc.shuffledSubarray(axes, everyAxis),
    gaps: fc.array(fc.integer({ min: 1, max: 2 }), everyAxis),
    kinds: fc.array(fc.constantFrom('plain', 'plain', 'flipped', 'repeated'), everyAxis),
    lead: fc.integer({ min: 0, max: 3 }),
  });
  return layout.chain(({ order, gaps, kinds, lead }) => {
    const strides = shape.map(() => 0);
    let [length, offset] = [1, lead];
    for (const axis of order) {
      if (kinds[axis] === 'repeated') continue;
      strides[axis] = length * gaps[axis];
      length *= Math.max(1, gaps[axis] * shape[axis]);
      if (kinds[axis] !== 'flipped' || shape[axis] === 0) continue;
      offset += (shape[axis] - 1) * strides[axis];
      strides[axis] = -strides[axis];
    }
    const size = lead + length;
    return fc.array(element, { minLength: size, maxLength: size }).map((values) => {
      const buffer = allocate(dtype, size);
      buffer.set(values);
      return { buffer, shape, strides, offset, dtype };
    });
  });
}

export const sizes = fc.integer({ min: 0, max: 4 });
export const shapes = (minRank: number, maxRank = 3) => fc.array(sizes, { minLength: minRank, maxLength: maxRank });
export const floats = fc.constantFrom<DType>('float32', 'float64');

export const small = fc.integer({ min: -5, max: 5 });
export const moderate = fc.float({ min: -8, max: 8, noNaN: true });
export const hostile = fc.oneof(
  small,
  fc.float(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0),
);

/** The same elements for the spec. */
export const real = (x: HostView): NdArray<Float64Array> =>
  ndarray(Float64Array.from(x.buffer), [...x.shape], [...x.strides], x.offset);
export const int = (x: HostView): NdArray<Int32Array> =>
  ndarray(Int32Array.from(x.buffer), [...x.shape], [...x.strides], x.offset);
export const bool = (x: HostView): NdArray<Uint8Array> =>
  ndarray(Uint8Array.from(x.buffer), [...x.shape], [...x.strides], x.offset);

const backend = cpu();
type AnyKernel = (inputs: readonly View<CpuBuffer>[], attrs: object, outputs: readonly Spec[]) => readonly CpuBuffer[];
const kernels = backend.kernels as unknown as Readonly<Record<string, AnyKernel>>;

/** Runs a kernel; its outputs as host arrays. */
export function run(
  name: string,
  inputs: readonly HostView[],
  attrs: object,
  ...outputs: readonly Spec[]
): HostArray[] {
  const views = inputs.map((x) => ({ ...x, buffer: backend.upload(x.buffer, x.dtype) }));
  return kernels[name](views, attrs, outputs).map((buffer, i) => backend.readSync(buffer, 0, sizeOf(outputs[i].shape)));
}

/** u, the unit roundoff of Float64. */
export const u = 2 ** -53;

const flat = (x: NdArray<Float64Array | Int32Array | Uint8Array>): number[] => {
  const step = (axis: number, offset: number): number[] =>
    axis === x.shape.length
      ? [x.data[offset]]
      : Array.from({ length: x.shape[axis] }, (_, i) => step(axis + 1, offset + i * x.stride[axis])).flat();
  return step(0, x.offset);
};

/**
 * Within `bound` of the definition before the one rounding to the dtype of `actual`; without a bound equal (±0 alike).
 * @throws Error naming the worst element, both values and the bound
 */
export function expectClose(
  actual: HostArray,
  definition: NdArray<Float64Array | Int32Array | Uint8Array>,
  bound: (value: number, index: number) => number = () => 0,
): void {
  const expected = flat(definition);
  if (actual.length !== expected.length) throw new Error(`${actual.length} elements, but should be ${expected.length}`);
  const round = (x: number) => (actual instanceof Float32Array ? Math.fround(x) : x);
  let worst = -1;
  let worstRatio = 0;
  expected.forEach((value, i) => {
    const slack = bound(value, i);
    const same = actual[i] === round(value) || Object.is(actual[i], round(value));
    if (same || (actual[i] >= round(value - slack) && actual[i] <= round(value + slack))) return;
    const ratio = Math.abs(actual[i] - value) / slack;
    if (worst >= 0 && !(ratio > worstRatio)) return;
    worst = i;
    worstRatio = ratio;
  });
  if (worst < 0) return;
  const slack = bound(expected[worst], worst);
  throw new Error(`[${worst}] is ${actual[worst]}, but should be ${expected[worst]} within ${slack}`);
}

/** A law that holds for every example; 60 of them, as the full suite of property-tests/ comes on top. */
export const check = <T>(examples: fc.Arbitrary<T>, law: (example: T) => void, numRuns = 60): void =>
  fc.assert(fc.property(examples, law), { numRuns });
