import { sizeOf } from '../../../spec/array.ts';
import { type Ulps, UNIT_ROUNDOFF } from '../../../spec/rounding/model.ts';
import type { Backend, DType, HostArray, PrimitiveAttrs, Spec, View } from '../../../src/backend.ts';
import { OmoeError } from '../../../src/errors.ts';
import { allocate, contiguousStrides } from '../../../src/shape.ts';
import type { FloatType } from '../../arbitraries/values.ts';
import { arithmetic, comparison, hull, type Interval, nearest, type Precision, total, unary } from './interval.ts';

/**
 * A backend whose numbers are intervals: after the same calls, each of its elements holds whatever a backend of the given
 * precision may have there that keeps the bounds of spec/rounding. It has the nine primitives and nothing else, and is of no
 * use but as a reference: the width of an interval is a bound, derived call by call, on what rounding can have done.
 */
export interface Enclosure {
  readonly dtype: DType;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

type Views = readonly View<Enclosure>[];

/** The intervals of a view in row-major order. */
function elements({ buffer, shape, strides, offset }: View<Enclosure>): Interval[] {
  const size = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  let place = offset;
  return Array.from({ length: size }, () => {
    const element: Interval = [buffer.low[place], buffer.high[place]];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += strides[axis];
      if (++index[axis] < shape[axis]) break;
      place -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
    return element;
  });
}

function enclosure(dtype: DType, of: readonly Interval[]): Enclosure {
  const [low, high] = [new Float64Array(of.length), new Float64Array(of.length)];
  of.forEach((interval, i) => {
    low[i] = interval[0];
    high[i] = interval[1];
  });
  return { dtype, low, high };
}

/** The flat place of an index whose entry along `axis` is replaced: (outer, along, inner). */
const split = (shape: readonly number[], axis: number) => ({
  outer: sizeOf(shape.slice(0, axis)),
  inner: sizeOf(shape.slice(axis + 1)),
});

/** Indices have to be known exactly: nothing of ours computes them from rounded numbers away from ties. */
function exactly(operation: string, view: View<Enclosure>): number[] {
  return elements(view).map(([low, high]) => {
    if (low === high) return low;
    throw new OmoeError({ operation, received: `an index between ${low} and ${high}`, expected: 'one that is known' });
  });
}

/** @param dtype the precision whose roundings are enclosed; of both dtypes, what is held is Float64 */
export function enclosing(dtype: FloatType, ulps: Ulps): Backend<Enclosure> {
  const of: Precision = { u: UNIT_ROUNDOFF[dtype], ulps };
  const isFloat = (type: DType): boolean => type === 'float32' || type === 'float64';
  const result = ([{ dtype: type }]: readonly Spec[], intervals: readonly Interval[]): readonly Enclosure[] => [
    enclosure(type, intervals),
  ];
  // Whole numbers are exact: the intervals of their results are those of exact arithmetic.
  const exact: Precision = { u: 0, ulps };
  const asInteger = (x: Interval): Interval => [Math.round(x[0]), Math.round(x[1])];

  const reduce = ([x]: Views, { kind, axes }: PrimitiveAttrs['reduce'], outputs: readonly Spec[]) => {
    const values = elements(x);
    const strides = contiguousStrides(x.shape);
    const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    const groups = Array.from({ length: sizeOf(outputs[0].shape) }, (): Interval[] => []);
    const place = contiguousStrides(outputs[0].shape);
    values.forEach((value, flat) => {
      const at = kept.reduce((sum, axis, i) => sum + (Math.floor(flat / strides[axis]) % x.shape[axis]) * place[i], 0);
      groups[at].push(value);
    });
    return result(
      outputs,
      groups.map((group) => {
        if (kind === 'sum')
          return isFloat(x.dtype) ? total(group, of) : group.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
        const pick = kind === 'max' ? Math.max : Math.min;
        return [pick(...group.map(([low]) => low)), pick(...group.map(([, high]) => high))];
      }),
    );
  };

  const backend: Backend<Enclosure> = {
    name: `enclosure of ${dtype}`,
    device: { mode: 'javascript', name: 'intervals', threads: 1, notes: [] },
    dtypes: ['float32', 'float64', 'int32', 'bool'],
    limits: { elements: 2 ** 31 - 1, integer: 2 ** 31 - 1 },
    promises: { repeatable: true, specialValues: false },
    ulps,
    upload: (data, type) =>
      enclosure(
        type,
        Array.from(data, (x) => (isFloat(type) ? nearest([x, x], of) : [x, x])),
      ),
    async read({ dtype: type, low, high }, offset, length): Promise<HostArray> {
      const data = allocate(type === 'float32' ? 'float64' : type, length);
      for (let i = 0; i < length; i++) data[i] = (low[offset + i] + high[offset + i]) / 2;
      return data;
    },
    free: () => {},
    stats: () => ({ buffers: 0, bytes: 0 }),
    flush: async () => {},
    dispose: () => {},
    kernels: {
      unary: ([x], { kind }, outputs) =>
        result(
          outputs,
          elements(x).map((value) =>
            isFloat(x.dtype) ? unary[kind](value, of) : asInteger(unary[kind](value, exact)),
          ),
        ),
      binary([a, b], { kind }, outputs) {
        const right = elements(b);
        const one = (x: Interval, y: Interval): Interval => {
          if (kind === 'logicalAnd') return [Math.min(x[0], y[0]), Math.min(x[1], y[1])];
          if (kind === 'logicalOr') return [Math.max(x[0], y[0]), Math.max(x[1], y[1])];
          if (kind in comparison) return comparison[kind as keyof typeof comparison](x, y);
          const operation = arithmetic[kind as keyof typeof arithmetic];
          return isFloat(a.dtype) ? operation(x, y, of) : asInteger(operation(x, y, exact));
        };
        return result(
          outputs,
          elements(a).map((x, i) => one(x, right[i])),
        );
      },
      select([condition, a, b], _, outputs) {
        const [left, right] = [elements(a), elements(b)];
        return result(
          outputs,
          elements(condition).map(([low, high], i) =>
            low === 1 ? left[i] : high === 0 ? right[i] : hull(left[i], right[i]),
          ),
        );
      },
      reduce,
      copy: ([x], _, outputs) => result(outputs, elements(x)),
      gather([x, indices], { axis }, outputs) {
        const values = elements(x);
        const list = exactly('gather', indices);
        const { outer, inner } = split(x.shape, axis);
        const taken: Interval[] = [];
        for (let o = 0; o < outer; o++)
          for (const index of list)
            for (let i = 0; i < inner; i++) taken.push(values[(o * x.shape[axis] + index) * inner + i]);
        return result(outputs, taken);
      },
      scatterAdd([x, indices, updates], { axis }, outputs) {
        const terms = elements(x).map((value) => [value]);
        const added = elements(updates);
        const list = exactly('scatterAdd', indices);
        const { outer, inner } = split(x.shape, axis);
        for (let o = 0; o < outer; o++)
          list.forEach((index, m) => {
            for (let i = 0; i < inner; i++)
              terms[(o * x.shape[axis] + index) * inner + i].push(added[(o * list.length + m) * inner + i]);
          });
        return result(
          outputs,
          terms.map((all) =>
            isFloat(x.dtype) ? total(all, of) : all.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0] as Interval),
          ),
        );
      },
      fill: (_, { value }, outputs) => {
        const element = isFloat(outputs[0].dtype) ? nearest([value, value], of) : ([value, value] as const);
        return result(outputs, new Array<Interval>(sizeOf(outputs[0].shape)).fill(element));
      },
      cast([x], _, outputs) {
        const to = outputs[0].dtype;
        const one = ([low, high]: Interval): Interval => {
          if (to === 'int32') return [Math.trunc(low), Math.trunc(high)];
          if (to === 'bool') return [low > 0 || high < 0 ? 1 : 0, low === 0 && high === 0 ? 0 : 1];
          return nearest([low, high], of);
        };
        return result(outputs, elements(x).map(one));
      },
    },
  };
  return backend;
}
