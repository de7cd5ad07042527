import { contiguous, place } from '../arbitraries/layouts.ts';
import { describeInputs, firstDifference } from '../kit/compare.ts';
import { holds } from '../kit/settings.ts';
import { placed } from '../operations/case.ts';
import { allData, Counterexample, forEachOperation, type Law, mapInputs } from './law.ts';

/**
 * Where a tensor lies does not matter: permuted, flipped, stepped and repeated views give bit for bit what contiguous copies
 * of the same values give. (The contract asks a backend only for the bound; all of ours keep the bits.)
 */
export const stridedEqualsContiguous: Law[] = forEachOperation(
  'strided equals contiguous, bit for bit',
  async (operation, of, subject, settings) => {
    const t = await subject.engine({ dtype: subject.dtype });
    const law = `strided equals contiguous, bit for bit: ${operation}`;
    await holds(law, settings, placed(of.calls(subject.dtype)), async ({ call, layouts }) => {
      const strided = mapInputs(call.inputs, (x, name) => place(t, x, layouts[name]));
      const plain = mapInputs(call.inputs, (x) => contiguous(t, x));
      const [left, right] = [call.run(t, strided), call.run(t, plain)];
      const [leftData, rightData] = [await allData(left), await allData(right)];
      for (let i = 0; i < left.length; i++) {
        const difference = firstDifference(leftData[i], rightData[i], left[i].shape);
        if (difference)
          throw new Counterexample(
            `${operation}(${call.attrs}), strided against contiguous: ${difference}\n${await describeInputs(strided)}`,
          );
      }
    });
  },
);
