import { describe, it } from 'vitest';
import { gpujs, type Mode } from '../backends/gpujs/index.ts';

/**
 * Runs tests on modes of gpu.js. Modes that OMOE_GPUJS names were asked for: one that does not open is a failure. Of the modes
 * `otherwise`, one that does not open here is skipped with the reason that it gives.
 */
export async function onModes(otherwise: readonly Mode[], tests: (mode: Mode) => void): Promise<void> {
  const named = process.env.OMOE_GPUJS;
  for (const mode of named ? (named.split(',') as Mode[]) : otherwise) {
    const reason = await whyNot(mode);
    if (reason === null) tests(mode);
    else if (named)
      describe(`gpujs, ${mode}`, () => {
        it('opens, as OMOE_GPUJS names it', () => {
          throw reason;
        });
      });
    else describe.skip(`gpujs, ${mode}`, () => it(reason.message, () => {}));
  }
}

/** Null where a device of the mode opens. */
async function whyNot(mode: Mode): Promise<Error | null> {
  try {
    await (await gpujs({ mode })).dispose();
    return null;
  } catch (reason) {
    return reason instanceof Error ? reason : new Error(String(reason));
  }
}
