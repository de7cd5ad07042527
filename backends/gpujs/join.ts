import type { View } from '../../src/backend.ts';
import { contiguousStrides, sizeOf } from '../../src/shape.ts';
import { addressFunctions } from './addressing.ts';
import type { GpuBuffer } from './buffer.ts';
import { intervalOfSum, union } from './interval.ts';
import { type GpuComposite, tooLong } from './kernel.ts';
import { freeCopy, type LaneKernel, lanesAlong, placeText, withinLanes } from './lanes.ts';
import { copied } from './move.ts';
import type { Parameter, Program } from './program.ts';
import { exactInteger, largestInteger, type Runtime } from './runtime.ts';

/** Operations about place along an axis: concatenation, running sums, one-hot rows. */

/** Inputs of one kernel. More are joined in groups first: a device reads a small number of buffers at once. */
const mostAtOnce = 4;

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `x${i}`);

// Input i holds the places from its beginning, which is part of its offset, to its end.
function concatProgram(count: number, far: boolean): Program {
  const elementOf = (x: string) =>
    far
      ? `${x}[address3(this.thread.x, width, inner, ${x}OuterStride, ${x}Stride, ${x}InnerStride, ${x}Offset)]`
      : `${x}[${x}Offset + outer * ${x}OuterStride + place * ${x}Stride + within * ${x}InnerStride]`;
  // Not a local variable where floats do not hold it.
  const place = far ? 'remainder(quotient(this.thread.x, inner), width)' : 'place';
  const steps = ['End', 'OuterStride', 'Stride', 'InnerStride', 'Offset'];
  const parametersOf = (x: string): [string, Parameter][] => [
    [x, 'buffer'],
    ...steps.map((step): [string, Parameter] => [`${x}${step}`, 'integer']),
  ];
  return {
    key: `concat of ${count}${far ? ', far' : ''}`,
    parameters: { width: 'integer', inner: 'integer', ...Object.fromEntries(names(count).flatMap(parametersOf)) },
    functions: addressFunctions(3),
    body: [
      far ? '' : placeText,
      ...names(count).map((x, i) =>
        i === count - 1 ? `return ${elementOf(x)};` : `if (${place} < ${x}End) { return ${elementOf(x)}; }`,
      ),
    ].join('\n'),
  };
}

function join(runtime: Runtime, parts: readonly View<GpuBuffer>[], axis: number): View<GpuBuffer> {
  const [first] = parts;
  if (parts.length === 1) return copied(runtime, 'concat', first);
  const lanes = parts.map((x) => lanesAlong(runtime, 'concat', x, axis));
  let end = 0;
  const places = lanes.flatMap(({ buffer, offset, count, outerStride, stride, innerStride }) => {
    const begin = end;
    end += count;
    return [buffer, end, outerStride, stride, innerStride, offset - begin * stride];
  });
  const shape = first.shape.with(axis, end);
  const args = [end, lanes[0].inner, ...places];
  const far = Math.max(sizeOf(shape), ...parts.map((x) => x.buffer.length)) > exactInteger;
  const buffer = runtime.run('concat', concatProgram(parts.length, far), args, sizeOf(shape), first.dtype);
  buffer.interval = parts.map((x) => x.buffer.interval).reduce(union);
  for (const of of lanes) freeCopy(runtime, of);
  return { buffer, shape, dtype: first.dtype, strides: contiguousStrides(shape), offset: 0 };
}

export const concat: GpuComposite<'concat'> =
  (runtime) =>
  (inputs, { axis }) => {
    // What has no elements adds none, and its strides may be anything.
    const filled = inputs.filter((x) => sizeOf(x.shape) > 0);
    let parts: readonly View<GpuBuffer>[] = filled.length > 0 ? filled : inputs.slice(0, 1);
    while (parts.length > mostAtOnce) {
      const groups = Array.from({ length: Math.ceil(parts.length / mostAtOnce) }, (_, i) =>
        parts.slice(i * mostAtOnce, (i + 1) * mostAtOnce),
      );
      const joined = groups.map((group) => join(runtime, group, axis));
      for (const part of parts) if (!filled.includes(part)) runtime.free(part.buffer);
      parts = joined;
    }
    const result = join(runtime, parts, axis);
    for (const part of parts) if (!inputs.includes(part)) runtime.free(part.buffer);
    return [result.buffer];
  };

/** Elements that one pass of a running sum adds. */
const radix = 16;

// The sum of up to `radix` elements, `step` places apart, ending at this one.
const partialSum: LaneKernel = {
  name: 'partial sum',
  parameters: { radix: 'integer', step: 'integer' },
  body: ({ element }) => `
    let sum = 0;
    for (let l = 0; l < radix; l++) {
      if (l * step <= place) {
        sum += ${element('place - l * step')};
      }
    }
    return sum;`,
};

// Whether one of the sums on the way, of whole numbers, went beyond those that are exact.
const beyondPartialSum: LaneKernel = {
  name: 'partial sum, beyond',
  parameters: { radix: 'integer', step: 'integer', largest: 'number' },
  body: ({ element }) => `
    let sum = 0;
    let beyond = 0;
    for (let l = 0; l < radix; l++) {
      if (l * step <= place) {
        sum += ${element('place - l * step')};
        if (Math.abs(sum) > largest) { beyond = 1; }
      }
    }
    return beyond;`,
};

// Doubling (Hillis & Steele 1986) with 16 for 2: after pass p each element holds the sum of the last 16^p inputs.
export const cumsum: GpuComposite<'cumsum'> =
  (runtime) =>
  ([x], { axis }, [{ dtype }]) => {
    const long = tooLong(x.shape[axis]);
    if (long) return long;
    let lanes = lanesAlong(runtime, 'cumsum', x, axis);
    const { outer, count, inner } = lanes;
    let sums: GpuBuffer;
    let step = 1;
    do {
      const from = lanes;
      const args = [Math.min(radix, Math.max(1, count)), step];
      const beyond = () =>
        withinLanes(runtime, 'cumsum', from, count, beyondPartialSum, [...args, largestInteger], 'bool');
      try {
        sums = withinLanes(runtime, 'cumsum', from, count, partialSum, args, dtype);
        if (dtype === 'int32') {
          sums.interval = intervalOfSum(x.buffer.interval, Math.min(count, step * radix));
          runtime.requireExact('cumsum', sums, beyond);
        }
      } finally {
        freeCopy(runtime, from);
      }
      const strides = { outerStride: count * inner, innerStride: 1, stride: inner };
      lanes = { buffer: sums, offset: 0, outer, count, inner, ...strides, copy: sums };
      step *= radix;
    } while (step < count);
    return [sums];
  };

const oneHotProgram: Program = {
  key: 'one hot',
  parameters: { indices: 'buffer', offset: 'integer', depth: 'integer' },
  functions: addressFunctions(1),
  body: `
    if (indices[offset + quotient(this.thread.x, depth)] === remainder(this.thread.x, depth)) { return 1; }
    return 0;`,
};

export const oneHot: GpuComposite<'oneHot'> =
  (runtime) =>
  ([indices], { depth }, [{ shape, dtype }]) => {
    const flat = copied(runtime, 'oneHot', indices);
    const rows = runtime.run('oneHot', oneHotProgram, [flat.buffer, flat.offset, depth], sizeOf(shape), dtype);
    runtime.free(flat.buffer);
    if (dtype === 'int32') rows.interval = [0, 1];
    return [rows];
  };
