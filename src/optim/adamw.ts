import { UsageError } from '../errors.ts';
import { composites } from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';
import { type BaseOptimizer, checkLearningRate, gradientOf, type Parameters } from './optimizer.ts';

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
      const [updates, first, second] = [0, 1, 2].map(() => new Map<string, Tensor>());
      const time = state.steps + 1;
      for (const [path, parameter] of parameters) {
        const inputs = [
          parameter,
          gradientOf('adamw', gradients, path, parameter),
          state.first.get(path)!,
          state.second.get(path)!,
        ];
        const decay = decays(path) ? weightDecay : 0;
        const attrs = { learningRate, beta1, beta2, epsilon, weightDecay: decay, time };
        const [update, m, v] = parameter.engine.run(composites.adamwStep, inputs, attrs);
        updates.set(path, update);
        first.set(path, m);
        second.set(path, v);
      }
      return { updates, state: { first, second, steps: time } };
    },
  };
}
