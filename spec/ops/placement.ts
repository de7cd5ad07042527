/**
 * Slices taken out by index, put back, and joined.
 */
import type { NdArray } from 'ndarray';
import {
  array,
  at,
  fromFunction,
  fromFunctionLike,
  type Int,
  indices,
  normalizeAxis,
  precondition,
  type Real,
  type Storage,
  sameShape,
  toFlat,
  withEntry,
} from '../array.ts';

function readIndices(list: Int, size: number): number[] {
  precondition(list.shape.length === 1, `indices have one axis, not [${list.shape}]`);
  const values = toFlat(list);
  for (const i of values) precondition(i >= 0 && i < size, `the index ${i} is not below ${size}`);
  return values;
}

/** y_{… m …} = x_{… indices[m] …} along the axis. Throws `SpecError` for an index out of range. */
export function gather<D extends Storage>(x: NdArray<D>, list: Int, axis: number): NdArray<D> {
  const along = normalizeAxis(axis, x.shape.length);
  const source = readIndices(list, x.shape[along]);
  return fromFunctionLike(x, withEntry(x.shape, along, source.length), (index) =>
    at(x, withEntry(index, along, source[index[along]])),
  );
}

/**
 * y = x, and then for m = 0, 1, …: y_{… indices[m] …} += updates_{… m …} along the axis. An index may occur several times.
 * Throws `SpecError` for an index out of range.
 */
export function scatterAdd(x: Real, list: Int, updates: Real, axis: number): Real {
  const along = normalizeAxis(axis, x.shape.length);
  const target = readIndices(list, x.shape[along]);
  const expected = withEntry(x.shape, along, target.length);
  precondition(sameShape(updates.shape, expected), `scatterAdd takes updates [${expected}], not [${updates.shape}]`);
  const y = array(toFlat(x), x.shape);
  // row-major order visits the updates of one target in ascending m
  for (const index of indices(updates.shape)) {
    const place = withEntry(index, along, target[index[along]]);
    y.set(...place, at(y, place) + at(updates, index));
  }
  return y;
}

/** The arrays one after the other along an existing axis; all other sizes are equal. */
export function concat<D extends Storage>(parts: readonly NdArray<D>[], axis: number): NdArray<D> {
  precondition(parts.length > 0, 'concat takes at least one array');
  const [first] = parts;
  const along = normalizeAxis(axis, first.shape.length);
  for (const part of parts) {
    const fits = part.shape.length === first.shape.length;
    precondition(
      fits && sameShape(withEntry(part.shape, along, 0), withEntry(first.shape, along, 0)),
      `[${part.shape}] does not continue [${first.shape}] along axis ${axis}`,
    );
  }
  const length = parts.reduce((sum, part) => sum + part.shape[along], 0);
  return fromFunctionLike(first, withEntry(first.shape, along, length), (index) => {
    let position = index[along];
    for (const part of parts) {
      if (position < part.shape[along]) return at(part, withEntry(index, along, position));
      position -= part.shape[along];
    }
    return Number.NaN; // not reached: the parts fill the length
  });
}

/** Arrays of one shape side by side along a new axis, which becomes axis `axis` of the result. */
export function stack<D extends Storage>(parts: readonly NdArray<D>[], axis = 0): NdArray<D> {
  precondition(parts.length > 0, 'stack takes at least one array');
  const [first] = parts;
  const along = normalizeAxis(axis, first.shape.length + 1);
  for (const part of parts) {
    precondition(sameShape(part.shape, first.shape), `stack takes one shape, not [${part.shape}] and [${first.shape}]`);
  }
  return fromFunctionLike(first, first.shape.toSpliced(along, 0, parts.length), (index) =>
    at(parts[index[along]], index.toSpliced(along, 1)),
  );
}

/** y_{… c} = 1 where c is the index at …, else 0: [...] -> [..., depth]. An index out of range gives zeros throughout. */
export function oneHot(list: Int, depth: number): Real {
  return fromFunction([...list.shape, depth], (index) =>
    index[index.length - 1] === at(list, index.slice(0, -1)) ? 1 : 0,
  );
}
