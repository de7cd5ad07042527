import { afterAll, describe, it } from 'vitest';
import { gpujs, type Mode } from '../backends/gpujs/index.ts';
import { onModes } from './gpujs-modes.ts';
import { conformance, formatBounds } from './index.ts';
import { lawPattern, settingsFor } from './vitest-suite.ts';

/** The kit on gpu.js. headlessgl needs a display; webgl2 and webgpu need a browser (browser/). */

// Kernels are compiled for each class of shapes, so a draw costs many times what it does on the cpu backend; in WebAssembly
// a compilation takes longest. OMOE_RUNS multiplies.
const runs = (mode: Mode): number => (mode === 'webasm' ? 1 : 3);

await onModes(['webasm', 'cpu', 'headlessgl'], (mode) =>
  conformance({
    name: `gpujs, ${mode}`,
    create: () => gpujs({ mode }),
    ...{ describe, it, afterAll },
    ...settingsFor(`OMOE_GPUJS=${mode} property-tests/gpujs.test.ts`, runs(mode)),
    replay: (law, seed, path) =>
      `OMOE_GPUJS=${mode} OMOE_SEED=${seed} OMOE_PATH=${path} npx vitest run property-tests/gpujs.test.ts -t ${lawPattern(law)}`,
    report: ({ bounds }) => console.info(formatBounds(bounds)),
  }),
);
