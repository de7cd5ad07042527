import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { HostArray, View } from '../../src/backend.ts';
import { DTypeError, OmoeError, ShapeError } from '../../src/errors.ts';
import { type CpuBuffer, cpu } from './index.ts';

const vector = (buffer: CpuBuffer, length: number): View<CpuBuffer> => ({
  buffer,
  dtype: buffer.dtype,
  shape: [length],
  strides: [1],
  offset: 0,
});

describe('buffers', () => {
  it('are counted from upload to free, and freeing twice is harmless', () => {
    const backend = cpu();
    const a = backend.upload(new Float32Array(3), 'float32');
    const b = backend.upload(new Float64Array(2), 'float64');
    expect(backend.stats()).toEqual({ buffers: 2, bytes: 28 });
    backend.free(a);
    backend.free(a);
    expect(backend.stats()).toEqual({ buffers: 1, bytes: 16 });
    backend.free(b);
    expect(backend.stats()).toEqual({ buffers: 0, bytes: 0 });
  });

  it('keep the uploaded array, and kernels never write to their inputs', async () => {
    const backend = cpu();
    const data = Float32Array.of(1, 2, 3);
    const x = backend.upload(data, 'float32');
    expect(backend.readSync(x, 0, 3)).toBe(data);
    const [sum] = backend.kernels.binary([vector(x, 3), vector(x, 3)], { kind: 'add' }, [
      { shape: [3], dtype: 'float32' },
    ]) as readonly CpuBuffer[];
    expect(await backend.read(sum, 0, 3)).toEqual(Float32Array.of(2, 4, 6));
    expect(data).toEqual(Float32Array.of(1, 2, 3));
  });

  it('refuse use after free and after dispose, naming the operation', () => {
    const backend = cpu();
    const x = backend.upload(new Float32Array(3), 'float32');
    const live = backend.upload(new Float32Array(3), 'float32');
    backend.free(x);
    const run = () => backend.kernels.unary([vector(x, 3)], { kind: 'exp' }, [{ shape: [3], dtype: 'float32' }]);
    expect(run).toThrow(OmoeError);
    expect(run).toThrow(/^exp: received a float32 buffer that was freed/);
    expect(() => backend.readSync(x, 0, 3)).toThrow(/^read: /);
    backend.dispose();
    expect(() => backend.readSync(live, 0, 3)).toThrow(/disposed/);
    expect(() => backend.upload(new Float32Array(1), 'float32')).toThrow(/disposed/);
    expect(backend.stats()).toEqual({ buffers: 0, bytes: 0 });
  });

  it('that nobody freed leave the count when the garbage collector takes them', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const backend = cpu();
    for (let i = 0; i < 10; i++) backend.upload(new Float32Array(8), 'float32');
    // Finalizers run some turns of the event loop after the collection.
    for (let turn = 0; turn < 100 && backend.stats().buffers > 0; turn++) {
      collectGarbage();
      await setTimeout(10);
    }
    expect(backend.stats()).toEqual({ buffers: 0, bytes: 0 });
  });

  it('refuse an array of another dtype', () => {
    expect(() => cpu().upload(new Float64Array(1), 'float32')).toThrow(DTypeError);
  });

  it('reject a read after free instead of throwing', async () => {
    const backend = cpu();
    const x = backend.upload(new Float32Array(3), 'float32');
    backend.free(x);
    await expect(backend.read(x, 0, 3)).rejects.toThrow(/freed/);
  });
});

describe('errors that depend on data', () => {
  const backend = cpu();
  const floats = (shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    return {
      buffer: backend.upload(new Float32Array(size), 'float32'),
      dtype: 'float32',
      shape,
      strides,
      offset: 0,
    } as const;
  };
  const ints = (...values: number[]) => vector(backend.upload(Int32Array.from(values), 'int32'), values.length);
  const output = (shape: number[], dtype: 'float32' | 'int32' = 'float32') => [{ shape, dtype }] as const;

  const cases: readonly [string, () => unknown, RegExp][] = [
    [
      'gather',
      () => backend.kernels.gather([floats([3, 2]), ints(0, 3)], { axis: 0 }, output([2, 2])),
      /gather: received index 3 at position 1, expected from 0 to 2/,
    ],
    [
      'a negative index',
      () => backend.kernels.gather([floats([3]), ints(-1)], { axis: 0 }, output([1])),
      /index -1 at position 0/,
    ],
    ['an empty axis', () => backend.kernels.gather([floats([0]), ints(0)], { axis: 0 }, output([1])), /none at all/],
    [
      'scatterAdd',
      () => backend.kernels.scatterAdd([floats([2]), ints(2), floats([1])], { axis: 0 }, output([2])),
      /scatterAdd: received index 2/,
    ],
    [
      'crossEntropy',
      () => backend.kernels.crossEntropy?.([floats([2, 4]), ints(1, 4)], {}, output([2])),
      /crossEntropy: received label 4 at position 1, expected from 0 to 3/,
    ],
    [
      'offsets that start late',
      () => backend.kernels.groupedMatmul?.([floats([4, 2]), floats([1, 2, 3]), ints(1, 4)], {}, output([4, 3])),
      /groupedMatmul: received offset 1 at position 0, expected 0/,
    ],
    [
      'offsets that fall',
      () => backend.kernels.groupedOuter?.([floats([4, 2]), floats([4, 3]), ints(0, 3, 2)], {}, output([2, 2, 3])),
      /groupedOuter: received offset 2 at position 2, expected from 3 to 4/,
    ],
    [
      'offsets past the rows',
      () => backend.kernels.groupedOuter?.([floats([4, 2]), floats([4, 3]), ints(0, 5)], {}, output([1, 2, 3])),
      /offset 5 at position 1/,
    ],
  ];
  it.each(cases)('%s', (_, run, message) => {
    expect(run).toThrow(OmoeError);
    expect(run).toThrow(message);
  });

  it('argmax along an empty axis has nothing to choose', () => {
    expect(() => backend.kernels.argmax?.([floats([2, 0])], { axis: 1 }, output([2], 'int32'))).toThrow(ShapeError);
    const none = backend.kernels.argmax?.([floats([0, 0])], { axis: 1 }, output([0], 'int32')) as readonly CpuBuffer[];
    expect(none.map((buffer): HostArray => backend.readSync(buffer, 0, 0))).toEqual([new Int32Array(0)]);
  });
});
