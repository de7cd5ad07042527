import type { Backend } from '../../src/backend.ts';
import type { Engine } from '../../src/engine.ts';
import { place } from '../arbitraries/layouts.ts';
import { holds, holdsOnce, withShare } from '../kit/settings.ts';
import { placed } from '../operations/case.ts';
import { refusals } from '../operations/errors.ts';
import { type OperationName, operationNames } from '../operations/index.ts';
import { makeOn, sourceOf, thrownBy } from './errors.ts';
import { gradientsOf } from './gradients.ts';
import { allData, forEachOperation, type Law, mapInputs, state } from './law.ts';

/**
 * No leaks: once a piece of work is freed with its region, as many buffers and bytes live as before it. What a backend makes
 * for itself on the way is its own to free. (Fewer may live: a garbage collector may have found older ones meanwhile.)
 */

/** Does the work in a region, and disposes it whatever happens. @throws Counterexample where something is left */
async function leavesNothing(t: Engine, what: () => string, work: (region: Engine) => Promise<unknown>): Promise<void> {
  const stats = (): ReturnType<Backend['stats']> => t.backend.stats();
  const before = stats();
  const region = t.region();
  try {
    await work(region);
  } finally {
    region.dispose();
  }
  const after = stats();
  state(
    after.buffers <= before.buffers && after.bytes <= before.bytes,
    () => `${what()} leaves ${after.buffers - before.buffers} buffers and ${after.bytes - before.bytes} bytes behind`,
  );
}

const callsLeaveNothing: Law[] = forEachOperation(
  'no leaks: buffers return to the baseline',
  async (operation, of, subject, settings) => {
    const t = subject.engine();
    const law = `no leaks: buffers return to the baseline: ${operation}`;
    await holds(law, withShare(settings, 0.25), placed(of.calls(subject.dtype)), async ({ call, layouts }) => {
      const what = (gradient: string) => () => `${operation}(${call.attrs})${gradient}`;
      await leavesNothing(t, what(''), async (region) => {
        const inputs = mapInputs(call.inputs, (x, name) => place(region, x, layouts[name]));
        await allData(call.run(region, inputs));
      });
      const { gradients } = of;
      if (!gradients) return;
      const at = gradients.inputs.filter((name) => call.inputs[name]?.data instanceof Float64Array);
      await leavesNothing(t, what(', with its gradient'), async (region) => {
        const inputs = mapInputs(call.inputs, (x, name) => place(region, x, layouts[name]));
        if (at.length > 0 && call.exact(call.inputs).some((y) => y.data instanceof Float64Array))
          await allData(Object.values(gradientsOf(region, call, at, inputs)));
      });
    });
  },
);

const refusedCallsLeaveNothing: Law[] = operationNames
  .filter((operation: OperationName) => refusals[operation].length > 0)
  .map((operation) => {
    const name = `no leaks: refused calls leave nothing behind: ${operation}`;
    return {
      name,
      operation,
      async hold(subject, settings) {
        const t = subject.engine();
        await holdsOnce(name, settings, async () => {
          for (const refusal of refusals[operation])
            await leavesNothing(
              t,
              () => `the refused call ${sourceOf(refusal)}`,
              (region) => thrownBy(refusal, makeOn(region)),
            );
        });
      },
    } satisfies Law;
  });

export const memoryLaws: readonly Law[] = [...callsLeaveNothing, ...refusedCallsLeaveNothing];
