import fc from 'fast-check';
import { type Any, at, fromFunctionLike, indices, type Shape, toFlat } from '../../spec/array.ts';
import type { Backend } from '../../src/backend.ts';
import type { Engine } from '../../src/engine.ts';
import type { Tensor } from '../../src/tensor.ts';
import type { FloatType } from './values.ts';

/**
 * The same values at other places of a larger buffer. A layout is carried out with the engine's own view operations
 * (broadcastTo, flip, slice with a step, permuteDims) on a base tensor that holds poison wherever no element belongs, so that
 * reading a wrong place shows.
 */
export interface Layout {
  /** How the base orders the axes: axis i of the base is axis order[i] of the tensor. */
  readonly order: readonly number[];
  readonly axes: readonly AxisLayout[];
}

export interface AxisLayout {
  /** Stride 0: one position, shown as often as the axis is long. */
  readonly repeated: boolean;
  readonly flipped: boolean;
  readonly step: number;
  /** Elements of the base before the first and after the last one. */
  readonly before: number;
  readonly after: number;
}

/** @param repeats false: every axis keeps its own elements */
export const layoutsOf = (shape: Shape, repeats = true): fc.Arbitrary<Layout> => {
  const axis: fc.Arbitrary<AxisLayout> = fc.record({
    repeated: fc.nat(5).map((n) => n === 5 && repeats),
    flipped: fc.boolean(),
    step: fc.integer({ min: 1, max: 3 }),
    before: fc.nat(2),
    after: fc.nat(1),
  });
  const order = shape.map((_, i) => i);
  return fc.record({
    order: fc.shuffledSubarray(order, { minLength: order.length, maxLength: order.length }),
    axes: fc.array(axis, { minLength: shape.length, maxLength: shape.length }),
  });
};

/** One repeated axis or none, everything else in its place: what kernels may treat in ways of their own. */
export const nearlyContiguousLayoutsOf: typeof layoutsOf = (shape, repeats = true) =>
  fc.nat(repeats ? shape.length : 0).map((place) => ({
    order: shape.map((_, i) => i),
    axes: shape.map((_, i) => ({ repeated: repeats && i === place, flipped: false, step: 1, before: 0, after: 0 })),
  }));

/** Equal along every repeated axis: what a tensor of that layout can hold. Row-major. */
export const repeatValues = (values: Any, layout: Layout): Any =>
  fromFunctionLike(values, values.shape, (index) =>
    at(
      values,
      index.map((i, axis) => (layout.axes[axis].repeated ? 0 : i)),
    ),
  );

const dtypeOf = (values: Any, floats: FloatType) =>
  values.data instanceof Float64Array ? floats : values.data instanceof Int32Array ? 'int32' : 'bool';

/** The values as a plain contiguous tensor. */
export const contiguous = (t: Engine, values: Any): Tensor => {
  const dtype = dtypeOf(values, t.dtype);
  const flat = toFlat(values);
  const data =
    dtype === 'float64'
      ? Float64Array.from(flat)
      : dtype === 'float32'
        ? Float32Array.from(flat)
        : dtype === 'int32'
          ? Int32Array.from(flat)
          : Uint8Array.from(flat);
  return t.tensor(data, values.shape);
};

/** What stands where no element belongs: NaN where the backend keeps it, a number that no draw reaches where it may not. */
function poison(values: Any, { limits, promises }: Backend): number {
  if (values.data instanceof Float64Array) return promises.specialValues ? Number.NaN : -3e7;
  return values.data instanceof Int32Array ? Math.min(123_456_789, limits.integer) : 1;
}

/** The values as a view with that layout. They must be equal along its repeated axes. */
export function place(t: Engine, values: Any, layout: Layout): Tensor {
  const { order, axes } = layout;
  // sizes along each axis of the tensor, before and after the cut
  const kept = values.shape.map((size, axis) => (axes[axis].repeated ? Math.min(size, 1) : size));
  const span = kept.map((size, axis) => (size === 0 ? 0 : (size - 1) * axes[axis].step + 1));
  const long = span.map((size, axis) => axes[axis].before + size + axes[axis].after);

  const baseShape = order.map((axis) => long[axis]);
  const base = fromFunctionLike(values, baseShape, () => poison(values, t.backend));
  for (const index of indices(kept)) {
    const position = index.map((i, axis) => {
      const { flipped, step, before } = axes[axis];
      return before + (flipped ? kept[axis] - 1 - i : i) * step;
    });
    base.set(...order.map((axis) => position[axis]), at(values, index));
  }

  let view = contiguous(t, base).permuteDims(order.map((_, axis) => order.indexOf(axis)));
  axes.forEach(({ flipped, step, before }, axis) => {
    view = view.slice([before, before + span[axis]], axis, step);
    if (flipped) view = view.flip(axis);
  });
  return view.broadcastTo(values.shape);
}
