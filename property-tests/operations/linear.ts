import fc from 'fast-check';
import { at, type Int, indices, type Real } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import { groupedLinearBound, linearBound } from '../../spec/rounding/contractions.ts';
import { activatedBound } from '../../spec/rounding/functions.ts';
import type { Ulps } from '../../spec/rounding/model.ts';
import * as records from '../../src/ops/linear.ts';
import { sizes } from '../arbitraries/shapes.ts';
import { nearOne, type RealsOf, realsIn } from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';
import { grouped } from './contractions.ts';

/** Product, bias and activation in one: for all rows, and by expert. */

const activations = fc.constantFrom<ops.ActivationName[]>('none', 'relu', 'gelu', 'geluTanh', 'silu');

/** [z], or [y, z] with what the activation makes of the error of z. */
const bounds = (activation: ops.ActivationName, z: Real, error: Real, u: number, ulps: Ulps): Real[] =>
  activation === 'none' ? [error] : [activatedBound(activation, z, error, u, ulps), error];

type LinearInputs = { x: Real; w: Real; b: Real };
const linearCall = (activation: ops.ActivationName, inputs: LinearInputs): Call =>
  call({
    attrs: activation,
    inputs,
    run: (t, { x, w, b }) => t.run(records.linear, [x, w, b], { activation }),
    exact: ({ x, w, b }) => ops.activated(ops.linear(x, w, b), activation),
    bound: ({ x, w, b }, u, ulps) => bounds(activation, ops.linear(x, w, b), linearBound(x, w, b, u), u, ulps),
  });
type GroupedInputs = LinearInputs & { offsets: Int };
const groupedLinearCall = (activation: ops.ActivationName, inputs: GroupedInputs): Call =>
  call({
    attrs: activation,
    inputs,
    run: (t, { x, w, b, offsets }) => t.run(records.groupedLinear, [x, w, b, offsets], { activation }),
    exact: ({ x, w, b, offsets }) => ops.activated(ops.groupedLinear(x, w, b, offsets), activation),
    bound: ({ x, w, b, offsets }, u, ulps) => {
      const z = ops.groupedLinear(x, w, b, offsets);
      return bounds(activation, z, groupedLinearBound(x, w, b, offsets, u), u, ulps);
    },
  });

/** No step of a difference, 1e-4 of the inputs at most, takes a z of the first `rows` rows across the kink of relu. */
const awayFromKink = (activation: ops.ActivationName, z: Real, rows: number): boolean =>
  activation !== 'relu' || [...indices(z.shape)].every((index) => index[0] >= rows || Math.abs(at(z, index)) > 0.01);

const linearInputs = (values: RealsOf, maxSize: number): fc.Arbitrary<LinearInputs> =>
  fc
    .tuple(sizes(0, maxSize), sizes(0, maxSize + 1), sizes(0, maxSize))
    .chain(([rows, input, output]) =>
      fc.record({ x: values([rows, input]), w: values([input, output]), b: values([output]) }),
    );
const linearCalls = (values: RealsOf, maxSize: number) =>
  fc.tuple(activations, linearInputs(values, maxSize)).map(([activation, inputs]) => linearCall(activation, inputs));
const linearDifferentiable = fc
  .tuple(activations, linearInputs(nearOne, 2))
  .filter(([activation, { x, w, b }]) => awayFromKink(activation, ops.linear(x, w, b), x.shape[0]))
  .map(([activation, inputs]) => linearCall(activation, inputs));

const groupedInputs = (values: RealsOf, maxSize: number): fc.Arbitrary<GroupedInputs> =>
  grouped(maxSize).chain(({ rows, experts, width: [input, output], offsets }) =>
    fc.record({
      x: values([rows, input]),
      w: values([experts, input, output]),
      b: values([experts, output]),
      offsets: fc.constant(offsets),
    }),
  );
const groupedLinearCalls = (values: RealsOf, maxSize: number) =>
  fc
    .tuple(activations, groupedInputs(values, maxSize))
    .map(([activation, inputs]) => groupedLinearCall(activation, inputs));
const groupedDifferentiable = fc
  .tuple(activations, groupedInputs(nearOne, 2))
  .filter(([activation, { x, w, b, offsets }]) =>
    awayFromKink(activation, ops.groupedLinear(x, w, b, offsets), at(offsets, [w.shape[0]])),
  )
  .map(([activation, inputs]) => groupedLinearCall(activation, inputs));

const linear: OperationCase = {
  calls: (dtype) => linearCalls(realsIn(dtype), 5),
  gradients: { calls: linearDifferentiable, inputs: ['x', 'w', 'b'], smooth: true },
};
const groupedLinear: OperationCase = {
  calls: (dtype) => groupedLinearCalls(realsIn(dtype), 5),
  gradients: { calls: groupedDifferentiable, inputs: ['x', 'w', 'b'], smooth: true },
};

export const linearCases = { linear, groupedLinear };
