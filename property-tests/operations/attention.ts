import fc from 'fast-check';
import { type Bool, boolArray, fromFunctionLike, type Real } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import { attentionBound, attentionGradientBound } from '../../spec/rounding/attention.ts';
import * as records from '../../src/ops/attention.ts';
import { sizes } from '../arbitraries/shapes.ts';
import {
  between,
  bools,
  type FloatType,
  moderate,
  nearOne,
  type RealsOf,
  reals,
  realsOf,
} from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';

/** Attention, with padding anywhere and sentences of padding only; and what flows back through it. */

/** [batch, head, position, dim], mostly not empty; without a coordinate there is nothing to attend by. */
const heads = (maxSize: number) => {
  const of = (min: number) => fc.tuple(sizes(min, 2), sizes(min, 2), sizes(min, maxSize), sizes(1, maxSize));
  return fc.oneof({ weight: 4, arbitrary: of(1) }, { weight: 1, arbitrary: of(0) });
};
/** Mostly real, so that there is something to share. */
const masks = (shape: readonly number[]) =>
  fc.oneof(bools(shape), fc.constant(fromFunctionLike(boolArray([]), shape, () => 1)));

interface Values {
  readonly q: RealsOf;
  readonly k: RealsOf;
  readonly v: RealsOf;
}
/** Scores around 1, where weights are shares, and of any size, where only a shift keeps exponentials finite. */
const forward = (dtype: FloatType): fc.Arbitrary<Values> => {
  const [near, any]: RealsOf[] = [(shape) => realsOf(shape, moderate(dtype)), (shape) => reals(shape, dtype)];
  return fc.constantFrom({ q: near, k: near, v: any }, { q: any, k: near, v: near });
};
const nearZero: RealsOf = (shape) => realsOf(shape, between('float64', -2, 2));

type AttentionInputs = { q: Real; k: Real; v: Real; mask: Bool };
const attentionCalls = (values: fc.Arbitrary<Values>, maxSize: number): fc.Arbitrary<Call> =>
  fc.tuple(values, heads(maxSize)).chain(([{ q, k, v }, shape]) =>
    fc
      .record<AttentionInputs>({ q: q(shape), k: k(shape), v: v(shape), mask: masks([shape[0], shape[2]]) })
      .map((inputs) =>
        call({
          attrs: '',
          inputs,
          run: (t, { q: queries, k: keys, v: of, mask }) => t.run(records.attention, [queries, keys, of, mask], {}),
          exact: ({ q: queries, k: keys, v: of, mask }) => [
            ops.attention(queries, keys, of, mask),
            ops.attentionWeights(queries, keys, mask),
          ],
          bound: ({ q: queries, k: keys, v: of, mask }, u, ulps) => attentionBound(queries, keys, of, mask, u, ulps),
          anyInfinity: true,
        }),
      ),
  );

type GradientInputs = { weights: Real; q: Real; k: Real; v: Real; gy: Real; gweights?: Real };
const gradientCall = (inputs: GradientInputs): Call =>
  call({
    attrs: inputs.gweights ? 'with the gradient of the weights' : '',
    inputs: inputs as Readonly<Record<string, Real>>,
    run: (t, { weights, q, k, v, gy, gweights }) =>
      t.run(records.attentionGradient, [weights, q, k, v, gy, ...(gweights ? [gweights] : [])], {}),
    exact: ({ weights, q, k, v, gy, gweights }) => ops.attentionGradient(weights, q, k, v, gy, gweights),
    bound: ({ weights, q, k, v, gy, gweights }, u, ulps) =>
      attentionGradientBound(weights, q, k, v, gy, gweights, u, ulps),
    anyInfinity: true,
  });
const gradientCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  fc.tuple(heads(maxSize), fc.boolean()).chain(([shape, both]) => {
    const square = values([...shape.slice(0, 3), shape[2]]);
    const [q, k, v, gy] = [values(shape), values(shape), values(shape), values(shape)];
    return fc
      .record<GradientInputs>({ weights: square, q, k, v, gy, ...(both ? { gweights: square } : {}) })
      .map(gradientCall);
  });

const attention: OperationCase = {
  calls: (dtype) => attentionCalls(forward(dtype), 4),
  gradients: {
    calls: attentionCalls(fc.constant({ q: nearZero, k: nearZero, v: nearOne }), 3),
    inputs: ['q', 'k', 'v'],
    smooth: true,
  },
};
const attentionGradient: OperationCase = {
  calls: (dtype) => gradientCalls((shape) => reals(shape, dtype), 4),
  gradients: {
    calls: gradientCalls(nearOne, 2),
    inputs: ['weights', 'q', 'k', 'v', 'gy', 'gweights'],
    smooth: true,
  },
};

export const attentionCases = { attention, attentionGradient };
