import { type Any, array, boolArray, intArray, toFlat } from '../../spec/array.ts';
import { tolerance, UNIT_ROUNDOFF } from '../../spec/rounding/model.ts';
import type { Engine } from '../../src/engine.ts';
import type { Tensor } from '../../src/tensor.ts';
import { contiguous, place } from '../arbitraries/layouts.ts';
import type { FloatType } from '../arbitraries/values.ts';
import { describeInputs, firstDifference, specMismatch, worstElement } from '../kit/compare.ts';
import { holds } from '../kit/settings.ts';
import { type Call, placed } from '../operations/case.ts';
import { castBetweenFloats } from '../operations/elementwise.ts';
import { allData, Counterexample, forEachOperation, type Law, mapInputs, promised, state } from './law.ts';

/** Law 10: an operation computes what spec/ defines, within a bound derived from it, on views of any layout. */

/** What is beyond the largest number of the precision, by half a unit in its last place or more, is an infinity there. */
const inRange = (y: Any, floats: FloatType): Any =>
  floats === 'float32' && y.data instanceof Float64Array
    ? array(
        toFlat(y).map((value) => (Number.isFinite(Math.fround(value)) ? value : Math.fround(value))),
        y.shape,
      )
    : y;

/** Computed tensors as arrays of the specification. */
export const hostArrays = (tensors: readonly Tensor[]): Promise<Any[]> =>
  Promise.all(
    tensors.map(async (x) => {
      const data = await x.data();
      if (data instanceof Int32Array) return intArray(data, x.shape);
      return data instanceof Uint8Array ? boolArray(data, x.shape) : array(data, x.shape);
    }),
  );

/** The computed elements; where both are infinite or NaN, the exact one. */
const whicheverInfinity = (computed: ArrayLike<number>, exact: Any): number[] =>
  toFlat(exact).map((value, i) => (Number.isFinite(value) || Number.isFinite(computed[i]) ? computed[i] : value));

interface Against {
  /** Other outputs of the same call, to compare with instead of the definition: twice the bound away at most. */
  readonly other?: readonly Any[];
}

/**
 * Holds the outputs of a call to its definition. Where the backend does not promise `specialValues`, elements whose exact
 * value is an infinity or NaN are left out.
 * @returns max(error/bound)
 * @throws Counterexample with operation, inputs, worst element, both values and the bound
 */
export async function requireDefinition(
  operation: string,
  of: Call,
  t: Engine,
  inputs: Readonly<Record<string, Tensor>>,
  outputs: readonly Tensor[],
  { other }: Against = {},
): Promise<number> {
  const floats = of.floats ?? t.dtype;
  const { ulps, promises } = t.backend;
  const u = UNIT_ROUNDOFF[t.dtype];
  const exact = of.exact(of.inputs).map((y) => inRange(y, floats));
  const counts = of.bound?.(of.inputs, u, ulps) ?? [];
  let used = 0;
  for (let i = 0; i < exact.length; i++) {
    const bound = counts[i] ? tolerance((v, units) => of.bound!(of.inputs, v, units)[i]!, u, ulps) : null;
    if (bound && other) for (let at = 0; at < bound.data.length; at++) bound.data[at] *= 2;
    const wrongSpec = specMismatch(outputs[i], exact[i], floats);
    const data = await outputs[i].data();
    const { ratio, message } = wrongSpec
      ? { ratio: 0, message: wrongSpec }
      : worstElement(of.anyInfinity ? whicheverInfinity(data, exact[i]) : data, other?.[i] ?? exact[i], bound, {
          among: promises.specialValues ? undefined : exact[i],
        });
    if (message) {
      const output = exact.length > 1 ? `, output ${i}` : '';
      throw new Counterexample(`${operation}(${of.attrs})${output}: ${message}\n${await describeInputs(inputs)}`);
    }
    used = Math.max(used, ratio);
  }
  return used;
}

export const equalsDefinition: Law[] = forEachOperation(
  'law 10, equals its definition',
  async (operation, of, subject, settings) => {
    const t = subject.engine();
    await holds(
      `law 10, equals its definition: ${operation}`,
      settings,
      placed(of.calls(subject.dtype)),
      async (drawn) => {
        const inputs = mapInputs(drawn.call.inputs, (x, name) => place(t, x, drawn.layouts[name]));
        const outputs = drawn.call.run(t, inputs);
        const used = await requireDefinition(operation, drawn.call, t, inputs, outputs);
        settings.usage?.note('definition', operation, used);
      },
    );
  },
);

/** Kernels read their inputs and write to fresh buffers only. */
export const inputsUntouched: Law[] = forEachOperation(
  'inputs are never written to',
  async (operation, of, subject, settings) => {
    const t = subject.engine();
    const law = `inputs are never written to: ${operation}`;
    await holds(law, settings, placed(of.calls(subject.dtype)), async ({ call, layouts }) => {
      const inputs = mapInputs(call.inputs, (x, name) => place(t, x, layouts[name]));
      const before = await allData(Object.values(inputs));
      await allData(call.run(t, inputs));
      const after = await allData(Object.values(inputs));
      before.forEach((x, i) => {
        const [name, input] = Object.entries(inputs)[i];
        const difference = firstDifference(after[i], x, input.shape);
        state(difference === null, () => `${operation}(${call.attrs}) changed its input ${name}: ${difference}`);
      });
    });
  },
);

/** The same call on the same tensors gives the same bits. */
export const repeats: Law[] = promised(
  forEachOperation('repeats bit for bit', async (operation, of, subject, settings) => {
    const t = subject.engine();
    await holds(
      `repeats bit for bit: ${operation}`,
      settings,
      placed(of.calls(subject.dtype)),
      async ({ call, layouts }) => {
        const inputs = mapInputs(call.inputs, (x, name) => place(t, x, layouts[name]));
        const first = call.run(t, inputs);
        const data = await allData(first);
        const again = await allData(call.run(t, inputs));
        const [difference] = data.map((x, i) => firstDifference(again[i], x, first[i].shape)).filter((d) => d !== null);
        if (difference)
          throw new Counterexample(`${operation}(${call.attrs}): ${difference}\n${await describeInputs(inputs)}`);
      },
    );
  }),
  'repeatable',
);

/** Where the backend holds both precisions: a cast to the other one rounds once. */
export const castsBetweenFloats: Law = {
  name: 'law 10, equals its definition: cast between float32 and float64',
  operation: 'cast',
  notFor: ({ dtypes }) =>
    dtypes.includes('float32') && dtypes.includes('float64') ? null : 'the backend holds one float dtype only',
  async hold(subject, settings) {
    const t = subject.engine();
    await holds(this.name, settings, castBetweenFloats(subject.dtype), async (call) => {
      const inputs = mapInputs(call.inputs, (x) => contiguous(t, x));
      await requireDefinition('cast', call, t, inputs, call.run(t, inputs));
    });
  },
};
