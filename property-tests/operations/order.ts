import fc from 'fast-check';
import type { Int, Real } from '../../spec/array.ts';
import { boolArray, toFlat } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import type { DType } from '../../src/backend.ts';
import { shapes } from '../arbitraries/shapes.ts';
import { distinctReals, type FloatType, halves, ints, reals, realsOf } from '../arbitraries/values.ts';
import { asInt, type Call, call, type OperationCase } from './case.ts';

/** The k largest, sorting, one-hot rows: mostly over values with many ties. */

const tied = (shape: number[], dtype: FloatType): fc.Arbitrary<Real | Int> =>
  fc.oneof<fc.Arbitrary<Real | Int>[]>(
    realsOf(shape, halves()),
    realsOf(shape, fc.constantFrom(0, 1)),
    reals(shape, dtype),
    ints(shape),
  );

const topKCall = (k: number, x: Real | Int): Call =>
  call({
    attrs: `k ${k}`,
    inputs: { x },
    run: (_, { x }) => {
      const { values, indices } = x.topK(k);
      return [values, indices];
    },
    exact: ({ x }) => {
      const { values, indices } = ops.topK<Float64Array | Int32Array>(x, k);
      return [values, indices];
    },
  });
const withK = (range: Parameters<typeof shapes>[0]) =>
  shapes({ minRank: 1, ...range })
    .map((shape) => shape.with(-1, Math.max(1, shape.at(-1)!)))
    .chain((shape) => fc.record({ shape: fc.constant(shape), k: fc.integer({ min: 1, max: shape.at(-1)! }) }));
const topK: OperationCase = {
  // lanes up to 40 with k above 32 too: a backend may select small k in another way
  calls: (dtype) =>
    fc
      .oneof(
        { weight: 5, arbitrary: withK({}) },
        { weight: 1, arbitrary: fc.integer({ min: 33, max: 40 }).map((k) => ({ shape: [2, 40], k })) },
      )
      .chain(({ shape, k }) => tied(shape, dtype).map((x) => topKCall(k, x))),
  gradients: {
    calls: withK({ maxRank: 3, maxSize: 4 }).chain(({ shape, k }) =>
      distinctReals([shape]).map(([x]) => topKCall(k, x)),
    ),
    inputs: ['x'],
    smooth: true,
  },
};

const sortCall = (x: Real | Int): Call =>
  call({
    attrs: '',
    inputs: { x },
    run: (_, { x }) => {
      const { values, order } = x.sort();
      return [values, order];
    },
    exact: ({ x }) => {
      const { values, order } = ops.sort<Float64Array | Int32Array>(x);
      return [values, order];
    },
  });
const sort: OperationCase = {
  calls: (dtype) =>
    fc
      .oneof({ weight: 5, arbitrary: shapes({ minRank: 1 }) }, { weight: 1, arbitrary: fc.constant<number[]>([2, 30]) })
      .chain((shape) => tied(shape, dtype))
      .map(sortCall),
  gradients: {
    calls: shapes({ minRank: 1, maxRank: 3, maxSize: 4 })
      .chain((shape) => distinctReals([shape]))
      .map(([x]) => sortCall(x)),
    inputs: ['x'],
    smooth: true,
  },
};

const oneHot: OperationCase = {
  calls: (dtype) =>
    fc
      .record({
        depth: fc.nat(5),
        dtype: fc.constantFrom<DType>(dtype, 'int32', 'bool'),
        indices: shapes({ maxRank: 3 }).chain((shape) => ints(shape, fc.integer({ min: -2, max: 6 }))),
      })
      .map(({ depth, dtype: to, indices }) =>
        call({
          attrs: `depth ${depth} as ${to}`,
          inputs: { indices },
          run: (_, { indices }) => [indices.oneHot(depth, to)],
          exact: ({ indices }) => {
            const rows = ops.oneHot(indices, depth);
            return [to === 'int32' ? asInt(rows) : to === 'bool' ? boolArray(toFlat(rows), rows.shape) : rows];
          },
        }),
      ),
};

export const orderCases = { topK, sort, oneHot };
