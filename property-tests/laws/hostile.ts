import fc from 'fast-check';
import { array, toFlat } from '../../spec/array.ts';
import type { Engine } from '../../src/engine.ts';
import type { Tensor } from '../../src/tensor.ts';
import { contiguous } from '../arbitraries/layouts.ts';
import { hostileFloats } from '../arbitraries/values.ts';
import { worstElement } from '../kit/compare.ts';
import { holds, holdsOnce } from '../kit/settings.ts';
import type { Call, OperationCase } from '../operations/case.ts';
import { Counterexample, forEachOperation, type Law, mapInputs, only, promised } from './law.ts';
import { requireDefinition } from './operations.ts';

/**
 * NaN, infinities, signed zeros and subnormal numbers. Two laws: an operation does with them what its definition does (an
 * infinity or NaN is met exactly, or as one of the two where `Call.anyInfinity` says why), and the stated examples below, which say in words what that is.
 */

/** The call with about a third of its float elements replaced. */
const withHostileFloats = (of: OperationCase, dtype: 'float32' | 'float64'): fc.Arbitrary<Call> =>
  of.calls(dtype).chain((call) => {
    const replaced = Object.entries(call.inputs).map(([name, x]) =>
      x.data instanceof Float64Array
        ? fc.array(fc.option(hostileFloats(dtype), { freq: 2 }), { minLength: x.size, maxLength: x.size }).map(
            (other) =>
              [
                name,
                array(
                  toFlat(x).map((value, i) => other[i] ?? value),
                  x.shape,
                ),
              ] as const,
          )
        : fc.constant([name, x] as const),
    );
    return fc.tuple(...replaced).map((inputs) => ({ ...call, inputs: Object.fromEntries(inputs) }));
  });

export const hostileEqualsDefinition: Law[] = promised(
  forEachOperation('hostile floats, equals its definition', async (operation, of, subject, settings) => {
    for (const native of operation in subject.backend.kernels ? [true, false] : [true]) {
      const t = subject.engine({ native });
      const name = `hostile floats, equals its definition: ${operation}`;
      await holds(name, settings, withHostileFloats(of, subject.dtype), async (call) => {
        const inputs = mapInputs(call.inputs, (x) => contiguous(t, x));
        const what = native ? operation : `${operation}, composed`;
        await requireDefinition(what, call, t, inputs, call.run(t, inputs));
      });
    }
  }),
  'specialValues',
);

// In words: what the operations do with values that are no ordinary numbers.

const [nan, inf] = [Number.NaN, Infinity];
type Stated = readonly [statement: string, result: (row: Row, t: Engine) => Tensor, expected: readonly number[]];
/** A tensor of the working precision. */
type Row = (...values: number[]) => Tensor;

const statements: readonly Stated[] = [
  ['sum propagates NaN', (x) => x(1, nan, 2).sum(), [nan]],
  ['sum of both infinities is NaN', (x) => x(inf, -inf).sum(), [nan]],
  ['max propagates NaN', (x) => x(1, nan, inf).max(), [nan]],
  ['min propagates NaN', (x) => x(1, nan, -inf).min(), [nan]],
  ['max of nothing is −∞', (x) => x().max(), [-inf]],
  ['min of nothing is +∞', (x) => x().min(), [inf]],
  ['mean of nothing is NaN', (x) => x().mean(), [nan]],
  ['mean and variance propagate NaN', (x) => x(1, nan).variance().add(x(1, nan).mean()), [nan]],
  ['maximum of two propagates NaN', (x) => x(nan, 1, inf).maximum(x(1, nan, 2)), [nan, nan, inf]],
  ['minimum of two propagates NaN', (x) => x(nan, 1, -inf).minimum(x(1, nan, 2)), [nan, nan, -inf]],
  ['relu propagates NaN', (x) => x(nan, -inf, inf).relu(), [nan, 0, inf]],
  ['NaN equals nothing', (x) => x(nan, nan).equal(x(nan, 1)), [0, 0]],
  ['NaN differs from everything', (x) => x(nan, nan).notEqual(x(nan, 1)), [1, 1]],
  [
    'NaN is on no side',
    (x) =>
      x(nan, 1)
        .less(x(1, nan))
        .logicalOr(x(nan, 1).greaterEqual(x(1, nan))),
    [0, 0],
  ],
  ['0 equals −0', (x) => x(0).equal(x(-0)), [1]],
  ['where does not compute with what it drops', (x) => x(1, -1).greater(0).where(x(1, 2), x(nan, nan)), [1, nan]],
  ['NaN is the greatest to topK', (x) => x(1, inf, nan, nan).topK(3).indices, [2, 3, 1]],
  ['NaN is the greatest to sort', (x) => x(nan, inf, -inf, nan, 0).sort().order, [2, 4, 1, 0, 3]],
  ['NaN is the greatest to argmax', (x) => x(inf, nan, nan).argmax(), [1]],
  ['0 and −0 tie', (x) => x(-0, 0, -0).topK(3).indices, [0, 1, 2]],
  ['softmax of a row with +∞ is NaN', (x) => x(0, inf, 1).softmax(), [nan, nan, nan]],
  ['softmax of −∞ throughout is NaN', (x) => x(-inf, -inf).softmax(), [nan, nan]],
  ['softmax gives −∞ no share', (x) => x(-inf, 0, 0).softmax(), [0, 0.5, 0.5]],
  ['logSoftmax of a row with +∞ is NaN', (x) => x(0, inf).logSoftmax(), [nan, nan]],
  ['logSumExp of +∞ is +∞', (x) => x(0, inf).logSumExp(), [inf]],
  ['logSumExp of −∞ throughout is −∞', (x) => x(-inf, -inf).logSumExp(), [-inf]],
  ['exp underflows to 0 and overflows to +∞', (x) => x(-1e4, 1e4, -inf).exp(), [0, inf, 0]],
  ['log of 0 is −∞, below it NaN', (x) => x(0, -1).log(), [-inf, nan]],
  ['sqrt below 0 is NaN', (x) => x(-1, inf).sqrt(), [nan, inf]],
  ['1/0 is ∞ with the sign of 0', (x) => x(0, -0).reciprocal(), [inf, -inf]],
  ['sigmoid reaches 0 and 1', (x) => x(-inf, -1e4, 1e4, inf).sigmoid(), [0, 0, 1, 1]],
  ['tanh and erf reach ±1', (x) => x(-inf, inf).tanh().add(x(-inf, inf).erf()), [-2, 2]],
  ['softplus of large numbers is the number', (x) => x(1e4, -1e4, inf).softplus(), [1e4, 0, inf]],
  [
    '0 · ∞ in a product is NaN',
    (x) =>
      x(0, 1)
        .reshape([1, 2])
        .matmul(x(inf, 1).reshape([2, 1])),
    [nan],
  ],
  ['cumsum keeps NaN from there on', (x) => x(1, nan, 2).cumsum(), [1, nan, nan]],
  [
    'NaN to int32 is 0, to bool true',
    (x) =>
      x(nan, 1.9, -1.9)
        .astype('int32')
        .add(x(nan, 0, 1).astype('bool').astype('int32')),
    [1, 1, 0],
  ],
  [
    'rows of nobody stay out of groupedOuter',
    (x, t) =>
      x(1, nan)
        .reshape([2, 1])
        .groupedOuter(x(2, 1).reshape([2, 1]), t.tensor([0, 1], [2], 'int32')),
    [2],
  ],
];

/** Of ordinary numbers: asked of every backend. */
const ordinary: readonly Stated[] = [
  ['sum of nothing is 0', (x) => x().sum(), [0]],
  ['argmax takes the first of equals', (x) => x(0, 3, 3, 1).argmax(), [1]],
  ['softmax of large numbers does not overflow', (x) => x(1e30, 1e30, -1e30).softmax(), [0.5, 0.5, 0]],
  ['logSumExp of large numbers does not overflow', (x) => x(1e30, -1e30).logSumExp().equal(x(1e30).sum()), [1]],
  ['norm of large numbers does not overflow', (x) => x(1e30, 0).norm().less(x(2e30).sum()), [1]],
  ['norm of small numbers does not underflow', (x) => x(0, 1e-30).norm().greater(x(5e-31).sum()), [1]],
  ['sigmoid of large numbers is 0 or 1', (x) => x(-1e4, 1e4).sigmoid(), [0, 1]],
  ['tanh and erf of large numbers are ±1', (x) => x(-100, 1e4).tanh().add(x(-100, 1e4).erf()), [-2, 2]],
];

/** Of backends whose int32 is a whole one. */
const wrapping: readonly Stated[] = [
  ['whole numbers wrap', (_, t) => t.tensor([2 ** 31 - 1], [1], 'int32').add(1), [-(2 ** 31)]],
  ['products of whole numbers wrap', (_, t) => t.tensor([123_456_789], [1], 'int32').square(), [-1_757_895_751]],
];

const lawsOf = (topic: string, stated: readonly Stated[]): Law[] =>
  [true, false].flatMap((native) =>
    stated.map(([statement, result, expected]) => {
      const name = `${topic}${native ? '' : ', composed'}: ${statement}`;
      return {
        name,
        async hold(subject, settings) {
          const t = subject.engine({ native });
          const row: Row = (...values) => t.tensor(values, [values.length]);
          await holdsOnce(name, settings, async () => {
            const computed = await result(row, t).data();
            const { message } = worstElement(computed, array(expected), null);
            if (message || computed.length !== expected.length)
              throw new Counterexample(`${statement}: [${computed}], expected [${expected}]`);
          });
        },
      } satisfies Law;
    }),
  );

export const hostileStatements: readonly Law[] = promised(lawsOf('hostile floats', statements), 'specialValues');

export const plainStatements: readonly Law[] = [
  ...lawsOf('stated', ordinary),
  ...only(lawsOf('stated', wrapping), ({ limits }) =>
    limits.integer >= 2 ** 31 - 1 ? null : `whole numbers end at limits.integer = ${limits.integer}`,
  ),
];
