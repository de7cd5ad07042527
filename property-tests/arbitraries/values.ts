import fc from 'fast-check';
import { array, type Bool, boolArray, type Int, intArray, type Real, type Shape, sizeOf } from '../../spec/array.ts';

/**
 * Numbers that the working precision holds exactly, so that an operation and its definition start from the same values.
 * Ties, duplicates and zeros are common; magnitudes reach from 1e-6 to 1e6. NaN, infinities and subnormal numbers are kept
 * apart, in `hostileFloats`.
 */

export type FloatType = 'float32' | 'float64';

/** The nearest number of the precision. */
export const roundTo = (dtype: FloatType, x: number): number => (dtype === 'float32' ? Math.fround(x) : x);

/** −2, −1.5, …, 2: ties, duplicates and zeros. */
export const halves = (): fc.Arbitrary<number> => fc.integer({ min: -4, max: 4 }).map((k) => k / 2);

/** Evenly in [low, high]; a grid of 2⁻³⁰ of its width, so that no two values are almost equal by accident. */
export const between = (dtype: FloatType, low: number, high: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: 2 ** 30 }).map((k) => {
    const x = roundTo(dtype, low + (high - low) * (k / 2 ** 30));
    return Math.min(high, Math.max(low, x));
  });

/** Around 1, with ties. */
export const moderate = (dtype: FloatType): fc.Arbitrary<number> => fc.oneof(halves(), between(dtype, -4, 4));

/** Of every magnitude from 1e-6 to 1e6, each number on its own. */
export const scaled = (dtype: FloatType): fc.Arbitrary<number> =>
  fc
    .tuple(moderate(dtype), fc.integer({ min: -6, max: 6 }))
    .map(([x, exponent]) => roundTo(dtype, (x / 4) * 10 ** exponent));

export const positive = (dtype: FloatType, low: number, high: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.constantFrom(...[0.5, 1, 2].filter((x) => x >= low && x <= high), low, high).map((x) => roundTo(dtype, x)),
    between(dtype, low, high),
  );

/** Away from 0 by at least `gap`. */
export const awayFromZero = (gap: number, largest = 4): fc.Arbitrary<number> =>
  fc.tuple(between('float64', gap, largest), fc.boolean()).map(([x, negative]) => (negative ? -x : x));

export const smallIntegers = (): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -1000, max: 1000 }));

/** NaN, both infinities, both zeros, subnormal and smallest normal numbers, ±1. */
export const hostileFloats = (dtype: FloatType): fc.Arbitrary<number> => {
  const [subnormal, normal] = dtype === 'float32' ? [2 ** -149, 2 ** -126] : [2 ** -1074, 2 ** -1022];
  return fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 1, -1, subnormal, -subnormal, normal, normal / 2);
};

const listOf = <T>(shape: Shape, element: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.array(element, { minLength: sizeOf(shape), maxLength: sizeOf(shape) });

export const realsOf = (shape: Shape, element: fc.Arbitrary<number>): fc.Arbitrary<Real> =>
  listOf(shape, element).map((values) => array(values, shape));

/** An array whose elements are around 1, or all of one magnitude, or each of its own. */
export const reals = (shape: Shape, dtype: FloatType): fc.Arbitrary<Real> => {
  const oneScale = fc.tuple(listOf(shape, moderate(dtype)), fc.integer({ min: -6, max: 6 })).map(([values, exponent]) =>
    array(
      values.map((x) => roundTo(dtype, (x / 4) * 10 ** exponent)),
      shape,
    ),
  );
  return fc.oneof(realsOf(shape, moderate(dtype)), oneScale, realsOf(shape, scaled(dtype)));
};

export const ints = (shape: Shape, element: fc.Arbitrary<number> = smallIntegers()): fc.Arbitrary<Int> =>
  listOf(shape, element).map((values) => intArray(values, shape));

export const bools = (shape: Shape): fc.Arbitrary<Bool> =>
  listOf(shape, fc.boolean()).map((values) => boolArray(values, shape));

/**
 * No two elements closer than 1/4, in any order, over all the shapes together: differentiation never meets a tie, nor a step
 * of it a change of order.
 */
export const distinctReals = (all: readonly Shape[]): fc.Arbitrary<Real[]> => {
  const counts = all.map(sizeOf);
  const total = counts.reduce((sum, n) => sum + n, 0);
  const grid = Array.from({ length: total }, (_, i) => (i - total / 2) / 4 + 0.1);
  return fc.shuffledSubarray(grid, { minLength: total, maxLength: total }).map((values) => {
    let start = 0;
    return all.map((shape, i) => {
      const part = values.slice(start, start + counts[i]);
      start += counts[i];
      return array(part, shape);
    });
  });
};

/** Tensors of reals by shape, for calls that are drawn now in one range and now in another. */
export type RealsOf = (shape: Shape) => fc.Arbitrary<Real>;

export const realsIn =
  (dtype: FloatType): RealsOf =>
  (shape) =>
    reals(shape, dtype);

/** Up to 2 in size, for gradients of products: their differences stay small. */
export const nearOne: RealsOf = (shape) => realsOf(shape, fc.oneof(halves(), between('float64', -2, 2)));
