import { contiguous, place } from '../arbitraries/layouts.ts';
import { holds } from '../kit/settings.ts';
import { placed } from '../operations/case.ts';
import { forEachOperation, type Law, mapInputs } from './law.ts';
import { hostArrays, requireDefinition } from './operations.ts';

/**
 * Where a tensor lies does not matter: permuted, flipped, stepped and repeated views give what contiguous copies of the same
 * values give. Each of the two is within the bound of the definition, so they are within twice the bound of each other; what
 * has no bound is equal to the bit. The share of the bound is noted: 0 says that layouts change no bit at all.
 */
export const stridedEqualsContiguous: Law[] = forEachOperation(
  'strided equals contiguous',
  async (operation, of, subject, settings) => {
    const t = subject.engine();
    const law = `strided equals contiguous: ${operation}`;
    await holds(law, settings, placed(of.calls(subject.dtype)), async ({ call, layouts }) => {
      const strided = mapInputs(call.inputs, (x, name) => place(t, x, layouts[name]));
      const plain = mapInputs(call.inputs, (x) => contiguous(t, x));
      const other = await hostArrays(call.run(t, plain));
      const what = `${operation}, strided against contiguous`;
      const used = await requireDefinition(what, call, t, strided, call.run(t, strided), { other });
      settings.usage?.note('strided', operation, used);
    });
  },
);
