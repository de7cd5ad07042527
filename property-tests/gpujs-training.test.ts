import { describe, expect, it } from 'vitest';
import { gpujs } from '../backends/gpujs/index.ts';
import type { Backend } from '../src/backend.ts';
import { engine } from '../src/engine.ts';
import { training } from './browser/pages/training.ts';
import { onModes } from './gpujs-modes.ts';

/** A training step of a MoE layer stays on the device, in both phases of OMoE. */

/** What gpujs has no kernels for, of all that the step consists of (backends/gpujs/composites.ts). */
const composed = [
  'moeCombineGradient',
  'norm',
  'orthogonalUpdate',
  'planDispatch',
  'softmaxGradient',
  'topKGateGradient',
];

await onModes(['webasm', 'cpu'], (mode) =>
  describe(`gpujs, ${mode}`, () => {
    it('runs no other composition, and reads the loss and once a phase the recorded columns', async () => {
      const backend = await gpujs({ mode });
      let reads = 0;
      const counted = {
        ...backend,
        read(...part: Parameters<typeof backend.read>) {
          reads++;
          return backend.read(...part);
        },
      };
      const t = engine(counted as unknown as Backend);
      const learner = training(t);
      const steps: [string, number][] = [];
      for (let step = 0; step < 6; step++) {
        reads = 0;
        const { phase } = await learner.step(false);
        steps.push([phase, reads]);
      }
      const cycle = [
        ['accumulate', 1],
        ['accumulate', 1],
        ['orthogonal', 2], // its one step begins the phase: the factorisations need the columns
      ];
      expect(steps).toEqual([...cycle, ...cycle]);
      const lines = t.trace().filter((line) => line.composed > 0);
      expect(lines.map(({ op }) => op).sort()).toEqual(composed);
      expect(lines.flatMap(({ declined }) => declined)).toEqual([]);
      await backend.dispose();
    });
  }),
);
