import fc from 'fast-check';
import type { Int, Real } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import {
  crossEntropyBound,
  layerNormBound,
  logSoftmaxBound,
  softmaxBound,
} from '../../spec/rounding/normalisations.ts';
import { shapeAndAxis, shapes, sizes } from '../arbitraries/shapes.ts';
import { between, type FloatType, halves, ints, type RealsOf, reals, realsIn, realsOf } from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';

/** Softmax and its logarithm, layer norm, cross entropy. */

const nearZero: RealsOf = (shape) => realsOf(shape, fc.oneof(halves(), between('float64', -3, 3)));
const small = { maxRank: 3, maxSize: 3 };

const softmaxCall = (axis: number, x: Real): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs: { x },
    run: (_, { x }) => [x.softmax(axis)],
    exact: ({ x }) => [ops.softmax(x, axis)],
    bound: ({ x }, u, ulps) => [softmaxBound(x, axis, u, ulps)],
  });
const logSoftmaxCall = (axis: number, x: Real): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs: { x },
    run: (_, { x }) => [x.logSoftmax(axis)],
    exact: ({ x }) => [ops.logSoftmax(x, axis)],
    bound: ({ x }, u, ulps) => [logSoftmaxBound(x, axis, u, ulps)],
  });
const alongAxis = (of: (axis: number, x: Real) => Call): OperationCase => ({
  calls: (dtype) => shapeAndAxis().chain(({ shape, axis }) => reals(shape, dtype).map((x) => of(axis, x))),
  gradients: {
    calls: shapeAndAxis(small).chain(({ shape, axis }) => nearZero(shape).map((x) => of(axis, x))),
    inputs: ['x'],
    smooth: true,
  },
});

const layerNormCall = (epsilon: number, inputs: { x: Real; weight: Real; bias: Real }): Call =>
  call({
    attrs: `epsilon ${epsilon}`,
    inputs,
    run: (_, { x, weight, bias }) => [x.layerNorm(weight, bias, epsilon)],
    exact: ({ x, weight, bias }) => [ops.layerNorm(x, weight, bias, epsilon)],
    bound: ({ x, weight, bias }, u, ulps) => [layerNormBound(x, weight, bias, epsilon, u, ulps)],
  });
const layerNormCalls = (values: RealsOf, range: Parameters<typeof shapes>[0], epsilons: readonly number[]) =>
  fc
    .tuple(shapes({ minRank: 1, ...range }), fc.constantFrom(...epsilons))
    .chain(([shape, epsilon]) =>
      fc
        .record({ x: values(shape), weight: values(shape.slice(-1)), bias: values(shape.slice(-1)) })
        .map((inputs) => layerNormCall(epsilon, inputs)),
    );

const crossEntropyCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  fc.tuple(sizes(0, maxSize), sizes(1, maxSize + 1)).chain(([rows, classes]) =>
    fc
      .record<{ logits: Real; labels: Int }>({
        logits: values([rows, classes]),
        labels: ints([rows], fc.nat(classes - 1)),
      })
      .map((inputs) =>
        call({
          attrs: '',
          inputs,
          run: (_, { logits, labels }) => [logits.crossEntropy(labels)],
          exact: ({ logits, labels }) => [ops.crossEntropy(logits, labels)],
          bound: ({ logits, labels }, u, ulps) => [crossEntropyBound(logits, labels, u, ulps)],
        }),
      ),
  );

export const normalisations = {
  softmax: alongAxis(softmaxCall),
  logSoftmax: alongAxis(logSoftmaxCall),
  layerNorm: {
    calls: (dtype: FloatType) => layerNormCalls(realsIn(dtype), {}, [1e-5, 1e-12, 1]),
    // ε near the variances: a lane that is almost constant would curve more than a central difference can follow
    gradients: { calls: layerNormCalls(nearZero, small, [0.5]), inputs: ['x', 'weight', 'bias'], smooth: true },
  },
  crossEntropy: {
    calls: (dtype: FloatType) => crossEntropyCalls(realsIn(dtype), 5),
    gradients: { calls: crossEntropyCalls(nearZero, 3), inputs: ['logits'], smooth: true },
  },
};
