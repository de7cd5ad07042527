/**
 * Order along an axis. NaN counts as larger than every number, and equal to itself; −0 equals 0.
 */
import type { NdArray } from 'ndarray';
import {
  at,
  fromFunctionLike,
  type Int,
  indices,
  intArray,
  lane,
  mapLanes,
  precondition,
  type Real,
  type Storage,
} from '../array.ts';

/** Below 0 where x comes before y in ascending order, 0 where they are equal. */
function ascending(x: number, y: number): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return x < y ? -1 : x > y ? 1 : 0;
}

/** For each lane of the last axis, `length` positions chosen by `choose`; then the values found there. */
function pick<D extends Storage>(
  x: NdArray<D>,
  length: number,
  choose: (lane: number[]) => number[],
): { picked: NdArray<D>; positions: Int } {
  precondition(x.shape.length >= 1, 'sorting takes at least one axis');
  const last = x.shape.length - 1;
  const outer = x.shape.slice(0, -1);
  const chosen: number[] = [];
  for (const row of indices(outer)) chosen.push(...choose(lane(x, last, [...row, 0])).slice(0, length));
  const positions = intArray(chosen, [...outer, length]);
  const picked = fromFunctionLike(x, [...outer, length], (index) =>
    at(x, [...index.slice(0, -1), at(positions, index)]),
  );
  return { picked, positions };
}

/** Along the last axis, ascending; of equals the one with the lower position comes first. values = x[order]. */
export function sort<D extends Storage>(x: NdArray<D>): { values: NdArray<D>; order: Int } {
  const { picked, positions } = pick(x, x.shape[x.shape.length - 1], (elements) =>
    elements.map((_, i) => i).sort((i, j) => ascending(elements[i], elements[j]) || i - j),
  );
  return { values: picked, order: positions };
}

/** The k largest along the last axis, descending; of equals the one with the lower position comes first. 1 ≤ k ≤ size. */
export function topK<D extends Storage>(x: NdArray<D>, k: number): { values: NdArray<D>; indices: Int } {
  const size = x.shape[x.shape.length - 1];
  precondition(Number.isInteger(k) && k >= 1 && k <= size, `topK takes 1 ≤ k ≤ ${size}, not ${k}`);
  const { picked, positions } = pick(x, k, (elements) =>
    elements.map((_, i) => i).sort((i, j) => ascending(elements[j], elements[i]) || i - j),
  );
  return { values: picked, indices: positions };
}

/** yᵢ = Σ_{j ≤ i} xⱼ along an axis. */
export const cumsum = (x: Real, axis = -1): Real =>
  mapLanes(x, axis, (elements) => {
    let sum = 0;
    return elements.map((value) => {
      sum += value;
      return sum;
    });
  });
