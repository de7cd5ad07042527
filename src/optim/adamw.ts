import { UsageError } from '../errors.ts';
import { composites } from '../ops/index.ts';
import {
  type BaseOptimizer,
  checkLearningRate,
  gradientOf,
  type Parameters,
  resultsAt,
  stepTogether,
} from './optimizer.ts';

export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** λ, decoupled from the adaptive scaling. Default 0.01. */
  readonly weightDecay?: number;
  /** Which parameters decay. Default: all. */
  readonly decays?: (path: string) => boolean;
}

export interface AdamWState {
  readonly first: Parameters;
  readonly second: Parameters;
  /** Steps taken. */
  readonly steps: number;
}

/** AdamW (Loshchilov & Hutter 2017): the formula is in src/ops/adamw.ts, its definition in spec/method/adamw.ts. @throws UsageError */
export function adamw(options: AdamWOptions = {}): BaseOptimizer<AdamWState> {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01, decays = () => true } = options;
  const share = (beta: number) => beta >= 0 && beta < 1;
  if (!share(beta1) || !share(beta2) || !(epsilon >= 0) || !(weightDecay >= 0))
    throw new UsageError({
      operation: 'adamw',
      received: `beta1 ${beta1}, beta2 ${beta2}, epsilon ${epsilon}, weightDecay ${weightDecay}`,
      expected: 'betas in [0, 1), epsilon ≥ 0, weightDecay ≥ 0',
    });
  return {
    name: 'adamw',
    initial(parameters) {
      const zeros = () => new Map([...parameters].map(([path, parameter]) => [path, parameter.zerosLike()] as const));
      return { first: zeros(), second: zeros(), steps: 0 };
    },
    step({ parameters, gradients, state, learningRate }) {
      checkLearningRate('adamw', learningRate);
      const time = state.steps + 1;
      const operands = [...parameters].map(([path, parameter]) => {
        const gradient = gradientOf('adamw', gradients, path, parameter);
        return [path, [parameter, gradient, state.first.get(path)!, state.second.get(path)!]] as const;
      });
      const results = stepTogether(composites.adamwStep, new Map(operands), (paths) => {
        const weightDecays = paths.map((path) => (decays(path) ? weightDecay : 0));
        return { learningRate, beta1, beta2, epsilon, weightDecays, time };
      });
      const [updates, first, second] = [0, 1, 2].map((index) => resultsAt(results, parameters, index));
      return { updates, state: { first, second, steps: time } };
    },
  };
}
