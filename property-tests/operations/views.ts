import fc from 'fast-check';
import { type Any, at, broadcastTo as broadcastArray, fromFunctionLike, type Shape, sizeOf } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import { axisOf, broadcastShapes, shapes } from '../arbitraries/shapes.ts';
import { between, type FloatType, halves, ints, reals, realsOf } from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';

/** Operations that move no element. Drawn on strided inputs they are composed with one another. */

type ValuesOf = (shape: Shape) => fc.Arbitrary<Any>;
const ofAnyKind =
  (dtype: FloatType): ValuesOf =>
  (shape) =>
    fc.oneof<fc.Arbitrary<Any>[]>(reals(shape, dtype), ints(shape));
const anywhere: ValuesOf = (shape) => realsOf(shape, fc.oneof(halves(), between('float64', -3, 3)));
const small = { maxRank: 3, maxSize: 3 };
type Range = Parameters<typeof shapes>[0];

/** The same drawing for values and for gradients. */
const viewCase = (calls: (values: ValuesOf, range: Range) => fc.Arbitrary<Call>): OperationCase => ({
  calls: (dtype) => calls(ofAnyKind(dtype), {}),
  gradients: { calls: calls(anywhere, small), inputs: ['x'], smooth: true },
});

/** Another shape of as many elements: neighbours merged, sizes of 1 put in, one factor split off; −1 for one of the sizes. */
const regroupings = (shape: Shape): fc.Arbitrary<{ target: number[]; asked: number[] }> =>
  fc
    .tuple(
      fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
      fc.array(fc.nat(2), { minLength: shape.length + 1, maxLength: shape.length + 1 }),
      fc.nat(),
    )
    .map(([merge, ones, unknown]) => {
      const merged: number[] = [];
      shape.forEach((size, axis) => {
        if (merge[axis] && merged.length > 0) merged[merged.length - 1] *= size;
        else merged.push(size);
      });
      const split = merged.flatMap((size, i) => {
        const parts = size % 2 === 0 && size > 0 && ones[i] === 1 ? [size / 2, 2] : [size];
        return ones[i] === 2 ? [1, ...parts] : parts;
      });
      const place = split.length === 0 ? 0 : unknown % split.length;
      const asked = sizeOf(split) > 0 && split.length > 0 && ones[0] > 0 ? split.with(place, -1) : split;
      return { target: split, asked };
    });

const reshape = viewCase((values, range) =>
  shapes(range).chain((shape) =>
    fc.tuple(values(shape), regroupings(shape)).map(([x, { target, asked }]) =>
      call({
        attrs: `to [${asked}]`,
        inputs: { x },
        run: (_, { x }) => [x.reshape(asked)],
        exact: ({ x }) => [ops.reshape(x, target)],
      }),
    ),
  ),
);

const permuteDims = viewCase((values, range) =>
  shapes(range).chain((shape) => {
    const axes = shape.map((_, axis) => axis);
    return fc
      .tuple(values(shape), fc.shuffledSubarray(axes, { minLength: axes.length, maxLength: axes.length }))
      .map(([x, order]) =>
        call({
          attrs: `axes ${order}`,
          inputs: { x },
          run: (_, { x }) => [x.permuteDims(order)],
          exact: ({ x }) => [ops.permuteDims(x, order)],
        }),
      );
  }),
);

const transpose = viewCase((values, range) =>
  shapes({ minRank: 2, ...range })
    .chain(values)
    .map((x) =>
      call({
        attrs: '',
        inputs: { x },
        run: (_, { x }) => [x.transpose()],
        exact: ({ x }) => [ops.permuteDims(x, [...x.shape.slice(0, -2).map((_, axis) => axis), -1, -2])],
      }),
    ),
);

const broadcastTo = viewCase((values, range) =>
  broadcastShapes(2, range).chain(([shape, other]) => {
    const rank = Math.max(shape.length, other.length);
    const size = (of: readonly number[], axis: number) => of[axis - rank + of.length] ?? 1;
    const target = Array.from({ length: rank }, (_, axis) => {
      const [a, b] = [size(shape, axis), size(other, axis)];
      return a === 1 ? b : a;
    });
    return values(shape).map((x) =>
      call({
        attrs: `to [${target}]`,
        inputs: { x },
        run: (_, { x }) => [x.broadcastTo(target)],
        exact: ({ x }) => [broadcastArray(x, target)],
      }),
    );
  }),
);

const slice = viewCase((values, range) =>
  shapes({ minRank: 1, ...range }).chain((shape) =>
    axisOf(shape.length).chain((axis) => {
      const position = fc.integer({ min: -shape.at(axis)!, max: shape.at(axis)! });
      return fc.tuple(values(shape), position, position, fc.integer({ min: 1, max: 3 })).map(([x, start, stop, step]) =>
        call({
          attrs: `[${start}, ${stop}] axis ${axis} step ${step}`,
          inputs: { x },
          run: (_, { x }) => [x.slice([start, stop], axis, step)],
          exact: ({ x }) => [ops.slice(x, axis, start, stop, step)],
        }),
      );
    }),
  ),
);

const flip = viewCase((values, range) =>
  shapes({ minRank: 1, ...range }).chain((shape) =>
    fc.tuple(values(shape), axisOf(shape.length)).map(([x, axis]) => {
      const along = axis < 0 ? axis + shape.length : axis;
      return call({
        attrs: `axis ${axis}`,
        inputs: { x },
        run: (_, { x }) => [x.flip(axis)],
        exact: ({ x }) => [
          fromFunctionLike(x, x.shape, (index) => at(x, index.with(along, x.shape[along] - 1 - index[along]))),
        ],
      });
    }),
  ),
);

const expandDims = viewCase((values, range) =>
  shapes({ maxRank: 3, ...range }).chain((shape) =>
    fc.tuple(values(shape), axisOf(shape.length + 1)).map(([x, axis]) => {
      const along = axis < 0 ? axis + shape.length + 1 : axis;
      return call({
        attrs: `axis ${axis}`,
        inputs: { x },
        run: (_, { x }) => [x.expandDims(axis)],
        exact: ({ x }) => [ops.reshape(x, x.shape.toSpliced(along, 0, 1))],
      });
    }),
  ),
);

const squeeze = viewCase((values, range) =>
  shapes({ minRank: 1, ...range }).chain((shape) =>
    axisOf(shape.length).chain((axis) =>
      values(shape.with(axis, 1)).map((x) =>
        call({
          attrs: `axis ${axis}`,
          inputs: { x },
          run: (_, { x }) => [x.squeeze(axis)],
          exact: ({ x }) => [ops.reshape(x, x.shape.toSpliced(axis, 1))],
        }),
      ),
    ),
  ),
);

export const viewCases = { reshape, permuteDims, transpose, broadcastTo, slice, flip, expandDims, squeeze };
