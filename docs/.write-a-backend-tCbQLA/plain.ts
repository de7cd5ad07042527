import { OmoeError } from 'omoe';
import { type Backend, type DType, declined, type HostArray, type Kernels } from 'omoe/backend';
import type { BinaryKind, PrimitiveAttrs, Spec, UnaryKind, View } from 'omoe/backend';

/** A buffer. `live` until it is freed. */
interface Plain {
  data: HostArray;
  live: boolean;
}

const arrayOf = { float32: Float32Array, float64: Float64Array, int32: Int32Array, bool: Uint8Array };
const noArray = new Uint8Array(0);

function createStorage() {
  let [buffers, bytes, open] = [0, 0, true];
  const requireThat = (fine: boolean, operation: string, received: string): void => {
    if (!fine) throw new OmoeError({ operation, received, expected: 'a live one' });
  };
  return {
    keep(data: HostArray): Plain {
      requireThat(open, 'upload', 'an array for a backend that was disposed');
      buffers += 1;
      bytes += data.byteLength;
      return { data, live: true };
    },
    dataOf({ data, live }: Plain, operation: string): HostArray {
      requireThat(open, operation, 'a buffer of a backend that was disposed');
      requireThat(live, operation, 'a buffer that was freed');
      return data;
    },
    free(buffer: Plain): void {
      if (!buffer.live) return; // freeing twice is harmless
      buffers -= 1;
      bytes -= buffer.data.byteLength;
      buffer.live = false;
      buffer.data = noArray;
    },
    stats: () => ({ buffers, bytes }),
    dispose(): void {
      [buffers, bytes, open] = [0, 0, false];
    },
  };
}

/** Kernels as if arrays were buffers: views of arrays in, fresh arrays out. */
type ArrayKernels = Partial<Kernels<HostArray>>;
type AnyKernel<B> = (inputs: readonly View<B>[], attrs: never, outputs: readonly Spec[]) => readonly B[] | { declined: string };

export function plain(onArrays: ArrayKernels): Backend<Plain> {
  const storage = createStorage();
  const onBuffers =
    (name: string, kernel: AnyKernel<HostArray>): AnyKernel<Plain> =>
    (inputs, attrs, outputs) => {
      const views = inputs.map((view) => ({ ...view, buffer: storage.dataOf(view.buffer, name) }));
      const results = kernel(views, attrs, outputs);
      return 'declined' in results ? results : results.map(storage.keep);
    };
  const kernels = Object.entries(onArrays).map(([name, kernel]) => [name, onBuffers(name, kernel as AnyKernel<HostArray>)]);
  return {
    name: 'plain',
    device: { mode: 'javascript', name: 'plain arrays', threads: 1, notes: [] },
    dtypes: ['float32', 'int32', 'bool'],
    limits: { elements: 2 ** 31 - 1, integer: 2 ** 31 - 1 },
    promises: { repeatable: true, specialValues: true },
    ulps: { exp: 1, log: 1, tanh: 1, erf: 1, power: 1, divide: 0.5, sqrt: 0.5 },

    upload: (data) => storage.keep(data),
    read: async (buffer, offset, length) => storage.dataOf(buffer, 'read').slice(offset, offset + length),
    free: storage.free,
    stats: storage.stats,
    flush: async () => {},
    dispose: storage.dispose,
    kernels: Object.fromEntries(kernels) as Kernels<Plain>, // a promise that step 5 keeps
  };
}

/** Where the elements of a view lie in its buffer, in row-major order. */
const placesOf = ({ shape, strides, offset }: Pick<View, 'shape' | 'strides' | 'offset'>): number[] =>
  shape.reduce(
    (places, size, axis) => places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * strides[axis])),
    [offset],
  );

const elementsOf = (view: View<HostArray>): number[] => placesOf(view).map((place) => view.buffer[place]);

/** A fresh array of the output's dtype. Storing rounds to float32, and wraps to int32. */
const store = ({ dtype }: Spec, values: readonly number[]): HostArray => arrayOf[dtype].from(values);

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

const truth = (value: number): number => Number(value !== 0);

export const moving = {
  copy: ([x], _, [y]) => [store(y, elementsOf(x))],
  fill: (_, { value }, [y]) => [store(y, Array.from({ length: sizeOf(y.shape) }, () => (y.dtype === 'bool' ? truth(value) : value)))],
  cast: ([x], _, [y]) => [store(y, y.dtype === 'bool' ? elementsOf(x).map(truth) : elementsOf(x))],
} satisfies ArrayKernels;

/** erf x = 2/√π · x e^{−x²} Σₙ (2x²)ⁿ / (1·3·5⋯(2n+1)): no term is negative. From 4 on it is 1 in float32. */
function erf(x: number): number {
  if (Math.abs(x) >= 4) return Math.sign(x);
  let [sum, term] = [1, 1];
  for (let n = 1; term > sum * 2 ** -53; n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * x * Math.exp(-x * x) * sum;
}

const unaryOf: Record<UnaryKind, (x: number) => number> = {
  negative: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  reciprocal: (x) => 1 / x,
  square: (x) => x * x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  tanh: Math.tanh,
  erf,
  logicalNot: (x) => 1 - x,
};

const binaryOf: Record<BinaryKind, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  power: (a, b) => a ** b,
  maximum: Math.max,
  minimum: Math.min,
  equal: (a, b) => Number(a === b),
  notEqual: (a, b) => Number(a !== b),
  less: (a, b) => Number(a < b),
  lessEqual: (a, b) => Number(a <= b),
  greater: (a, b) => Number(a > b),
  greaterEqual: (a, b) => Number(a >= b),
  logicalAnd: (a, b) => a & b,
  logicalOr: (a, b) => a | b,
};

export const elementwise = {
  unary([x], { kind }, [y]) {
    const f = x.dtype === 'int32' && kind === 'square' ? (v: number) => Math.imul(v, v) : unaryOf[kind];
    return [store(y, elementsOf(x).map((value) => f(value)))];
  },
  binary([a, b], { kind }, [y]) {
    const f = a.dtype === 'int32' && kind === 'multiply' ? Math.imul : binaryOf[kind];
    const right = elementsOf(b);
    return [store(y, elementsOf(a).map((value, i) => f(value, right[i])))];
  },
  select([condition, a, b], _, [y]) {
    const [left, right] = [elementsOf(a), elementsOf(b)];
    return [store(y, elementsOf(condition).map((chosen, i) => (chosen ? left[i] : right[i])))];
  },
} satisfies ArrayKernels;

const rowMajor = (shape: readonly number[]): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** What a reduction over nothing gives. No int32 holds an infinity. */
const ofNothing = (dtype: DType) =>
  dtype === 'int32' ? { sum: 0, max: -(2 ** 31), min: 2 ** 31 - 1 } : { sum: 0, max: -Infinity, min: Infinity };

const together = { sum: binaryOf.add, max: Math.max, min: Math.min };

export const reducing = {
  reduce([x], { kind, axes }, [y]) {
    const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const strides = rowMajor(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
    const accumulator = placesOf({ shape: x.shape, strides, offset: 0 });
    const results = Array.from({ length: sizeOf(y.shape) }, () => ofNothing(y.dtype)[kind]);
    elementsOf(x).forEach((value, i) => {
      results[accumulator[i]] = together[kind](results[accumulator[i]], value);
    });
    return [store(y, results)];
  },
} satisfies ArrayKernels;

function requireIndices(operation: string, indices: View<HostArray>, size: number): number[] {
  const list = elementsOf(indices);
  const bad = list.findIndex((index) => index < 0 || index >= size);
  if (bad < 0) return list;
  throw new OmoeError({
    operation,
    received: `index ${list[bad]} at position ${bad}`,
    expected: `indices from 0 to ${size - 1}`,
  });
}

/** Places of slice `i` along `axis`. */
const sliceAt = ({ shape, strides, offset }: Pick<View, 'shape' | 'strides' | 'offset'>, axis: number, i: number) =>
  placesOf({ shape: shape.with(axis, 1), strides, offset: offset + i * strides[axis] });

export const indexing = {
  gather([x, indices], { axis }, [y]) {
    const result = store(y, new Array(sizeOf(y.shape)).fill(0));
    requireIndices('gather', indices, x.shape[axis]).forEach((index, m) => {
      const [from, to] = [sliceAt(x, axis, index), sliceAt({ shape: y.shape, strides: rowMajor(y.shape), offset: 0 }, axis, m)];
      for (const [i, place] of from.entries()) result[to[i]] = x.buffer[place];
    });
    return [result];
  },
  scatterAdd([x, indices, updates], { axis }, [y]) {
    const result = store(y, elementsOf(x));
    requireIndices('scatterAdd', indices, x.shape[axis]).forEach((index, m) => {
      const [from, to] = [sliceAt(updates, axis, m), sliceAt({ shape: y.shape, strides: rowMajor(y.shape), offset: 0 }, axis, index)];
      for (const [i, place] of from.entries()) result[to[i]] += updates.buffer[place];
    });
    return [result];
  },
} satisfies ArrayKernels;

export const primitives: Pick<Kernels<HostArray>, keyof PrimitiveAttrs> = { ...moving, ...elementwise, ...reducing, ...indexing };

import { afterAll, describe, it } from 'vitest';
import { conformance } from 'omoe/conformance';

conformance({ create: () => plain(primitives), runs: 1, describe, it, afterAll });

const productOf = (a: View<HostArray>, b: View<HostArray>, y: Spec): HostArray => {
  const [[rows, columns], inner] = [y.shape, a.shape[1]];
  const result = store(y, new Array(rows * columns).fill(0));
  for (let i = 0; i < rows; i += 1)
    for (let j = 0; j < columns; j += 1) {
      let sum = 0; // [i, inner] · [inner, j] -> [i, j]
      for (let p = 0; p < inner; p += 1)
        sum +=
          a.buffer[a.offset + i * a.strides[0] + p * a.strides[1]] * b.buffer[b.offset + p * b.strides[0] + j * b.strides[1]];
      result[i * columns + j] = sum;
    }
  return result;
};

export const matmul: NonNullable<ArrayKernels['matmul']> = ([a, b], _, [y]) =>
  y.shape.length === 2 ? [productOf(a, b, y)] : declined('one product at a time, no batches');

import { engine } from 'omoe';

export function traced() {
  const t = engine(plain({ ...primitives, matmul }));
  t.ones([2, 3]).matmul(t.ones([3, 2]));
  t.ones([5, 2, 3]).matmul(t.ones([5, 3, 2]));
  return t.trace().filter(({ op }) => op === 'matmul');
}

const forgetful: typeof matmul = ([a, b], _, [y]) => {
  if (y.shape.length !== 2) return declined('one product at a time, no batches');
  const asContiguous = (view: View<HostArray>) => ({ ...view, strides: rowMajor(view.shape), offset: 0 });
  return [productOf(asContiguous(a), asContiguous(b), y)];
};

import { runConformance } from 'omoe/conformance';

export async function mistaken() {
  const report = await runConformance({ create: () => plain({ ...primitives, matmul: forgetful }), only: 'matmul' });
  return report.laws.filter(({ outcome }) => outcome === 'fail').map(({ error }) => error?.message);
}
