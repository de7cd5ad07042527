import { afterAll, describe, expect, it, vi } from 'vitest';
import * as compare from '../../src/train/compare.ts';
import * as evaluation from '../../src/train/evaluate.ts';
import * as measure from '../../src/train/measure.ts';
import { ClaimFailed } from '../kit/method.ts';
import { type Trainer, trainingChecks } from './training.checks.ts';

/**
 * The checks of training tested: each deliberate mistake has to be caught by one of them. The pieces that src/train is made of
 * are replaced by ones that are wrong while `wrong` says so, which is only while the trainer runs: what the checks
 * themselves compute stays right. That they pass what is right is seen beside src/train.
 */

type Mistake =
  | 'train on dev sentences'
  | 'data order of its own for each method'
  | 'data order begins again after the dense model'
  | 'clip at 1e9'
  | 'norm reported after clipping'
  | 'balance loss times 0'
  | 'z-loss times 0'
  | 'padding counted in the measures';

const now = vi.hoisted(() => ({ wrong: null as string | null, method: 'dense' }));

vi.mock('../../src/tasks/batches.ts', async (original) => {
  const real = await original<typeof import('../../src/tasks/batches.ts')>();
  const trainingBatches: typeof real.trainingBatches = (task, { batch, seed }) => {
    if (now.wrong === 'train on dev sentences')
      return real.trainingBatches({ ...task, train: task.dev }, { batch, seed });
    if (now.wrong === 'data order of its own for each method')
      return real.trainingBatches(task, { batch, seed: seed + now.method.length });
    const order = real.trainingBatches(task, { batch, seed });
    const again = now.wrong === 'data order begins again after the dense model' && now.method !== 'dense';
    return again ? (step) => order(Math.max(0, step - 3)) : order;
  };
  return { ...real, trainingBatches };
});

vi.mock('../../src/optim/clip.ts', async (original) => {
  const real = await original<typeof import('../../src/optim/clip.ts')>();
  const clipByGlobalNorm: typeof real.clipByGlobalNorm = (gradients, limit) => {
    if (now.wrong === 'clip at 1e9') return real.clipByGlobalNorm(gradients, 1e9);
    const clipped = real.clipByGlobalNorm(gradients, limit);
    if (now.wrong !== 'norm reported after clipping') return clipped;
    return { ...clipped, norm: real.globalNorm(clipped.gradients) };
  };
  return { ...real, clipByGlobalNorm };
});

vi.mock('../../src/train/classifier.ts', async (original) => {
  const real = await original<typeof import('../../src/train/classifier.ts')>();
  const classifierLoss: typeof real.classifierLoss = (parameters, batch, plan, recording) => {
    const weights = {
      balanceLoss: now.wrong === 'balance loss times 0' ? 0 : plan.balanceLoss,
      zLoss: now.wrong === 'z-loss times 0' ? 0 : plan.zLoss,
    };
    return real.classifierLoss(parameters, batch, { ...plan, ...weights }, recording);
  };
  // The model sees the padding that the batch has; whoever looks at the batch afterwards does not.
  const upload: typeof real.upload = (t, batch) => {
    const tensors = real.upload(t, { ...batch, mask: batch.mask.slice() });
    if (now.wrong === 'padding counted in the measures') batch.mask.fill(1);
    return tensors;
  };
  return { ...real, classifierLoss, upload };
});

const caughtBy: Readonly<Record<Mistake, keyof typeof trainingChecks>> = {
  'train on dev sentences': 'methodsSeeTheSameBatches',
  'data order of its own for each method': 'methodsSeeTheSameBatches',
  'data order begins again after the dense model': 'methodsSeeTheSameBatches',
  'clip at 1e9': 'clippingBoundsTheGradient',
  'norm reported after clipping': 'clippingBoundsTheGradient',
  'balance loss times 0': 'auxiliaryLossesAct',
  'z-loss times 0': 'auxiliaryLossesAct',
  'padding counted in the measures': 'paddingIsNotMeasured',
};

/** The trainer of src/train, wrong in the given way while it runs. */
function trainerThatIs(wrong: Mistake): Trainer {
  const during = async <Result>(method: string, work: () => Promise<Result>): Promise<Result> => {
    Object.assign(now, { wrong, method });
    try {
      return await work();
    } finally {
      now.wrong = null;
    }
  };
  return {
    trainDense: (...given) => during('dense', () => compare.trainDense(...given)),
    trainMethod: (...given) => during(given[2].name, () => compare.trainMethod(...given)),
    evaluateTask: (...given) => during('measures', () => evaluation.evaluateTask(...given)),
    measureExperts: (...given) => during('measures', () => measure.measureExperts(...given)),
  };
}

describe('every mistake in training is caught', () => {
  const caught: string[] = [];
  for (const [mistake, check] of Object.entries(caughtBy) as [Mistake, keyof typeof trainingChecks][])
    it(mistake, async () => {
      // A crash catches nothing: the check has to have compared, and found a difference.
      await expect(trainingChecks[check](trainerThatIs(mistake))).rejects.toThrow(ClaimFailed);
      caught.push(`${mistake.padEnd(45)} caught by  ${check}`);
    });
  afterAll(() => {
    process.stdout.write(`${caught.join('\n')}\n`);
  });
});
