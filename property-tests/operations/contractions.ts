import fc from 'fast-check';
import { array, type Int, intArray, type Real, sizeOf } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import {
  gramBound,
  groupedMatmulBound,
  groupedOuterBound,
  matmulBound,
  orthogonalProjectBound,
  orthogonalProjectRightBound,
} from '../../spec/rounding/contractions.ts';
import { matricesOf } from '../arbitraries/matrices.ts';
import { broadcastShapes, offsetsOf, sizes } from '../arbitraries/shapes.ts';
import { type FloatType, nearOne, type RealsOf, realsIn, roundTo } from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';

/** Products summed over a shared axis: plain, batched, by expert, and the two of the orthogonal phase. */

/** The last two axes of low rank, with duplicate, zero or badly scaled columns. */
const degenerate =
  (dtype: FloatType): RealsOf =>
  (shape) => {
    const [rows, cols] = shape.slice(-2);
    const batch = sizeOf(shape.slice(0, -2));
    return fc.array(matricesOf(rows, cols), { minLength: batch, maxLength: batch }).map((all) =>
      array(
        all.flatMap(({ data }) => Array.from(data, (x) => roundTo(dtype, x))),
        shape,
      ),
    );
  };

const matmulCall = (inputs: { a: Real; b: Real }): Call =>
  call({
    attrs: '',
    inputs,
    run: (_, { a, b }) => [a.matmul(b)],
    exact: ({ a, b }) => [ops.matmul(a, b)],
    bound: ({ a, b }, u) => [matmulBound(a, b, u)],
  });
const products = (values: RealsOf, maxSize: number, maxBatchRank: number): fc.Arbitrary<Call> =>
  fc
    .tuple(
      broadcastShapes(2, { maxRank: maxBatchRank, maxSize: 3 }),
      sizes(0, maxSize),
      sizes(0, maxSize + 2),
      sizes(0, maxSize),
    )
    .chain(([[left, right], m, inner, n]) =>
      fc.record({ a: values([...left, m, inner]), b: values([...right, inner, n]) }),
    )
    .map(matmulCall);
const matmul: OperationCase = {
  calls: (dtype) => fc.oneof(products(realsIn(dtype), 5, 2), products(degenerate(dtype), 6, 0)),
  gradients: { calls: products(nearOne, 2, 1), inputs: ['a', 'b'], smooth: true },
};

/** Rows sorted by expert: experts without rows, rows of nobody, no experts, no rows. */
export const grouped = (
  maxSize: number,
): fc.Arbitrary<{ rows: number; experts: number; width: [number, number]; offsets: Int }> =>
  fc
    .record({
      rows: sizes(0, maxSize + 2),
      experts: sizes(0, 4),
      width: fc.tuple(sizes(0, maxSize), sizes(0, maxSize)),
    })
    .chain((sized) => offsetsOf(sized.experts, sized.rows).map((list) => ({ ...sized, offsets: intArray(list) })));

const groupedMatmulCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  grouped(maxSize).chain(({ rows, experts, width: [input, output], offsets }) =>
    fc.record({ x: values([rows, input]), w: values([experts, input, output]) }).map(({ x, w }) =>
      call({
        attrs: '',
        inputs: { x, w, offsets },
        run: (_, { x, w, offsets }) => [x.groupedMatmul(w, offsets)],
        exact: ({ x, w, offsets }) => [ops.groupedMatmul(x, w, offsets)],
        bound: ({ x, w, offsets }, u) => [groupedMatmulBound(x, w, offsets, u)],
      }),
    ),
  );
const groupedOuterCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  grouped(maxSize).chain(({ rows, width: [input, output], offsets }) =>
    fc.record({ x: values([rows, input]), g: values([rows, output]) }).map(({ x, g }) =>
      call({
        attrs: '',
        inputs: { x, g, offsets },
        run: (_, { x, g, offsets }) => [x.groupedOuter(g, offsets)],
        exact: ({ x, g, offsets }) => [ops.groupedOuter(x, g, offsets)],
        bound: ({ x, g, offsets }, u) => [groupedOuterBound(x, g, offsets, u)],
      }),
    ),
  );

const batched = (maxSize: number): fc.Arbitrary<{ batch: number[]; rows: number; cols: number; rank: number }> =>
  fc.record({
    batch: fc.array(sizes(0, 3), { maxLength: 2 }),
    rows: sizes(0, maxSize),
    cols: sizes(0, maxSize),
    rank: sizes(0, 3),
  });
const gramCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  batched(maxSize)
    .chain(({ batch, rows, cols }) => values([...batch, rows, cols]))
    .map((a) =>
      call({
        attrs: '',
        inputs: { a },
        run: (_, { a }) => [a.gram()],
        exact: ({ a }) => [ops.gram(a)],
        bound: ({ a }, u) => [gramBound(a, u)],
      }),
    );
const orthogonalProjectCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  batched(maxSize)
    .chain(({ batch, rows, cols, rank }) =>
      fc
        .constantFrom('left' as const, 'right' as const)
        .chain((side) =>
          fc
            .record({ g: values([...batch, rows, cols]), v: values([...batch, side === 'left' ? rows : cols, rank]) })
            .map((inputs) => ({ side, inputs })),
        ),
    )
    .map(({ side, inputs }) =>
      call({
        attrs: `V on the ${side}`,
        inputs,
        run: (_, { g, v }) => [g.orthogonalProject(v, side)],
        exact: ({ g, v }) => [side === 'left' ? ops.orthogonalProject(g, v) : ops.orthogonalProjectRight(g, v)],
        bound: ({ g, v }, u) => [
          side === 'left' ? orthogonalProjectBound(g, v, u) : orthogonalProjectRightBound(g, v, u),
        ],
      }),
    );

const bothKinds =
  (calls: (values: RealsOf, maxSize: number) => fc.Arbitrary<Call>): OperationCase['calls'] =>
  (dtype) =>
    fc.oneof(calls(realsIn(dtype), 5), calls(degenerate(dtype), 5));

export const contractions = {
  matmul,
  groupedMatmul: {
    calls: (dtype: FloatType) => groupedMatmulCalls(realsIn(dtype), 5),
    gradients: { calls: groupedMatmulCalls(nearOne, 2), inputs: ['x', 'w'], smooth: true },
  },
  groupedOuter: {
    calls: (dtype: FloatType) => groupedOuterCalls(realsIn(dtype), 5),
    gradients: { calls: groupedOuterCalls(nearOne, 2), inputs: ['x', 'g'], smooth: true },
  },
  gram: { calls: bothKinds(gramCalls), gradients: { calls: gramCalls(nearOne, 2), inputs: ['a'], smooth: true } },
  orthogonalProject: {
    calls: bothKinds(orthogonalProjectCalls),
    gradients: { calls: orthogonalProjectCalls(nearOne, 2), inputs: ['g', 'v'], smooth: true },
  },
};
