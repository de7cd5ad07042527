import fc from 'fast-check';
import { contiguous } from '../arbitraries/layouts.ts';
import { hostileFloats } from '../arbitraries/values.ts';
import { array, toFlat } from '../../spec/array.ts';
import { holds } from '../kit/settings.ts';
import { type Call, type OperationCase } from '../operations/case.ts';
import { forEachOperation, type Law, mapInputs } from './law.ts';
import { requireDefinition } from './operations.ts';

/**
 * NaN, infinities, signed zeros and subnormal numbers. Two laws: an operation does with them what its definition does (an
 * infinity or NaN is met exactly), and the stated examples below, which say in words what that is.
 */

/** The call with about a third of its float elements replaced. */
const withHostileFloats = (of: OperationCase, dtype: 'float32' | 'float64'): fc.Arbitrary<Call> =>
  of.calls(dtype).chain((call) => {
    const replaced = Object.entries(call.inputs).map(([name, x]) =>
      x.data instanceof Float64Array
        ? fc
            .array(fc.option(hostileFloats(dtype), { freq: 2 }), { minLength: x.size, maxLength: x.size })
            .map((other) => [name, array(toFlat(x).map((value, i) => other[i] ?? value), x.shape)] as const)
        : fc.constant([name, x] as const),
    );
    return fc.tuple(...replaced).map((inputs) => ({ ...call, inputs: Object.fromEntries(inputs) }));
  });

export const hostileEqualsDefinition: Law[] = forEachOperation(
  'hostile floats, equals its definition',
  async (operation, of, subject, settings) => {
    for (const native of [true, false]) {
      const t = await subject.engine({ dtype: subject.dtype, native });
      const name = `hostile floats, equals its definition: ${operation}`;
      await holds(name, settings, withHostileFloats(of, subject.dtype), async (call) => {
        const inputs = mapInputs(call.inputs, (x) => contiguous(t, x));
        const what = native ? operation : `${operation}, composed`;
        await requireDefinition(what, call, t, inputs, call.run(t, inputs));
      });
    }
  },
);
