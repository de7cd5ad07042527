import fc from 'fast-check';
import type { Real, Shape } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import { gamma, smallestNormal, whereFinite } from '../../spec/rounding/model.ts';
import { key } from '../../src/random.ts';
import { shapes } from '../arbitraries/shapes.ts';
import { between, type FloatType, halves, reals, realsOf } from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';

/** Dropout, the one operation of a training alone that is no optimizer's. */

/** x/(1 − rate) as a product with the rounded reciprocal: three roundings. */
const dropoutCalls = (values: (shape: Shape) => fc.Arbitrary<Real>): fc.Arbitrary<Call> =>
  fc
    .tuple(shapes({ maxRank: 3 }).chain(values), fc.constantFrom(0, 0.1, 0.5, 0.9), fc.nat(2 ** 31))
    .map(([x, rate, seed]) =>
      call({
        attrs: `rate ${rate}, key(${seed})`,
        inputs: { x },
        run: (t, { x }) => [t.dropout(x, rate, key(seed))],
        exact: ({ x }) => [ops.dropout(x, rate, key(seed))],
        bound: ({ x }, u) => [
          // Of what is dropped nothing is left, were it infinite.
          whereFinite(ops.dropout(x, rate, key(seed)), (_, y) => gamma(3, u) * Math.abs(y) + smallestNormal(u)),
        ],
      }),
    );

const dropout: OperationCase = {
  calls: (dtype: FloatType) => dropoutCalls((shape) => reals(shape, dtype)),
  gradients: {
    calls: dropoutCalls((shape) => realsOf(shape, fc.oneof(halves(), between('float64', -3, 3)))),
    inputs: ['x'],
    smooth: true,
  },
};

export const training = { dropout };
