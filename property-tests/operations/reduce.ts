import fc from 'fast-check';
import type { Int, Real } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import { cumsumBound, meanBound, normBound, sumBound, varianceBound } from '../../spec/rounding/contractions.ts';
import type { Ulps } from '../../spec/rounding/model.ts';
import { logSumExpBound } from '../../spec/rounding/normalisations.ts';
import type { ReduceKind } from '../../src/backend.ts';
import type { Tensor } from '../../src/tensor.ts';
import { axesOf, shapeAndAxis, shapes } from '../arbitraries/shapes.ts';
import { between, distinctReals, type FloatType, halves, ints, reals, realsOf } from '../arbitraries/values.ts';
import { asReal, type Call, call, type OperationCase, onInts } from './case.ts';

/** Reductions along axes, and running sums. */

interface Drawn {
  readonly shape: number[];
  readonly axes: number[] | undefined;
  readonly keepDims: boolean;
}

/** A shape, axes to reduce (none named: all), and whether they stay with size 1. */
const reductions = (range: Parameters<typeof shapes>[0] = {}): fc.Arbitrary<Drawn> =>
  shapes(range).chain((shape) =>
    fc.record({ shape: fc.constant(shape), axes: axesOf(shape.length), keepDims: fc.boolean() }),
  );

const describeAxes = ({ axes, keepDims }: Drawn, more = ''): string =>
  `axes ${axes ?? 'all'}${keepDims ? ', keepDims' : ''}${more}`;

interface Reduction {
  run(x: Tensor, drawn: Drawn): Tensor;
  exact(x: Real, drawn: Drawn): Real;
  bound?(x: Real, drawn: Drawn, u: number, ulps: Ulps): Real;
}

const reductionCall = ({ run, exact, bound }: Reduction, drawn: Drawn, x: Real): Call =>
  call({
    attrs: describeAxes(drawn),
    inputs: { x },
    run: (_, { x }) => [run(x, drawn)],
    exact: ({ x }) => [exact(x, drawn)],
    bound: ({ x }, u, ulps) => [bound ? bound(x, drawn, u, ulps) : null],
  });

const small = { maxRank: 3, maxSize: 3, minSize: 1 };
const anywhere = fc.oneof(halves(), between('float64', -3, 3));

function reductionCase(of: Reduction, gradient: 'smooth' | 'untied'): OperationCase {
  return {
    calls: (dtype) => reductions().chain((drawn) => reals(drawn.shape, dtype).map((x) => reductionCall(of, drawn, x))),
    gradients: {
      calls: reductions(small).chain((drawn) =>
        (gradient === 'smooth' ? realsOf(drawn.shape, anywhere) : distinctReals([drawn.shape]).map(([x]) => x)).map(
          (x) => reductionCall(of, drawn, x),
        ),
      ),
      inputs: ['x'],
      smooth: true,
    },
  };
}

/** sum, max, min also take whole numbers. An empty extreme of whole numbers is theirs alone, so none is drawn here. */
function primitiveCase(kind: ReduceKind, of: Reduction): OperationCase {
  const floats = reductionCase(of, kind === 'sum' ? 'smooth' : 'untied');
  const whole = reductions({ minSize: 1 }).chain((drawn) =>
    ints(drawn.shape).map((x) =>
      call({
        attrs: describeAxes(drawn),
        inputs: { x },
        run: (_, { x }) => [of.run(x, drawn)],
        exact: ({ x }) => [onInts((real) => of.exact(real, drawn))(x)],
      }),
    ),
  );
  return {
    ...floats,
    calls: (dtype) => fc.oneof({ weight: 3, arbitrary: floats.calls(dtype) }, { weight: 1, arbitrary: whole }),
  };
}

const sum: Reduction = {
  run: (x, { axes, keepDims }) => x.sum(axes, { keepDims }),
  exact: (x, { axes, keepDims }) => ops.sum(x, axes, { keepDims }),
  bound: (x, { axes, keepDims }, u) => sumBound(x, axes, u, { keepDims }),
};
const max: Reduction = {
  run: (x, { axes, keepDims }) => x.max(axes, { keepDims }),
  exact: (x, { axes, keepDims }) => ops.max(x, axes, { keepDims }),
};
const min: Reduction = {
  run: (x, { axes, keepDims }) => x.min(axes, { keepDims }),
  exact: (x, { axes, keepDims }) => ops.min(x, axes, { keepDims }),
};
const mean: Reduction = {
  run: (x, { axes, keepDims }) => x.mean(axes, { keepDims }),
  exact: (x, { axes, keepDims }) => ops.mean(x, axes, { keepDims }),
  bound: (x, { axes, keepDims }, u, ulps) => meanBound(x, axes, u, ulps, { keepDims }),
};
const logSumExp: Reduction = {
  run: (x, { axes, keepDims }) => x.logSumExp(axes, { keepDims }),
  exact: (x, { axes, keepDims }) => ops.logSumExp(x, axes, { keepDims }),
  bound: (x, { axes, keepDims }, u, ulps) => logSumExpBound(x, axes, u, ulps, { keepDims }),
};

/** Away from 0, where a length has no gradient. */
const nonzero = fc.oneof(between('float64', 0.5, 3), between('float64', -3, -0.5));
const normOf: Reduction = {
  run: (x, { axes, keepDims }) => x.norm(axes, { keepDims }),
  exact: (x, { axes, keepDims }) => ops.norm(x, axes, { keepDims }),
  bound: (x, { axes, keepDims }, u, ulps) => normBound(x, axes, u, ulps, { keepDims }),
};
const norm: OperationCase = {
  calls: reductionCase(normOf, 'smooth').calls,
  gradients: {
    calls: reductions(small).chain((drawn) =>
      realsOf(drawn.shape, nonzero).map((x) => reductionCall(normOf, drawn, x)),
    ),
    inputs: ['x'],
    smooth: true,
  },
};

const varianceCall = (drawn: Drawn, correction: number, x: Real): Call => {
  const options = { keepDims: drawn.keepDims, correction };
  return call({
    attrs: describeAxes(drawn, `, correction ${correction}`),
    inputs: { x },
    run: (_, { x }) => [x.variance(drawn.axes, options)],
    exact: ({ x }) => [ops.variance(x, drawn.axes, options)],
    bound: ({ x }, u, ulps) => [varianceBound(x, drawn.axes, u, ulps, options)],
  });
};

// Where as many elements are corrected for as there are, 0/0 is NaN: only for a sum of squares that is exactly 0.
const countAlong = ({ shape, axes }: Drawn): number =>
  (axes ?? shape.map((_, axis) => axis)).reduce((count, axis) => count * shape.at(axis)!, 1);
const varianceCalls = (drawn: fc.Arbitrary<Drawn>, x: (shape: number[]) => fc.Arbitrary<Real>) =>
  fc
    .tuple(drawn, fc.constantFrom(0, 1))
    .filter(([of, correction]) => countAlong(of) !== correction || countAlong(of) <= 1)
    .chain(([of, correction]) => x(of.shape).map((values) => varianceCall(of, correction, values)));
const variance: OperationCase = {
  calls: (dtype) => varianceCalls(reductions(), (shape) => reals(shape, dtype)),
  gradients: {
    calls: varianceCalls(reductions({ ...small, minSize: 2, minRank: 1 }), (shape) => realsOf(shape, anywhere)),
    inputs: ['x'],
    smooth: true,
  },
};

// Along one axis

const argmaxCall = (axis: number, x: Real | Int): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs: { x },
    run: (_, { x }) => [x.argmax(axis)],
    exact: ({ x }) => [ops.argmax(asReal(x), axis)],
  });
const argmax: OperationCase = {
  calls: (dtype) =>
    shapeAndAxis()
      .map(({ shape, axis }) => ({ axis, shape: shape.with(axis, Math.max(1, shape.at(axis)!)) }))
      .chain(({ shape, axis }) =>
        fc
          .oneof<fc.Arbitrary<Real | Int>[]>(realsOf(shape, halves()), reals(shape, dtype), ints(shape))
          .map((x) => argmaxCall(axis, x)),
      ),
};

const cumsumCall = (axis: number, x: Real): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs: { x },
    run: (_, { x }) => [x.cumsum(axis)],
    exact: ({ x }) => [ops.cumsum(x, axis)],
    bound: ({ x }, u) => [cumsumBound(x, axis, u)],
  });
const intCumsumCall = (axis: number, x: Int): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs: { x },
    run: (_, { x }) => [x.cumsum(axis)],
    exact: ({ x }) => [onInts((real) => ops.cumsum(real, axis))(x)],
  });
const cumsum: OperationCase = {
  calls: (dtype: FloatType) =>
    shapeAndAxis({ maxSize: 6, maxRank: 3 }).chain(({ shape, axis }) =>
      fc.oneof(
        { weight: 3, arbitrary: reals(shape, dtype).map((x) => cumsumCall(axis, x)) },
        { weight: 1, arbitrary: ints(shape).map((x) => intCumsumCall(axis, x)) },
      ),
    ),
  gradients: {
    calls: shapeAndAxis(small).chain(({ shape, axis }) => realsOf(shape, anywhere).map((x) => cumsumCall(axis, x))),
    inputs: ['x'],
    smooth: true,
  },
};

export const reductionCases = {
  sum: primitiveCase('sum', sum),
  max: primitiveCase('max', max),
  min: primitiveCase('min', min),
  mean: reductionCase(mean, 'smooth'),
  variance,
  logSumExp: reductionCase(logSumExp, 'smooth'),
  norm,
  argmax,
  cumsum,
};
