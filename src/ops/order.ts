import type { DType } from '../backend.ts';
import { DTypeError, ShapeError, UsageError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpec, normalizeAxis, requireDType, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { firstTrue, lowest } from './reduce.ts';

/** Operations about order and position: the k largest, sorting, running sums, one-hot rows. NaN counts as the largest. */

/** Position in the flattened tensor of element `index` of each row of the last axis. [.., k] -> flat [n] */
function flatPositions(index: Tensor, rowLength: number): Tensor {
  const k = index.shape.at(-1)!;
  const rows = sizeOf(index.shape.slice(0, -1));
  const start = index.engine.arange(rows).multiply(rowLength).reshape([rows, 1]);
  return index
    .reshape([rows, k])
    .add(start)
    .reshape([rows * k]);
}

/** The gradient of picking: each goes back to the element it was picked from. */
function scatterPicked(x: Tensor, index: Tensor, g: Tensor): Tensor {
  const flat = x.engine.zeros([sizeOf(x.shape)], x.dtype);
  const rowLength = x.shape.at(-1)!;
  return flat.scatterAdd(flatPositions(index, rowLength), g.reshape([sizeOf(g.shape)]), 0).reshape(x.shape);
}

function requireNumbersWithAxis(operation: string, x: { shape: readonly number[]; dtype: DType }): number {
  if (x.dtype === 'bool') throw new DTypeError({ operation, received: formatSpec(x), expected: 'numbers' });
  if (x.shape.length === 0)
    throw new ShapeError({ operation, received: formatSpec(x), expected: 'a rank of at least 1' });
  return x.shape.at(-1)!;
}

/** x […, n] -> values […, k] descending, indices int32 […, k]; among equals the lowest index comes first. */
export const topK: Op<{ readonly k: number }> = {
  name: 'topK',
  kind: 'composite',
  infer([x], { k }) {
    const n = requireNumbersWithAxis('topK', x);
    if (!Number.isInteger(k) || k < 1 || k > n)
      throw new UsageError({
        operation: 'topK',
        received: `k = ${k} for ${formatSpec(x)}`,
        expected: `an integer from 1 to ${n}`,
      });
    const shape = [...x.shape.slice(0, -1), k];
    return [
      { shape, dtype: x.dtype },
      { shape, dtype: 'int32' },
    ];
  },
  // k rounds: the first largest element among those not yet taken.
  compose([x], { k }) {
    const n = x.shape.at(-1)!;
    const nan = x.notEqual(x);
    let free = x.equal(x).logicalOr(nan); // all true
    const picks: Tensor[] = [];
    for (let round = 0; round < k; round++) {
      const freeNaN = nan.logicalAnd(free);
      const anyNaN = freeNaN.astype('int32').max([-1], { keepDims: true }).greater(0).broadcastTo(x.shape);
      const largest = free.logicalAnd(nan.logicalNot()).where(x, lowest(x.dtype)).max([-1], { keepDims: true });
      const pick = firstTrue(anyNaN.where(freeNaN, x.equal(largest).logicalAnd(free)), x.shape.length - 1);
      picks.push(pick);
      free = free.logicalAnd(pick.oneHot(n, 'int32').equal(0));
    }
    const index = x.engine.stack(picks, -1);
    return [
      x
        .reshape([sizeOf(x.shape)])
        .gather(flatPositions(index, n), 0)
        .reshape(index.shape),
      index,
    ];
  },
  vjp: ({ inputs: [x], outputs: [, index], gradients: [g] }) => [scatterPicked(x, index, g)],
};

/** x […, n] -> sorted ascending […, n] and the stable order int32 […, n]: sorted = x[order]. */
export const sort: Op = {
  name: 'sort',
  kind: 'composite',
  infer([x]) {
    requireNumbersWithAxis('sort', x);
    return [
      { shape: x.shape, dtype: x.dtype },
      { shape: x.shape, dtype: 'int32' },
    ];
  },
  // An element's place is the number of those before it: smaller ones, and equal ones with a lower index.
  compose([x]) {
    const n = x.shape.at(-1)!;
    const rows = sizeOf(x.shape.slice(0, -1));
    if (n * rows === 0) return [x, x.astype('int32')];
    const block = Math.max(1, Math.floor(2 ** 20 / (rows * n)));
    const row = x.reshape([rows, n]);
    const nan = row.notEqual(row);
    const position = x.engine.arange(n);
    let place = x.engine.zeros([rows, n], 'int32');
    for (let start = 0; start < n; start += block) {
      const other = row.slice([start, start + block], 1).expandDims(1); // [row, 1, block]
      const otherNaN = nan.slice([start, start + block], 1).expandDims(1);
      const [self, selfNaN] = [row.expandDims(2), nan.expandDims(2)]; // [row, n, 1]
      const smaller = other.less(self).logicalOr(selfNaN.logicalAnd(otherNaN.logicalNot()));
      const equal = other.equal(self).logicalOr(selfNaN.logicalAnd(otherNaN));
      const earlier = position
        .slice([start, start + block], 0)
        .reshape([1, 1, -1])
        .less(position.reshape([1, n, 1]));
      place = place.add(smaller.logicalOr(equal.logicalAnd(earlier)).astype('int32').sum([2]));
    }
    const at = flatPositions(place, n);
    const order = x.engine
      .zeros([rows * n], 'int32')
      .scatterAdd(at, position.broadcastTo([rows, n]).reshape([rows * n]), 0)
      .reshape(x.shape);
    return [
      x
        .reshape([rows * n])
        .gather(flatPositions(order, n), 0)
        .reshape(x.shape),
      order,
    ];
  },
  vjp: ({ inputs: [x], outputs: [, order], gradients: [g] }) => [scatterPicked(x, order, g)],
};

// y_i = Σ_{j ≤ i} x_j along the axis;  ∂x_i = Σ_{j ≥ i} g_j
export const cumsum: Op<{ readonly axis: number }> = {
  name: 'cumsum',
  kind: 'composite',
  infer([x], { axis }) {
    normalizeAxis('cumsum', axis, x.shape.length);
    if (x.dtype === 'bool') throw new DTypeError({ operation: 'cumsum', received: formatSpec(x), expected: 'numbers' });
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  // Doubling (Hillis & Steele 1986): after round r each element holds the sum of the last 2^r inputs.
  compose([x], { axis }) {
    const n = x.shape[axis];
    let y = x;
    for (let shift = 1; shift < n; shift *= 2) {
      const head = x.engine.zeros(x.shape.with(axis, shift), x.dtype);
      y = y.add(x.engine.concat([head, y.slice([0, n - shift], axis)], axis));
    }
    return [y];
  },
  vjp: ({ gradients: [g], attrs: { axis } }) => [g.flip(axis).cumsum(axis).flip(axis)],
};

/** indices int32 […] -> […, depth]: 1 at the index, else 0; a row of zeros for an index outside [0, depth). */
export const oneHot: Op<{ readonly depth: number; readonly dtype: DType }> = {
  name: 'oneHot',
  kind: 'composite',
  infer([indices], { depth, dtype }) {
    requireDType('oneHot', 'indices', indices, 'int32');
    if (!Number.isInteger(depth) || depth < 0)
      throw new UsageError({ operation: 'oneHot', received: `depth ${depth}`, expected: 'an integer ≥ 0' });
    return [{ shape: [...indices.shape, depth], dtype }];
  },
  compose: ([indices], { depth, dtype }) => [indices.expandDims(-1).equal(indices.engine.arange(depth)).astype(dtype)],
  vjp: null,
};
