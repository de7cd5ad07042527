import { composites } from '../../src/ops/index.ts';
import { served } from '../kit/capabilities.ts';
import { holdsOnce } from '../kit/settings.ts';
import { forEachOperation, type Law, only, state } from './law.ts';

/**
 * A kernel that is declared also runs: of plain calls, contiguous and not empty, it serves one at least. Shapes that it
 * declines, with the reasons, are in the capability table; a kernel that declines everything is a claim and no kernel.
 */
export const kernelLaws: Law[] = only(
  forEachOperation(
    'declared kernels really run',
    async (operation, _, subject, settings) => {
      await holdsOnce(`declared kernels really run: ${operation}`, settings, async () => {
        const { native, composed, declined } = served(operation, subject.backend, subject.dtype, {
          seed: settings.seed,
        });
        const why = declined.length > 0 ? `: ${declined.join('; ')}` : '';
        state(native > 0, () => `the kernel of ${operation} served none of ${composed} plain calls${why}`);
      });
    },
    (_, operation) => operation in composites,
  ),
  ({ kernels }, _, { operation }) => (operation! in kernels ? null : `the backend declares no kernel for ${operation}`),
).map((law) => ({ ...law, optional: true }));
