import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, boolArray, intArray, SpecError, toFlat } from '../array.ts';
import * as ops from './index.ts';

const x = array([1, 2, 3, 4, 5, 6], [2, 3]);
const small = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 7 });

describe('views', () => {
  it('reshape keeps row-major order, through strides too', () => {
    expect(toFlat(ops.reshape(x.transpose(1, 0), [6]))).toEqual([1, 4, 2, 5, 3, 6]);
    expect(ops.reshape(array([], [0, 3]), [3, 0]).shape).toEqual([3, 0]);
    expect(() => ops.reshape(x, [4])).toThrow(SpecError);
  });

  it('permuteDims', () => {
    expect(toFlat(ops.permuteDims(x))).toEqual([1, 4, 2, 5, 3, 6]);
    const cube = array([0, 1, 2, 3, 4, 5], [1, 2, 3]);
    const turned = ops.permuteDims(cube, [2, 0, 1]);
    expect([turned.shape, toFlat(turned)]).toEqual([
      [3, 1, 2],
      [0, 3, 1, 4, 2, 5],
    ]);
    expect(() => ops.permuteDims(x, [0, 0])).toThrow(SpecError);
  });

  it('slice', () => {
    expect(toFlat(ops.slice(x, 1, 0, 3, 2))).toEqual([1, 3, 4, 6]);
    expect(toFlat(ops.slice(x, 0, 1, 2))).toEqual([4, 5, 6]);
    expect(toFlat(ops.slice(x, -1, -1, 3))).toEqual([3, 6]);
    expect(ops.slice(x, 1, 2, 1).shape).toEqual([2, 0]);
    expect(() => ops.slice(x, 1, 0, 4)).toThrow(SpecError);
    expect(() => ops.slice(x, 1, 0, 3, 0)).toThrow(SpecError);
  });

  it('keep the kind of number', () => {
    expect(ops.reshape(intArray([1, 2]), [2, 1]).data).toBeInstanceOf(Int32Array);
    expect(ops.slice(boolArray([1, 0]), 0, 0, 1).data).toBeInstanceOf(Uint8Array);
    expect(ops.gather(intArray([5, 6]), intArray([1]), 0).data).toBeInstanceOf(Int32Array);
  });
});

describe('gather and scatterAdd', () => {
  it('by hand', () => {
    expect(toFlat(ops.gather(x, intArray([2, 0, 2]), 1))).toEqual([3, 1, 3, 6, 4, 6]);
    expect(ops.gather(x, intArray([]), 0).shape).toEqual([0, 3]);
    const updates = array([10, 20, 30, 40, 50, 60], [2, 3]);
    expect(toFlat(ops.scatterAdd(x, intArray([1, 1, 0]), updates, 1))).toEqual([31, 32, 3, 64, 95, 6]);
    expect(toFlat(x)).toEqual([1, 2, 3, 4, 5, 6]); // unchanged
  });

  it('adds in ascending order of the updates', () => {
    // (1 + 2⁵³) − 2⁵³ = 0 in Float64, though 1 + (2⁵³ − 2⁵³) = 1
    expect(toFlat(ops.scatterAdd(array([1]), intArray([0, 0]), array([2 ** 53, -(2 ** 53)]), 0))).toEqual([0]);
  });

  it('refuse an index outside', () => {
    for (const bad of [-1, 3]) {
      expect(() => ops.gather(x, intArray([bad]), 1)).toThrow(SpecError);
      expect(() => ops.scatterAdd(x, intArray([bad]), array([1, 1], [2, 1]), 1)).toThrow(SpecError);
    }
    expect(() => ops.scatterAdd(x, intArray([0]), array([1, 1]), 1)).toThrow(SpecError);
  });

  it('are transposes: ⟨gather(a, i), g⟩ = ⟨a, scatterAdd(0, i, g)⟩', () => {
    fc.assert(
      fc.property(small, fc.infiniteStream(fc.nat(6)), small, (a, stream, g) => {
        const list = intArray(g.map(() => Number(stream.next().value) % a.length));
        const dot = (p: number[], q: number[]): number => p.reduce((s, v, i) => s + v * q[i], 0);
        const zero = array(a.map(() => 0));
        expect(dot(toFlat(ops.gather(array(a), list, 0)), g)).toBe(
          dot(a, toFlat(ops.scatterAdd(zero, list, array(g), 0))),
        );
      }),
    );
  });
});

describe('concat and stack', () => {
  it('by hand', () => {
    const y = array([7, 8], [2, 1]);
    expect(toFlat(ops.concat([x, y], 1))).toEqual([1, 2, 3, 7, 4, 5, 6, 8]);
    expect(toFlat(ops.concat([y, array([], [0, 1]), y], 0))).toEqual([7, 8, 7, 8]);
    const [a, b] = [array([1, 2]), array([3, 4])];
    expect(toFlat(ops.stack([a, b]))).toEqual([1, 2, 3, 4]);
    expect(toFlat(ops.stack([a, b], -1))).toEqual([1, 3, 2, 4]);
    expect(ops.stack([a, b, a], 1).shape).toEqual([2, 3]);
    expect(() => ops.concat([x, y], 0)).toThrow(SpecError);
    expect(() => ops.concat([], 0)).toThrow(SpecError);
    expect(() => ops.stack([a, array([1])])).toThrow(SpecError);
  });
});

describe('oneHot', () => {
  it('gives zeros for an index that is no class', () => {
    expect(toFlat(ops.oneHot(intArray([1, -1, 2, 0]), 2))).toEqual([0, 1, 0, 0, 0, 0, 1, 0]);
  });
});

describe('order', () => {
  it('topK: descending, ties to the lowest index, NaN first', () => {
    const { values, indices } = ops.topK(array([1, 3, 3, 2, 0, Number.NaN, 0, 5], [2, 4]), 3);
    expect(toFlat(values)).toEqual([3, 3, 2, Number.NaN, 5, 0]);
    expect(toFlat(indices)).toEqual([1, 2, 3, 1, 3, 0]);
    expect(() => ops.topK(array([1]), 2)).toThrow(SpecError);
    expect(() => ops.topK(array([1]), 0)).toThrow(SpecError);
  });

  it('sort: ascending, stable, NaN last', () => {
    const { values, order } = ops.sort(array([2, Number.NaN, 1, 2, -Infinity, Infinity]));
    expect(toFlat(values)).toEqual([-Infinity, 1, 2, 2, Infinity, Number.NaN]);
    expect(toFlat(order)).toEqual([4, 2, 0, 3, 5, 1]);
    expect(toFlat(ops.sort(array([0, -0])).order)).toEqual([0, 1]);
    expect(ops.sort(array([], [2, 0])).order.shape).toEqual([2, 0]);
  });

  it('sort gives an ascending permutation, and topK of −x its beginning', () => {
    fc.assert(
      fc.property(small, (row) => {
        const a = array(row);
        const { values, order } = ops.sort(a);
        const sorted = toFlat(values);
        expect(sorted.every((v, i) => i === 0 || sorted[i - 1] <= v)).toBe(true);
        expect(toFlat(ops.gather(a, order, 0))).toEqual(sorted);
        expect(toFlat(order).sort((p, q) => p - q)).toEqual(row.map((_, i) => i));
        expect(toFlat(ops.topK(ops.negative(a), row.length).indices)).toEqual(toFlat(order));
        expect(toFlat(ops.argmax(a, 0))).toEqual(toFlat(ops.topK(a, 1).indices));
      }),
    );
  });

  it('cumsum includes the element itself', () => {
    expect(toFlat(ops.cumsum(x))).toEqual([1, 3, 6, 4, 9, 15]);
    expect(toFlat(ops.cumsum(x, 0))).toEqual([1, 2, 3, 5, 7, 9]);
  });
});
