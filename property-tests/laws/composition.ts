import { type Any, array, boolArray, intArray } from '../../spec/array.ts';
import type { HostArray } from '../../src/backend.ts';
import { composites } from '../../src/ops/index.ts';
import { place } from '../arbitraries/layouts.ts';
import { holds } from '../kit/settings.ts';
import { placed } from '../operations/case.ts';
import { forEachOperation, type Law, mapInputs } from './law.ts';
import { requireDefinition } from './operations.ts';

/**
 * A composite computes what its composition of simpler operations computes: each is within the bound of the definition, so
 * they are within twice the bound of each other. Backends without the kernel run the composition; it is held here for all.
 */

const toSpec = (data: HostArray, shape: readonly number[]): Any =>
  data instanceof Int32Array
    ? intArray(data, shape)
    : data instanceof Uint8Array
      ? boolArray(data, shape)
      : array(data, shape);

export const composedEqualsNative: Law[] = forEachOperation(
  'composition equals kernel and definition',
  async (operation, of, subject, settings) => {
    const native = await subject.engine({ dtype: subject.dtype });
    const composed = await subject.engine({ dtype: subject.dtype, native: false });
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
      const own = await Promise.all(kernel.map(async (x) => toSpec(await x.data(), x.shape)));
      const against = { ...call, exact: () => own };
      await requireDefinition(`${operation}, composed against its kernel`, against, composed, inputs, outputs, 2);
    });
  },
).filter(({ operation }) => operation && operation in composites);
