import fc from 'fast-check';
import ndarray from 'ndarray';
import { type Any, at, indices, sizeOf, toFlat } from '../../spec/array.ts';
import { slice } from '../../spec/ops/views.ts';
import type { HostArray } from '../../src/backend.ts';
import type { Engine } from '../../src/engine.ts';
import { OmoeError } from '../../src/errors.ts';
import type { HostData } from '../../src/host.ts';
import { allocate, contiguousStrides, formatShape, sameShape } from '../../src/shape.ts';
import { contiguous, type Layout, layoutsOf, place, repeatValues } from '../arbitraries/layouts.ts';
import { shapes } from '../arbitraries/shapes.ts';
import { bools, type FloatType, ints, reals } from '../arbitraries/values.ts';
import { firstDifference, specMismatch } from '../kit/compare.ts';
import { holds, type Subject } from '../kit/settings.ts';
import { Counterexample, type Law } from './law.ts';

/** What goes in comes out, whatever it came in as; and what a backend counts, frees and refuses. */

const anyArray = (dtype: FloatType): fc.Arbitrary<Any> =>
  shapes().chain((shape) => fc.oneof<fc.Arbitrary<Any>[]>(reals(shape, dtype), ints(shape), bools(shape)));

export const drawnLayout = (dtype: FloatType): fc.Arbitrary<{ values: Any; layout: Layout }> =>
  anyArray(dtype).chain((values) =>
    layoutsOf(values.shape).map((layout) => ({ values: repeatValues(values, layout), layout })),
  );

export const dtypeOf = (values: Any, floats: FloatType) =>
  values.data instanceof Float64Array ? floats : values.data instanceof Int32Array ? 'int32' : 'bool';
export const hostOf = (values: Any, floats: FloatType): HostArray => {
  const host = allocate(dtypeOf(values, floats), values.size);
  host.set(toFlat(values));
  return host;
};

const require = (condition: boolean, message: string): void => {
  if (!condition) throw new Counterexample(message);
};

async function requireValues(what: string, t: Engine, x: import('../../src/tensor.ts').Tensor, values: Any) {
  const wrong = specMismatch(x, values, t.dtype);
  require(!wrong, `${what}: ${wrong}`);
  const difference = firstDifference(await x.data(), hostOf(values, t.dtype), values.shape);
  require(!difference, `${what}: ${difference}`);
}

const law = (
  name: string,
  body: (subject: Subject, settings: Parameters<Law['hold']>[1], name: string) => Promise<void>,
): Law => ({
  name,
  hold: (subject, settings) => body(subject, settings, name),
});

const roundTrip = law('storage: typed arrays come back as they went in', async (subject, settings, name) => {
  const t = subject.engine();
  await holds(name, settings, anyArray(subject.dtype), async (values) => {
    const x = t.tensor(hostOf(values, subject.dtype), values.shape, dtypeOf(values, subject.dtype));
    await requireValues('typed array', t, x, values);
    // what was read belongs to the caller
    (await x.data()).fill(1);
    await requireValues('after writing to what was read', t, x, values);
  });
});

const nested = law('storage: nested arrays are rows of rows', async (subject, settings, name) => {
  const t = subject.engine();
  // an empty axis hides the sizes behind it
  const values = shapes({ minSize: 1 }).chain((shape) => reals(shape, subject.dtype));
  await holds(name, settings, values, async (values) => {
    const nest = (index: readonly number[]): HostData & (number | readonly number[]) =>
      index.length === values.shape.length
        ? at(values, index)
        : (Array.from({ length: values.shape[index.length] }, (_, i) => nest([...index, i])) as number[]);
    await requireValues('nested arrays', t, t.tensor(nest([])), values);
  });
});

const views = law('storage: views are read in their own order', async (subject, settings, name) => {
  const t = subject.engine();
  await holds(name, settings, drawnLayout(subject.dtype), async ({ values, layout }) => {
    await requireValues(JSON.stringify(layout), t, place(t, values, layout), values);
  });
});

/** Rows in the middle of a buffer are contiguous, and read without a copy. */
const parts = law('storage: a part of a buffer is read from its own place', async (subject, settings, name) => {
  const t = subject.engine();
  const drawn = shapes({ minRank: 1 }).chain((shape) =>
    fc.tuple(
      fc.oneof<fc.Arbitrary<Any>[]>(reals(shape, subject.dtype), ints(shape), bools(shape)),
      fc.nat(shape[0]),
      fc.nat(shape[0]),
    ),
  );
  await holds(name, settings, drawn, async ([values, a, b]) => {
    const [start, stop] = [Math.min(a, b), Math.max(a, b)];
    const part = contiguous(t, values).slice([start, stop], 0);
    await requireValues(`rows ${start} to ${stop} of [${values.shape}]`, t, part, slice(values, 0, start, stop, 1));
  });
});

/** An ndarray of the given layout, with poison between the elements. */
export function stridedNdarray(values: Any, layout: Layout, floats: FloatType) {
  const axes = layout.axes.map((axis, i) => ({
    ...axis,
    size: axis.repeated ? Math.min(1, values.shape[i]) : values.shape[i],
  }));
  const long = axes.map(({ size, step, before, after }) => before + (size === 0 ? 0 : (size - 1) * step + 1) + after);
  const base = contiguousStrides(layout.order.map((axis) => long[axis]));
  const stride = axes.map((_, axis) => base[layout.order.indexOf(axis)]);
  const data = allocate(dtypeOf(values, floats), sizeOf(long)).fill(77);
  const offset = axes.reduce(
    (sum, { flipped, size, step, before }, axis) => sum + stride[axis] * (before + (flipped ? (size - 1) * step : 0)),
    0,
  );
  const strides = axes.map(({ flipped, step, repeated }, axis) =>
    repeated ? 0 : stride[axis] * (flipped ? -step : step),
  );
  const array = ndarray(data, [...values.shape], strides, values.size === 0 ? 0 : offset);
  for (const index of indices(values.shape)) array.set(...index, at(values, index));
  return array;
}

const ndarrays = law('storage: strided ndarrays go in and out', async (subject, settings, name) => {
  const t = subject.engine();
  await holds(name, settings, drawnLayout(subject.dtype), async ({ values, layout }) => {
    const array = stridedNdarray(values, layout, subject.dtype);
    const x = t.tensor(array);
    await requireValues(`ndarray with strides ${formatShape(array.stride)} offset ${array.offset}`, t, x, values);
    const out = await t.ndarray(x);
    require(sameShape(out.shape, values.shape), `ndarray out: shape [${out.shape}] for [${values.shape}]`);
    for (const index of indices(values.shape))
      require(out.get(...index) === at(values, index), `ndarray out at ${formatShape(index)}: ${out.get(...index)}`);
  });
});

const counting = law(
  'storage: buffers are counted, freed once, and refused afterwards',
  async (subject, settings, name) => {
    const t = subject.engine();
    const { backend } = t;
    await holds(name, settings, anyArray(subject.dtype), async (values) => {
      const before = backend.stats();
      const x = contiguous(t, values);
      const held = backend.stats();
      require(held.buffers === before.buffers + 1, `${held.buffers - before.buffers} buffers for one tensor`);
      const bytes = hostOf(values, subject.dtype).byteLength;
      require(held.bytes - before.bytes >= bytes, `${held.bytes - before.bytes} bytes for ${bytes}`);
      backend.free(x.view!.buffer);
      backend.free(x.view!.buffer);
      const after = backend.stats();
      require(after.buffers === before.buffers && after.bytes === before.bytes, `after free: ${JSON.stringify(after)}`);
      for (const [operation, use] of [
        ['copy', () => x.copy()],
        ['read', () => x],
      ] as const) {
        const error: unknown = await (async () => use().data())().then(
          () => null,
          (reason: unknown) => reason,
        );
        require(error instanceof OmoeError &&
          error.message.includes(operation), `${operation} of a freed tensor: ${String(error)}`);
      }
    });
  },
);

export const storageLaws: readonly Law[] = [roundTrip, nested, views, parts, ndarrays, counting];
