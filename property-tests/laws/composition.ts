import { composites } from '../../src/ops/index.ts';
import { place } from '../arbitraries/layouts.ts';
import { holds } from '../kit/settings.ts';
import { placed } from '../operations/case.ts';
import { forEachOperation, type Law, mapInputs, only } from './law.ts';
import { hostArrays, requireDefinition } from './operations.ts';

/**
 * A composite computes what its composition of simpler operations computes: each is within the bound of the definition, so
 * they are within twice the bound of each other. Where a backend has no kernel, law 10 has run the composition already.
 */
export const composedEqualsNative: Law[] = only(
  forEachOperation(
    'composition equals kernel and definition',
    async (operation, of, subject, settings) => {
      const native = subject.engine();
      const composed = subject.engine({ native: false });
      const law = `composition equals kernel and definition: ${operation}`;
      await holds(law, settings, placed(of.calls(subject.dtype)), async ({ call, layouts }) => {
        const inputs = mapInputs(call.inputs, (x, name) => place(composed, x, layouts[name]));
        const outputs = call.run(composed, inputs);
        const used = await requireDefinition(`${operation}, composed`, call, composed, inputs, outputs);
        settings.usage?.note('composition', operation, used);

        const kernel = call.run(
          native,
          mapInputs(call.inputs, (x, name) => place(native, x, layouts[name])),
        );
        const what = `${operation}, composed against its kernel`;
        await requireDefinition(what, call, composed, inputs, outputs, { other: await hostArrays(kernel) });
      });
    },
    (_, operation) => operation in composites,
  ),
  ({ kernels }, _, { operation }) =>
    operation! in kernels ? null : `the backend has no kernel for ${operation}; law 10 speaks of the composition`,
).map((law) => ({ ...law, optional: true }));
