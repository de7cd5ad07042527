import { describe, it } from 'vitest';
import { cpu } from '../backends/cpu/index.ts';
import type { Backend, DType, HostArray } from '../src/backend.ts';
import { Engine } from '../src/engine.ts';
import { sameShape } from '../src/shape.ts';
import { holds } from './kit/settings.ts';
import { state } from './laws/law.ts';
import { drawnLayout, dtypeOf, hostOf, stridedNdarray } from './laws/storage.ts';

/** Laws of the engine alone, whatever the backend. */

/** The cpu backend, with a look at what is uploaded. */
function watched(uploads: HostArray[]): Backend {
  const backend = cpu();
  const upload = (data: HostArray, dtype: DType) => {
    uploads.push(data);
    return backend.upload(data, dtype);
  };
  return { ...backend, upload } as unknown as Backend;
}

describe('arrays of the wanted dtype are taken over, not copied', () => {
  for (const dtype of ['float32', 'float64'] as const)
    it(dtype, async () => {
      const uploads: HostArray[] = [];
      const t = new Engine(watched(uploads), { dtype });
      await holds('taken over', { runs: 20, seed: 1 }, drawnLayout(dtype), async ({ values, layout }) => {
        uploads.length = 0;
        const host = hostOf(values, dtype);
        t.tensor(host, values.shape, dtypeOf(values, dtype));
        const array = stridedNdarray(values, layout, dtype);
        const { view } = t.tensor(array);
        state(uploads[0] === host, () => 'a typed array was copied before upload');
        state(uploads[1] === array.data, () => 'an ndarray was copied before upload');
        state(
          sameShape(view!.strides, array.stride) && view!.offset === array.offset,
          () => `an ndarray with strides ${array.stride} became a view with strides ${view!.strides}`,
        );
      });
    });
});
