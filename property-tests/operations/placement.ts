import fc from 'fast-check';
import {
  type Any,
  fromFunction,
  fromFunctionLike,
  type Int,
  intArray,
  type Real,
  type Shape,
} from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import { scatterAddBound } from '../../spec/rounding/contractions.ts';
import type { DType } from '../../src/backend.ts';
import { indexVectors, shapeAndAxis, shapes, sizes } from '../arbitraries/shapes.ts';
import { between, bools, type FloatType, halves, ints, reals, realsOf } from '../arbitraries/values.ts';
import { asInt, asReal, type Call, call, type OperationCase } from './case.ts';

/** Elements taken out, put back, joined and made. */

const anywhere = (shape: Shape) => realsOf(shape, fc.oneof(halves(), between('float64', -3, 3)));
const ofAnyKind = (shape: Shape, dtype: FloatType): fc.Arbitrary<Any> =>
  fc.oneof<fc.Arbitrary<Any>[]>(reals(shape, dtype), ints(shape), bools(shape));
const small = { maxRank: 3, maxSize: 3 };

const copyCall = (x: Any): Call =>
  call({
    attrs: '',
    inputs: { x },
    run: (_, { x }) => [x.copy()],
    exact: ({ x }) => [fromFunctionLike(x, x.shape, (index) => x.get(...index))],
  });
const copy: OperationCase = {
  calls: (dtype) =>
    shapes()
      .chain((shape) => ofAnyKind(shape, dtype))
      .map(copyCall),
  gradients: { calls: shapes(small).chain(anywhere).map(copyCall), inputs: ['x'], smooth: true },
};

const fill: OperationCase = {
  calls: (dtype) =>
    fc
      .record({ shape: shapes(), value: fc.integer({ min: -3, max: 3 }), to: fc.constantFrom<DType>(dtype, 'int32') })
      .map(({ shape, value, to }) =>
        call({
          attrs: `${value} as ${to}[${shape}]`,
          inputs: {},
          run: (t) => [t.full(shape, value, to)],
          exact: () => {
            const real = fromFunction(shape, () => value);
            return [to === 'int32' ? asInt(real) : real];
          },
        }),
      ),
};

const gatherCall = (axis: number, inputs: { x: Any; indices: Int }): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs,
    run: (_, { x, indices }) => [x.gather(indices, axis)],
    exact: ({ x, indices }) => [ops.gather(x, indices, axis)],
  });
const withIndices = <A extends Any>(
  range: Parameters<typeof shapeAndAxis>[0],
  values: (shape: number[]) => fc.Arbitrary<A>,
) =>
  shapeAndAxis(range).chain(({ shape, axis }) =>
    fc.record({
      axis: fc.constant(axis),
      x: values(shape),
      indices: indexVectors(shape.at(axis)!).map((list) => intArray(list)),
    }),
  );
const gather: OperationCase = {
  calls: (dtype) =>
    withIndices({}, (shape) => ofAnyKind(shape, dtype)).map(({ axis, ...inputs }) => gatherCall(axis, inputs)),
  gradients: {
    calls: withIndices(small, anywhere).map(({ axis, ...inputs }) => gatherCall(axis, inputs)),
    inputs: ['x'],
    smooth: true,
  },
};

const scatterAddCall = (axis: number, inputs: { x: Real; indices: Int; updates: Real }): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs,
    run: (_, { x, indices, updates }) => [x.scatterAdd(indices, updates, axis)],
    exact: ({ x, indices, updates }) => [ops.scatterAdd(x, indices, updates, axis)],
    bound: ({ x, indices, updates }, u) => [scatterAddBound(x, indices, updates, axis, u)],
  });
const intScatterAddCall = (axis: number, inputs: { x: Int; indices: Int; updates: Int }): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs,
    run: (_, { x, indices, updates }) => [x.scatterAdd(indices, updates, axis)],
    exact: ({ x, indices, updates }) => [asInt(ops.scatterAdd(asReal(x), indices, asReal(updates), axis))],
  });
const withUpdates = <A extends Any>(
  range: Parameters<typeof shapeAndAxis>[0],
  values: (shape: number[]) => fc.Arbitrary<A>,
) =>
  withIndices(range, values).chain(({ axis, x, indices }) =>
    values(x.shape.with(axis, indices.shape[0])).map((updates) => ({ axis, inputs: { x, indices, updates } })),
  );
const scatterAdd: OperationCase = {
  calls: (dtype) =>
    fc.oneof(
      {
        weight: 3,
        arbitrary: withUpdates({}, (shape) => reals(shape, dtype)).map((of) => scatterAddCall(of.axis, of.inputs)),
      },
      {
        weight: 1,
        arbitrary: withUpdates({}, (shape) => ints(shape)).map((of) => intScatterAddCall(of.axis, of.inputs)),
      },
    ),
  gradients: {
    calls: withUpdates(small, anywhere).map((of) => scatterAddCall(of.axis, of.inputs)),
    inputs: ['x', 'updates'],
    smooth: true,
  },
};

const partNames = ['first', 'second', 'third'] as const;
const concatCall = (axis: number, parts: readonly Any[]): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs: Object.fromEntries(parts.map((part, i) => [partNames[i], part])),
    run: (t, inputs) => [t.concat(Object.values(inputs), axis)],
    exact: (inputs) => [ops.concat(Object.values(inputs), axis)],
  });
const concatCalls = (
  range: Parameters<typeof shapeAndAxis>[0],
  values: (shape: number[]) => fc.Arbitrary<readonly fc.Arbitrary<Any>[]>,
): fc.Arbitrary<Call> =>
  fc
    .tuple(shapeAndAxis(range), fc.array(sizes(0, 3), { minLength: 1, maxLength: 3 }))
    .chain(([{ shape, axis }, lengths]) =>
      fc
        .tuple(...lengths.map((length) => values(shape.with(axis, length))))
        .chain((choices) => fc.nat(choices[0].length - 1).chain((kind) => fc.tuple(...choices.map((c) => c[kind]))))
        .map((parts) => concatCall(axis, parts)),
    );
const concat: OperationCase = {
  calls: (dtype) =>
    concatCalls({ maxRank: 3 }, (shape) => fc.constant([reals(shape, dtype), ints(shape), bools(shape)])),
  gradients: {
    calls: concatCalls({ maxRank: 2, maxSize: 3 }, (shape) => fc.constant([anywhere(shape)])),
    inputs: partNames,
    smooth: true,
  },
};

const stackCall = (axis: number, parts: readonly Any[]): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs: Object.fromEntries(parts.map((part, i) => [partNames[i], part])),
    run: (t, inputs) => [t.stack(Object.values(inputs), axis)],
    exact: (inputs) => [ops.stack(Object.values(inputs), axis)],
  });
const stackCalls = (
  range: Parameters<typeof shapes>[0],
  values: (shape: number[]) => fc.Arbitrary<Any>,
): fc.Arbitrary<Call> =>
  shapes({ maxRank: 3, ...range }).chain((shape) =>
    fc
      .tuple(
        fc.integer({ min: -shape.length - 1, max: shape.length }),
        fc
          .integer({ min: 1, max: 3 })
          .chain((count) => fc.tuple(...Array.from({ length: count }, () => values(shape)))),
      )
      .map(([axis, parts]) => stackCall(axis, parts)),
  );
const stack: OperationCase = {
  calls: (dtype) =>
    fc.oneof(
      stackCalls({}, (shape) => reals(shape, dtype)),
      stackCalls({}, (shape) => bools(shape)),
    ),
  gradients: { calls: stackCalls({ maxRank: 2, maxSize: 2 }, anywhere), inputs: partNames, smooth: true },
};

export const placement = { copy, fill, gather, scatterAdd, concat, stack };
