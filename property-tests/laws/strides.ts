import { contiguous, layoutsOf, nearlyContiguousLayoutsOf, place } from '../arbitraries/layouts.ts';
import { holds } from '../kit/settings.ts';
import { placed } from '../operations/case.ts';
import { forEachOperation, type Law, mapInputs } from './law.ts';
import { hostArrays, requireDefinition } from './operations.ts';

const layoutLaws = (name: string, layoutsFor: typeof layoutsOf): Law[] =>
  forEachOperation(name, async (operation, of, subject, settings) => {
    const t = subject.engine();
    const law = `${name}: ${operation}`;
    await holds(law, settings, placed(of.calls(subject.dtype), layoutsFor), async ({ call, layouts }) => {
      const strided = mapInputs(call.inputs, (x, input) => place(t, x, layouts[input]));
      const plain = mapInputs(call.inputs, (x) => contiguous(t, x));
      const other = await hostArrays(call.run(t, plain));
      const what = `${operation}, strided against contiguous`;
      const used = await requireDefinition(what, call, t, strided, call.run(t, strided), { other });
      settings.usage?.note('strided', operation, used);
    });
  });

/**
 * Where a tensor lies does not matter: permuted, flipped, stepped and repeated views give what contiguous copies of the same
 * values give. Each of the two is within the bound of the definition, so they are within twice the bound of each other; what
 * has no bound is equal to the bit. The share of the bound is noted: 0 says that layouts change no bit at all.
 *
 * Views with one repeated axis and nothing else unusual are drawn by themselves: kernels have short ways for what looks
 * contiguous, and any layout is rarely so near to it.
 */
export const stridedEqualsContiguous: Law[] = [
  ...layoutLaws('strided equals contiguous', layoutsOf),
  ...layoutLaws('repeated equals contiguous', nearlyContiguousLayoutsOf),
];
