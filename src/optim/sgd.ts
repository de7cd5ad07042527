import { UsageError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import { type BaseOptimizer, checkLearningRate, gradientOf, type Parameters } from './optimizer.ts';

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

/** g ← g + λθ;  v ← μv + g;  Δ = −η v, or with Nesterov −η (g + μv). Definition: spec/method/sgd.ts. @throws UsageError */
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
      const updates = new Map<string, Tensor>();
      const velocities = new Map<string, Tensor>();
      for (const [path, parameter] of parameters) {
        const plain = gradientOf('sgd', gradients, path, parameter);
        const gradient = weightDecay === 0 ? plain : plain.add(parameter.multiply(weightDecay));
        let direction = gradient;
        if (momentum > 0) {
          const velocity = state.get(path)!.multiply(momentum).add(gradient);
          velocities.set(path, velocity);
          direction = nesterov ? gradient.add(velocity.multiply(momentum)) : velocity;
        }
        updates.set(path, direction.multiply(-learningRate));
      }
      return { updates, state: velocities };
    },
  };
}
