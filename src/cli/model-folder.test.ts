import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { DataError } from '../errors.ts';
import { memoryFiles, openStore } from '../io/index.ts';
import { type Progress, saveModel } from '../train/state.ts';
import { bestParameters, insteadOfBest } from './model-folder.ts';

const t = engine(cpu());
const parametersOf = (value: number) => ({ w: t.tensor([value, value]) });
const progress = (best: number): Progress => ({
  ...{ step: 9, evaluations: [], best: { step: best, score: 1 } },
  ...{ sinceBest: 1, position: 0, metricsBytes: 0 },
});

/** A store with what `runTraining` keeps of the best evaluation, here of step 4. */
async function kept(scores: string | null = '{"step":4,"scores":{}}') {
  const store = await openStore({ files: memoryFiles(), folder: '/run', processes: null });
  const about = scores === null ? [] : [['scores.json', new TextEncoder().encode(scores)] as const];
  await store.save('best', new Map([...saveModel(parametersOf(4), {}), ...about]));
  return store;
}

describe('the parameters of the best evaluation', () => {
  it('are the last ones, or those that were kept of its step', async () => {
    const last = parametersOf(9);
    expect(await bestParameters(t, await kept(), last, progress(9))).toEqual({ parameters: last, step: 9 });
    const best = await bestParameters(t, await kept(), last, progress(4));
    expect([...(await best.parameters.w.data()), best.step]).toEqual([4, 4, 4]);
  });

  it('are the last ones where these are asked for, which is said unless they are the best', async () => {
    const last = parametersOf(9);
    expect(await bestParameters(t, await kept(), last, progress(4), true)).toEqual({ parameters: last, step: 9 });
    expect(insteadOfBest(9, progress(4))).toBe('the model has the last parameters, of step 9, not the best, of step 4');
    expect(insteadOfBest(9, progress(9))).toBeNull();
    expect(insteadOfBest(4, progress(4))).toBeNull();
  });

  it('are refused where those of another step are there, naming both and what can be had', async () => {
    const choosing = bestParameters(t, await kept(), parametersOf(9), progress(6));
    await expect(choosing).rejects.toThrow(DataError);
    await expect(choosing).rejects.toThrow(/000001-best of step 4, expected it of step 6.*--last: .* of step 9/);
  });

  it.each([null, 'no JSON', '[]', '{"step":"4"}'])('are refused where scores.json is %j', async (scores) => {
    const choosing = bestParameters(t, await kept(scores), parametersOf(9), progress(4));
    await expect(choosing).rejects.toThrow(DataError);
    await expect(choosing).rejects.toThrow(/step 4/);
  });
});
