import { type Any, array, toFlat } from '../../spec/array.ts';
import { tolerance, UNIT_ROUNDOFF } from '../../spec/rounding/model.ts';
import type { Engine } from '../../src/engine.ts';
import type { Tensor } from '../../src/tensor.ts';
import { contiguous, place } from '../arbitraries/layouts.ts';
import type { FloatType } from '../arbitraries/values.ts';
import { describeInputs, firstDifference, specMismatch, worstElement } from '../kit/compare.ts';
import { holds } from '../kit/settings.ts';
import { type Call, placed } from '../operations/case.ts';
import { castBetweenFloats } from '../operations/elementwise.ts';
import { allData, Counterexample, forEachOperation, type Law, mapInputs } from './law.ts';

/** Law 10: an operation computes what spec/ defines, within a bound derived from it, on views of any layout. */

/** What is beyond the largest number of the precision, by half a unit in its last place or more, is an infinity there. */
const inRange = (y: Any, floats: FloatType): Any =>
  floats === 'float32' && y.data instanceof Float64Array
    ? array(
        toFlat(y).map((value) => (Number.isFinite(Math.fround(value)) ? value : Math.fround(value))),
        y.shape,
      )
    : y;

/**
 * Holds the outputs of a call to its definition. @returns max(error/bound)
 * @throws Counterexample with operation, inputs, worst element, both values and the bound
 */
export async function requireDefinition(
  operation: string,
  of: Call,
  t: Engine,
  inputs: Readonly<Record<string, Tensor>>,
  outputs: readonly Tensor[],
  times = 1,
): Promise<number> {
  const exact = of.exact(of.inputs).map((y) => inRange(y, of.floats ?? t.dtype));
  const { ulps } = t.backend;
  const counts = of.bound?.(of.inputs, UNIT_ROUNDOFF[t.dtype], ulps) ?? [];
  let used = 0;
  for (let i = 0; i < exact.length; i++) {
    const bound = counts[i]
      ? tolerance((u, units) => of.bound!(of.inputs, u, units)[i]!, UNIT_ROUNDOFF[t.dtype], ulps)
      : null;
    if (bound) for (let at = 0; at < bound.data.length; at++) bound.data[at] *= times;
    const wrongSpec = specMismatch(outputs[i], exact[i], of.floats ?? t.dtype);
    const { ratio, message } = wrongSpec
      ? { ratio: 0, message: wrongSpec }
      : worstElement(await outputs[i].data(), exact[i], bound);
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
    const t = await subject.engine({ dtype: subject.dtype });
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

/** The same call on the same tensors gives the same bits, and leaves its inputs as they were. */
export const repeats: Law[] = forEachOperation(
  'repeats bit for bit, inputs untouched',
  async (operation, of, subject, settings) => {
    const t = await subject.engine({ dtype: subject.dtype });
    const law = `repeats bit for bit, inputs untouched: ${operation}`;
    await holds(law, settings, placed(of.calls(subject.dtype)), async ({ call, layouts }) => {
      const inputs = mapInputs(call.inputs, (x, name) => place(t, x, layouts[name]));
      const before = await allData(Object.values(inputs));
      const first = call.run(t, inputs);
      const data = await allData(first);
      const again = await allData(call.run(t, inputs));
      const after = await allData(Object.values(inputs));
      const differences = [
        ...data.map((x, i) => firstDifference(again[i], x, first[i].shape)),
        ...before.map((x, i) => firstDifference(after[i], x, Object.values(inputs)[i].shape)),
      ].filter((difference) => difference !== null);
      if (differences.length > 0)
        throw new Counterexample(`${operation}(${call.attrs}): ${differences[0]}\n${await describeInputs(inputs)}`);
    });
  },
);

/** Where the backend holds both precisions: a cast to the other one rounds once. */
export const castsBetweenFloats: Law = {
  name: 'law 10, equals its definition: cast between float32 and float64',
  operation: 'cast',
  async hold(subject, settings) {
    const t = await subject.engine({ dtype: subject.dtype });
    const other: FloatType = subject.dtype === 'float32' ? 'float64' : 'float32';
    if (!t.backend.dtypes.includes(other)) return;
    await holds(this.name, settings, castBetweenFloats(subject.dtype), async (call) => {
      const inputs = mapInputs(call.inputs, (x) => contiguous(t, x));
      await requireDefinition('cast', call, t, inputs, call.run(t, inputs));
    });
  },
};
