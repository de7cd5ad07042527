import fc from 'fast-check';
import type { Int, Real } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import {
  activationGradientBound,
  crossEntropyGradientBound,
  layerNormGradientBound,
  softmaxGradientBound,
} from '../../spec/rounding/gradients.ts';
import { activationGradient as activationRecord } from '../../src/ops/activation.ts';
import {
  crossEntropyGradient as crossEntropyRecord,
  layerNormGradient as layerNormRecord,
  softmaxGradient as softmaxRecord,
} from '../../src/ops/normalize.ts';
import type { Tensor } from '../../src/tensor.ts';
import { shapeAndAxis, shapes, sizes } from '../arbitraries/shapes.ts';
import {
  awayFromZero,
  between,
  type FloatType,
  halves,
  ints,
  nearOne,
  type RealsOf,
  reals,
  realsIn,
  realsOf,
} from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';

/** What flows back through activations, softmax, layer norm and cross entropy. */

const small = { maxRank: 3, maxSize: 3 };

const activations = fc.constantFrom<ops.DifferentiableActivation[]>(
  'relu',
  'sigmoid',
  'silu',
  'softplus',
  'gelu',
  'geluTanh',
);

/** The same elements with all axes in the opposite order: twice it is the tensor itself, in another layout. */
const reversed = (x: Tensor): Tensor => x.permuteDims(x.shape.map((_, axis) => -1 - axis));

const activationCall = (activation: ops.DifferentiableActivation, inputs: { g: Real; z: Real }): Call =>
  call({
    attrs: activation,
    inputs,
    // y is act(z) as the backend has it, column-major
    run: (t, { g, z }) => t.run(activationRecord, [g, z, reversed(reversed(z)[activation]())], { activation }),
    exact: ({ g, z }) => [ops.activationGradient(activation, g, z)],
    bound: ({ g, z }, u, ulps) => [activationGradientBound(activation, g, z, u, ulps)],
    anyInfinity: true,
  });
const awayFromKink = awayFromZero(0.25);
const anywhere = fc.oneof(halves(), between('float64', -3, 3));
const activationGradient: OperationCase = {
  calls: (dtype) =>
    fc
      .tuple(activations, shapes())
      .chain(([activation, shape]) =>
        fc
          .record({ g: reals(shape, dtype), z: reals(shape, dtype) })
          .map((inputs) => activationCall(activation, inputs)),
      ),
  gradients: {
    calls: fc
      .tuple(activations, shapes(small))
      .chain(([activation, shape]) =>
        fc
          .record({ g: nearOne(shape), z: realsOf(shape, activation === 'relu' ? awayFromKink : anywhere) })
          .map((inputs) => activationCall(activation, inputs)),
      ),
    inputs: ['g', 'z'],
    smooth: true,
  },
};

const softmaxCall = (axis: number, inputs: { y: Real; g: Real }): Call =>
  call({
    attrs: `axis ${axis}`,
    inputs,
    run: (t, { y, g }) => t.run(softmaxRecord, [y, g], { axis: axis < 0 ? axis + y.rank : axis }),
    exact: ({ y, g }) => [ops.softmaxGradient(y, g, axis)],
    bound: ({ y, g }, u) => [softmaxGradientBound(y, g, axis, u)],
  });
const softmaxCalls = (values: RealsOf, range: Parameters<typeof shapeAndAxis>[0]) =>
  shapeAndAxis(range).chain(({ shape, axis }) =>
    fc.record({ y: values(shape), g: values(shape) }).map((inputs) => softmaxCall(axis, inputs)),
  );

const layerNormCall = (epsilon: number, inputs: { x: Real; weight: Real; g: Real }): Call =>
  call({
    attrs: `epsilon ${epsilon}`,
    inputs,
    run: (t, { x, weight, g }) => t.run(layerNormRecord, [x, weight, g], { epsilon }),
    exact: ({ x, weight, g }) => ops.layerNormGradient(x, weight, g, epsilon),
    bound: ({ x, weight, g }, u, ulps) => layerNormGradientBound(x, weight, g, epsilon, u, ulps),
    anyInfinity: true,
  });
const layerNormCalls = (values: RealsOf, range: Parameters<typeof shapes>[0], epsilons: readonly number[]) =>
  fc
    .tuple(shapes({ minRank: 1, ...range }), fc.constantFrom(...epsilons))
    .chain(([shape, epsilon]) =>
      fc
        .record({ x: values(shape), weight: values(shape.slice(-1)), g: values(shape) })
        .map((inputs) => layerNormCall(epsilon, inputs)),
    );

const crossEntropyCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  fc.tuple(sizes(0, maxSize), sizes(1, maxSize + 1)).chain(([rows, classes]) =>
    fc
      .record<{ logits: Real; labels: Int; g: Real }>({
        logits: values([rows, classes]),
        // one below and one above are no class
        labels: ints([rows], fc.integer({ min: -1, max: classes })),
        g: values([rows]),
      })
      .map((inputs) =>
        call({
          attrs: '',
          inputs,
          run: (t, { logits, labels, g }) => t.run(crossEntropyRecord, [logits, labels, g], {}),
          exact: ({ logits, labels, g }) => [ops.crossEntropyGradient(logits, labels, g)],
          bound: ({ logits, labels, g }, u, ulps) => [crossEntropyGradientBound(logits, labels, g, u, ulps)],
          anyInfinity: true,
        }),
      ),
  );

export const gradientCases = {
  activationGradient,
  softmaxGradient: {
    calls: (dtype: FloatType) => softmaxCalls(realsIn(dtype), {}),
    gradients: { calls: softmaxCalls(nearOne, small), inputs: ['y', 'g'], smooth: true },
  },
  layerNormGradient: {
    calls: (dtype: FloatType) => layerNormCalls(realsIn(dtype), {}, [1e-5, 1e-12, 1]),
    // ε near the variances, as for layerNorm itself
    gradients: { calls: layerNormCalls(nearOne, small, [0.5]), inputs: ['x', 'weight', 'g'], smooth: true },
  },
  crossEntropyGradient: {
    calls: (dtype: FloatType) => crossEntropyCalls(realsIn(dtype), 5),
    gradients: { calls: crossEntropyCalls(nearOne, 3), inputs: ['logits', 'g'], smooth: true },
  },
};
