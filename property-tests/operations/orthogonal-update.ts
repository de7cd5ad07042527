import fc from 'fast-check';
import { array, fromFunction, type Real, toFlat } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import { orthogonalUpdateBounds } from '../../spec/rounding/orthogonal-update.ts';
import * as record from '../../src/ops/orthogonal-update.ts';
import { sizes } from '../arbitraries/shapes.ts';
import { type FloatType, reals, roundTo } from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';

/** The updates of experts off a span, at their old lengths. */

/**
 * V [expert, size, rank]: anything; orthonormal in whole numbers, the columns of an identity, some of them zero; or orthonormal up
 * to one rounding, each column the reflection I − 2wwᵀ/wᵀw of one of those.
 */
function spans(shape: readonly [number, number, number], dtype: FloatType): fc.Arbitrary<Real> {
  const [experts, size, rank] = shape;
  if (size === 0) return reals(shape, dtype);
  const places = fc.array(fc.shuffledSubarray([...Array(size).keys()], { minLength: size, maxLength: size }), {
    minLength: experts,
    maxLength: experts,
  });
  const axes = fc
    .tuple(places, fc.nat(rank))
    .map(([order, full]) =>
      fromFunction(shape, ([e, i, k]) => (k < Math.min(full, size) && order[e][k] === i ? 1 : 0)),
    );
  const mirrors = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: size, maxLength: size });
  const reflected = fc.tuple(axes, mirrors).map(([x, w]) => {
    const square = w.reduce((sum, a) => sum + a * a, 0);
    if (square === 0) return x;
    return fromFunction(shape, ([e, i, k]) => {
      const along = w.reduce((sum, a, l) => sum + a * x.get(e, l, k), 0);
      return roundTo(dtype, x.get(e, i, k) - (2 * w[i] * along) / square);
    });
  });
  return fc.oneof(reals(shape, dtype), axes, reflected);
}

/** Updates of which one expert now and then has none at all. */
const updates = (shape: readonly number[], dtype: FloatType): fc.Arbitrary<Real> =>
  fc.tuple(reals(shape, dtype), fc.option(fc.nat(Math.max(0, shape[0] - 1)), { freq: 4 })).map(([x, still]) => {
    const each = x.size / Math.max(1, shape[0]);
    return array(
      toFlat(x).map((value, i) => (Math.floor(i / each) === still ? 0 : value)),
      shape,
    );
  });

const calls = (dtype: FloatType): fc.Arbitrary<Call> =>
  fc
    .record({
      experts: sizes(0, 3),
      rows: sizes(0, 5),
      // wide enough for whole tiles and what is left beside them
      cols: fc.oneof(sizes(0, 5), fc.integer({ min: 7, max: 18 })),
      rank: fc.oneof(sizes(0, 3), fc.integer({ min: 8, max: 10 })),
      side: fc.constantFrom('output' as const, 'input' as const),
      bias: fc.constantFrom('augment' as const, 'freeze' as const, 'free' as const),
      renorm: fc.boolean(),
      limit: fc.constantFrom(1, 1.5, 10),
    })
    .chain(({ experts, rows, cols, rank, ...attrs }) => {
      const size = attrs.side === 'output' ? cols : rows + (attrs.bias === 'augment' ? 1 : 0);
      return fc
        .record({
          weight: updates([experts, rows, cols], dtype),
          bias: updates([experts, cols], dtype),
          v: spans([experts, size, rank], dtype),
        })
        .map((inputs) =>
          call({
            attrs: JSON.stringify(attrs),
            inputs,
            anyInfinity: true,
            run: (t, { weight, bias, v }) => t.run(record.orthogonalUpdate, [weight, bias, v], attrs),
            exact: ({ weight, bias, v }) => ops.orthogonalUpdate(weight, bias, v, attrs),
            bound: ({ weight, bias, v }, u, ulps) => orthogonalUpdateBounds(weight, bias, v, attrs, u, ulps),
          }),
        );
    });

const orthogonalUpdate: OperationCase = { calls };
export const orthogonalUpdates = { orthogonalUpdate };
