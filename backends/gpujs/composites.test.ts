import { describe, expect, it } from 'vitest';
import { array, intArray, type Real, toFlat } from '../../spec/array.ts';
import * as spec from '../../spec/ops/index.ts';
import {
  cumsumBound,
  gramBound,
  groupedMatmulBound,
  groupedOuterBound,
  linearBound,
  matmulBound,
} from '../../spec/rounding/contractions.ts';
import { layerNormBound, softmaxBound } from '../../spec/rounding/normalisations.ts';
import type { View } from '../../src/backend.ts';
import { contiguousStrides, sizeOf } from '../../src/shape.ts';
import type { GpuBuffer } from './buffer.ts';
import { onEveryMode } from './modes.fixture.ts';
import { exactInteger } from './runtime.ts';
import { nearElements } from './texture.ts';

/**
 * What the property tests are too small for: loops of many rounds, lanes beyond 1,000 (where gpu.js would cut a loop), many
 * parts, and buffers that are longer than the integers that Float32 holds.
 */

/** Numbers in (−1, 1) of 12 bits, from a fixed sequence. */
const noise = (length: number, seed = 1): Float32Array => {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >> 19) / 2 ** 12;
  });
};
const u = 2 ** -24;

onEveryMode((backend, mode) => {
  const { kernels, ulps } = backend;
  const over = (buffer: GpuBuffer, shape: number[], strides = contiguousStrides(shape), offset = 0) =>
    ({ buffer, shape, strides, offset, dtype: buffer.dtype }) satisfies View<GpuBuffer>;
  const up = (data: Float32Array | Int32Array, shape: number[]) =>
    over(backend.upload(data.slice(), data instanceof Int32Array ? 'int32' : 'float32'), shape);
  const out = (shape: number[], dtype: 'float32' | 'int32' = 'float32') => ({ shape, dtype });
  const read = async (result: ReturnType<typeof kernels.copy> | object, at = 0): Promise<number[]> => {
    const buffers = result as readonly GpuBuffer[];
    const data = Array.from(await backend.read(buffers[at], 0, buffers[at].length));
    return data;
  };
  const expectWithin = (computed: number[], exact: Real, bound: Real): void => {
    const [values, bounds] = [toFlat(exact), toFlat(bound)];
    expect(computed.length).toBe(values.length);
    const share = (value: number, i: number) => (computed[i] === value ? 0 : Math.abs(computed[i] - value) / bounds[i]);
    const worst = Math.max(...values.map(share));
    expect(worst).toBeLessThanOrEqual(1);
  };

  describe('products', () => {
    it.each([7, 8, 9, 37, 2050])('of %i terms, by rounds of eight and what is left', async (inner) => {
      const [a, b] = [noise(3 * inner), noise(inner * 5, 2)];
      const exact = [array(Array.from(a), [3, inner]), array(Array.from(b), [inner, 5])] as const;
      const c = await read(kernels.matmul!([up(a, [3, inner]), up(b, [inner, 5])], {}, [out([3, 5])]));
      expectWithin(c, spec.matmul(...exact), matmulBound(...exact, u));
    });

    it('of transposed, flipped and repeated matrices', async () => {
      const [a, b] = [noise(2 * 19 * 4), noise(19 * 6, 2)];
      const left = up(a, [2, 19, 4]);
      const right = up(b, [6, 19]);
      // a as [2, 4, 19] turned round along its inner axis, b as [1 → 2, 19, 6] likewise
      const turned = over(left.buffer, [2, 4, 19], [76, 1, -4], 72);
      const repeated = over(right.buffer, [1, 19, 6], [0, -1, 19], 18);
      const at = (x: Float32Array, view: View<GpuBuffer>) =>
        array(
          Array.from({ length: sizeOf(view.shape) }, (_, i) => {
            const [, rows, columns] = view.shape;
            const [m, r, c] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
            return x[view.offset + m * view.strides[0] + r * view.strides[1] + c * view.strides[2]];
          }),
          view.shape,
        );
      const exact = [at(a, turned), at(b, repeated)] as const;
      const c = await read(kernels.matmul!([turned, repeated], {}, [out([2, 4, 6])]));
      expectWithin(c, spec.matmul(...exact), matmulBound(...exact, u));
    });

    // Up to the length from which on reading a texture takes more care, and far beyond it; no width is a power of two.
    it.each([nearElements - 3, 8 * nearElements - 3])('of elements all over a buffer of %i', async (length) => {
      const step = length <= nearElements ? 7 : 29;
      const x = backend.upload(
        Float32Array.from({ length }, (_, i) => i % 4093),
        'float32',
      );
      const rows = Math.ceil(length / step);
      const [column, factors] = [over(x, [rows, 1], [step, 1]), up(Float32Array.of(1, 2, 3, 4), [1, 4])];
      const y = await read(kernels.matmul!([column, factors], {}, [out([rows, 4])]));
      expect(y.length).toBe(4 * rows);
      expect(y.findIndex((value, i) => value !== ((step * Math.floor(i / 4)) % 4093) * (1 + (i % 4)))).toBe(-1);
    });

    it('by expert, of many rows', async () => {
      const [rows, experts, input, output] = [61, 5, 33, 9];
      const ends = [0, 20, 20, 41, 50, 57];
      const [x, w, g, b] = [
        noise(rows * input),
        noise(experts * input * output, 2),
        noise(rows * output, 3),
        noise(experts * output, 4),
      ];
      const real = (data: Float32Array, shape: number[]) => array(Array.from(data), shape);
      const [rx, rw, rg] = [
        real(x, [rows, input]),
        real(w, [experts, input, output]),
        real(g, [rows, output]),
      ] as const;
      const offsets = intArray(ends);
      const device = [
        up(x, [rows, input]),
        up(w, [experts, input, output]),
        up(Int32Array.from(ends), [experts + 1]),
      ] as const;
      const y = await read(kernels.groupedMatmul!(device, {}, [out([rows, output])]));
      expectWithin(y, spec.groupedMatmul(rx, rw, offsets), groupedMatmulBound(rx, rw, offsets, u));
      expect(y.slice(57 * output).every((value) => value === 0)).toBe(true);

      const outer = await read(
        kernels.groupedOuter!([device[0], up(g, [rows, output]), device[2]], {}, [out([experts, input, output])]),
      );
      expectWithin(outer, spec.groupedOuter(rx, rg, offsets), groupedOuterBound(rx, rg, offsets, u));

      // Row by row with the bias of its expert: γ_{in+1} (|x||W| + |b|) is the bound of a linear map.
      const withBias = [device[0], device[1], up(b, [experts, output]), device[2]];
      const z = await read(
        kernels.groupedLinear!(withBias, { activation: 'relu' }, [out([rows, output]), out([rows, output])]),
        1,
      );
      for (let e = 0; e < experts; e++) {
        const [first, end] = [ends[e], ends[e + 1]];
        const part = [
          real(x.slice(first * input, end * input), [end - first, input]),
          real(w.slice(e * input * output, (e + 1) * input * output), [input, output]),
          real(b.slice(e * output, (e + 1) * output), [output]),
        ] as const;
        expectWithin(z.slice(first * output, end * output), spec.linear(...part), linearBound(...part, u));
      }
    });
  });

  it('lanes of more than a thousand elements', async () => {
    const x = noise(3 * 1500);
    const real = array(Array.from(x), [3, 1500]);
    const ones = array(
      Array.from({ length: 1500 }, () => 1),
      [1500],
    );
    const view = up(x, [3, 1500]);
    const soft = await read(kernels.softmax!([view], { axis: 1 }, [view]));
    expectWithin(soft, spec.softmax(real, 1), softmaxBound(real, 1, u, ulps));
    const unit = up(new Float32Array(1500).fill(1), [1500]);
    const normal = await read(kernels.layerNorm!([view, unit, unit], { epsilon: 1e-5 }, [view]));
    expectWithin(normal, spec.layerNorm(real, ones, ones, 1e-5), layerNormBound(real, ones, ones, 1e-5, u, ulps));
    const sums = await read(kernels.cumsum!([view], { axis: 1 }, [view]));
    expectWithin(sums, spec.cumsum(real, 1), cumsumBound(real, 1, u));
  });

  it('few and long lanes are left to the composition', () => {
    const view = up(noise(2000), [2000]);
    for (const result of [
      kernels.mean!([view], { axes: [0] }, [out([])]),
      kernels.variance!([view], { axes: [0], correction: 0 }, [out([])]),
      kernels.logSumExp!([view], { axes: [0] }, [out([])]),
    ])
      expect(result).toEqual({ declined: expect.stringContaining('1 lanes') });
  });

  it('sorts long vectors of whole numbers, equal ones in their order', async () => {
    const keys = Int32Array.from(noise(3000), (x) => Math.round(4 * x));
    const sorted = kernels.sort!([up(keys, [3000])], {}, [out([3000], 'int32'), out([3000], 'int32')]);
    const order = Array.from(keys, (_, i) => i).sort((i, j) => keys[i] - keys[j] || i - j);
    expect(await read(sorted, 1)).toEqual(order);
    expect(await read(sorted, 0)).toEqual(order.map((i) => keys[i]));
  });

  it('joins many tensors along a middle axis', async () => {
    const parts = Array.from({ length: 11 }, (_, i) => ({ data: noise(2 * (i % 3) * 3, i + 1), size: i % 3 }));
    const width = parts.reduce((sum, { size }) => sum + size, 0);
    const views = parts.map(({ data, size }) => up(data, [2, size, 3]));
    const joined = await read(kernels.concat!(views, { axis: 1 }, [out([2, width, 3])]));
    const rows = [0, 1].flatMap((o) =>
      parts.flatMap(({ data, size }) => Array.from(data.slice(o * size * 3, (o + 1) * size * 3))),
    );
    expect(joined).toEqual(rows);
  });

  // headlessgl takes a texel of 16 bytes for each element, so a buffer of this length there is a quarter of a gigabyte.
  it.skipIf(mode === 'headlessgl')('buffers beyond the integers of Float32', async () => {
    const length = exactInteger + 999; // odd places, which floats there skip
    const data = new Float32Array(length);
    const tail = noise(999);
    data.set(tail, exactInteger);
    const far = backend.upload(data, 'float32');
    const at = exactInteger + 1;
    const part = (rows: number, columns: number) =>
      array(Array.from(tail.slice(1, 1 + rows * columns)), [rows, columns]);
    const view = (rows: number, columns: number) => over(far, [rows, columns], [columns, 1], at);

    const [a, b] = [part(11, 21), part(21, 13)];
    const product = await read(kernels.matmul!([view(11, 21), view(21, 13)], {}, [out([11, 13])]));
    expectWithin(product, spec.matmul(a, b), matmulBound(a, b, u));
    expectWithin(await read(kernels.gram!([view(11, 21)], {}, [out([21, 21])])), spec.gram(a), gramBound(a, u));

    const soft = await read(kernels.softmax!([view(11, 21)], { axis: 0 }, [out([11, 21])]));
    expectWithin(soft, spec.softmax(a, 0), softmaxBound(a, 0, u, ulps));
    const joined = await read(kernels.concat!([view(11, 21), view(11, 21)], { axis: 1 }, [out([11, 42])]));
    expect(joined.slice(21, 42)).toEqual(Array.from(tail.slice(1, 22)));
    const top = kernels.topK!([view(11, 21)], { k: 3 }, [out([11, 3]), out([11, 3], 'int32')]);
    expect(await read(top, 1)).toEqual(Array.from(spec.topK(a, 3).indices.data));

    // every row, and every column, of a product of that length
    const one = up(Float32Array.of(2), [1, 1]);
    for (const [views, shape] of [
      [
        [over(far, [length, 1], [1, 1], 0), one],
        [length, 1],
      ],
      [
        [one, over(far, [1, length], [length, 1], 0)],
        [1, length],
      ],
    ] as const) {
      const products = kernels.matmul!(views, {}, [out([...shape])]);
      if ('declined' in products) throw new Error(products.declined);
      const end = await backend.read(products[0], length - 999, 999);
      expect(Array.from(end)).toEqual(Array.from(tail, (x) => 2 * x));
      backend.free(products[0]);
    }
    // an axis of that length has places that are no local variable
    for (const result of [
      kernels.softmax!([over(far, [length], [1], 0)], { axis: 0 }, [out([length])]),
      kernels.cumsum!([over(far, [length], [1], 0)], { axis: 0 }, [out([length])]),
      kernels.argmax!([over(far, [length], [1], 0)], { axis: 0 }, [out([], 'int32')]),
    ])
      expect(result).toEqual({ declined: expect.stringContaining(String(length)) });
    backend.free(far);
  });
});
