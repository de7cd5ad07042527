import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { gpujs } from '../backends/gpujs/index.ts';
import { engine } from '../src/engine.ts';
import { training } from './browser/pages/training.ts';
import { onModes } from './gpujs-modes.ts';

/**
 * A long training in Node holds as much at its end as after its first quarter: buffers and bytes by the backend's count, and
 * the memory of the process, where the textures of a GL driver are. OMOE_GPUJS names the modes, OMOE_STEPS the steps.
 */
const cycle = 3; // of the trainer: samples lie whole cycles apart, as each phase holds other tensors
const steps = cycle * Math.ceil(Number(process.env.OMOE_STEPS ?? 60) / cycle);
const quarter = cycle * Math.ceil(steps / 4 / cycle);

/** Its smallest activation is [48, 12] floats; headless GL spends 16 bytes on each. A step makes some hundred such results. */
const smallestResult = 48 * 12 * 16;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const resident = () => {
  collectGarbage();
  return process.memoryUsage().rss;
};

await onModes(['webasm'], (mode) =>
  describe(`gpujs, ${mode}`, () => {
    it(`holds no more after ${steps} steps than after ${quarter}`, {
      timeout: 60_000 + 500 * steps,
    }, async () => {
      const backend = await gpujs({ mode });
      const learner = training(engine(backend));
      const run = async (from: number, to: number) => {
        for (let step = from; step < to; step++) await learner.step(false);
        return { ...backend.stats(), resident: resident() };
      };
      const early = await run(0, quarter);
      const late = await run(quarter, steps);
      expect([late.buffers, late.bytes]).toEqual([early.buffers, early.bytes]);
      const growth = late.resident - early.resident;
      console.info(`${mode}: ${(growth / 2 ** 20).toFixed(1)} MiB more in the process after ${steps - quarter} steps`);
      // Four results a step would be a leak; less cannot be told from what else a process does. Short runs only count buffers.
      if (steps >= 1000) expect(growth).toBeLessThan(4 * smallestResult * (steps - quarter));
      await backend.dispose();
    });
  }),
);
