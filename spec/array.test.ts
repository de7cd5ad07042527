import fc from 'fast-check';
import ndarray from 'ndarray';
import { describe, expect, it } from 'vitest';
import {
  array,
  at,
  boolArray,
  broadcastShapes,
  broadcastTo,
  fromFunction,
  indices,
  intArray,
  mapLanes,
  normalizeAxes,
  normalizeAxis,
  SpecError,
  scalar,
  sizeOf,
  toFlat,
  zeros,
} from './array.ts';

const shapes = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 });

describe('indices', () => {
  it('are all of them, in row-major order', () => {
    expect([...indices([2, 3])]).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
    expect([...indices([])]).toEqual([[]]);
    expect([...indices([2, 0])]).toEqual([]);
  });

  it('fromFunction and toFlat agree with them', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        let next = 0;
        const counted = fromFunction(shape, () => next++);
        expect(toFlat(counted)).toEqual(Array.from({ length: sizeOf(shape) }, (_, i) => i));
        expect(counted.shape).toEqual(shape);
      }),
    );
  });

  it('toFlat reads through strides', () => {
    const transposed = array([1, 2, 3, 4, 5, 6], [2, 3]).transpose(1, 0);
    expect(toFlat(transposed)).toEqual([1, 4, 2, 5, 3, 6]);
    expect(toFlat(ndarray(new Float64Array([1, 2, 3]), [2, 2], [0, -1], 2))).toEqual([3, 2, 3, 2]);
  });
});

describe('preconditions', () => {
  it.each([
    ['too few values', () => array([1, 2], [3])],
    ['a negative size', () => zeros([-1])],
    ['a fractional index value', () => intArray([0.5])],
    ['an index too large for 32 bits', () => intArray([2 ** 31])],
    ['an index outside', () => at(array([1, 2]), [2])],
    ['an index of another rank', () => at(array([1, 2]), [0, 0])],
    ['an axis outside', () => normalizeAxis(2, 2)],
    ['an axis of a scalar', () => normalizeAxis(-1, 0)],
    ['an axis named twice', () => normalizeAxes([0, -2], 2)],
    ['sizes that do not broadcast', () => broadcastShapes([2, 3], [2])],
    ['a broadcast that would shrink', () => broadcastTo(array([1, 2]), [1])],
    ['lanes of unequal length', () => mapLanes(zeros([2, 2]), 1, () => [1])],
  ])('%s', (_, call) => expect(call).toThrow(SpecError));
});

describe('broadcasting', () => {
  it('aligns last axes', () => {
    expect(broadcastShapes([3, 1], [4], [])).toEqual([3, 4]);
    expect(broadcastShapes([0, 1], [1, 5])).toEqual([0, 5]);
    expect(broadcastShapes()).toEqual([]);
    expect(toFlat(broadcastTo(array([1, 2], [2, 1]), [2, 2, 2]))).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
    expect(toFlat(broadcastTo(scalar(7), [2]))).toEqual([7, 7]);
    expect(toFlat(broadcastTo(boolArray([true]), [2]))).toEqual([1, 1]);
  });

  it('takes shapes in any order', () => {
    fc.assert(
      fc.property(shapes, shapes, (a, b) => {
        const attempt = (x: number[], y: number[]) => {
          try {
            return broadcastShapes(x, y);
          } catch (error) {
            expect(error).toBeInstanceOf(SpecError);
            return null;
          }
        };
        expect(attempt(a, b)).toEqual(attempt(b, a));
      }),
    );
  });
});
