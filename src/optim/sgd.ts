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

export interface SgdOptions {
  /** μ in [0, 1). Default 0. */
  readonly momentum?: number;
  /** Look ahead along the velocity; needs momentum. Default false. */
  readonly nesterov?: boolean;
  /** λ: λθ is added to the gradient. Default 0. */
  readonly weightDecay?: number;
}

/** The velocity of each parameter; empty without momentum. */
export type SgdState = Parameters;

/** Gradient descent: the formula is in src/ops/sgd.ts, its definition in spec/method/sgd.ts. @throws UsageError */
export function sgd({ momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): BaseOptimizer<SgdState> {
  if (!(momentum >= 0 && momentum < 1) || !(weightDecay >= 0) || (nesterov && momentum === 0))
    throw new UsageError({
      operation: 'sgd',
      received: `momentum ${momentum}, nesterov ${nesterov}, weightDecay ${weightDecay}`,
      expected: 'momentum in [0, 1), above 0 for Nesterov, and weightDecay ≥ 0',
    });
  return {
    name: 'sgd',
    initial: (parameters) =>
      new Map(momentum === 0 ? [] : [...parameters].map(([path, parameter]) => [path, parameter.zerosLike()])),
    step({ parameters, gradients, state, learningRate }) {
      checkLearningRate('sgd', learningRate);
      const operands = [...parameters].map(([path, parameter]) => {
        const gradient = gradientOf('sgd', gradients, path, parameter);
        return [path, momentum === 0 ? [parameter, gradient] : [parameter, gradient, state.get(path)!]] as const;
      });
      const attrs = { learningRate, momentum, nesterov, weightDecay };
      const results = stepTogether(composites.sgdStep, new Map(operands), () => attrs);
      return {
        updates: resultsAt(results, parameters, 0),
        state: momentum === 0 ? new Map() : resultsAt(results, parameters, 1),
      };
    },
  };
}
