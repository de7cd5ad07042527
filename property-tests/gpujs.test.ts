import { afterAll, describe, it } from 'vitest';
import { gpujs, type Mode } from '../backends/gpujs/index.ts';
import { conformance, formatBounds } from './index.ts';
import { lawPattern, settingsFor } from './vitest-suite.ts';

/**
 * The kit on gpu.js, in the modes of OMOE_GPUJS (`webasm,cpu,headlessgl` by default). A mode that is not to be had here is
 * skipped with the reason that it gives; headlessgl needs a display, webgl2 and webgpu a browser.
 */
const modes = (process.env.OMOE_GPUJS ?? 'webasm,cpu,headlessgl').split(',') as Mode[];

// Kernels are compiled for each class of shapes, so a draw costs many times what it does on the cpu backend; in WebAssembly
// a compilation takes longest. OMOE_RUNS multiplies.
const runs = (mode: Mode): number => (mode === 'webasm' ? 1 : 3);

/** Null where a device of the mode opens, else why it does not. */
async function unavailable(mode: Mode): Promise<string | null> {
  try {
    await (await gpujs({ mode })).dispose();
    return null;
  } catch (reason) {
    return reason instanceof Error ? reason.message : String(reason);
  }
}

for (const mode of modes) {
  const reason = await unavailable(mode);
  if (reason) describe.skip(`gpujs, ${mode}`, () => it(reason, () => {}));
  else
    conformance({
      name: `gpujs, ${mode}`,
      create: () => gpujs({ mode }),
      ...{ describe, it, afterAll },
      ...settingsFor(`OMOE_GPUJS=${mode} property-tests/gpujs.test.ts`, runs(mode)),
      replay: (law, seed, path) =>
        `OMOE_GPUJS=${mode} OMOE_SEED=${seed} OMOE_PATH=${path} npx vitest run property-tests/gpujs.test.ts -t ${lawPattern(law)}`,
      report: ({ bounds }) => console.info(formatBounds(bounds)),
    });
}
