/**
 * AdamW (Kingma & Ba 2014, arXiv 1412.6980; decoupled decay: Loshchilov & Hutter 2017, arXiv 1711.05101).
 */
import { fromFunction, precondition, type Real, zeros } from '../array.ts';
import type { BaseOptimizer } from './sgd.ts';

export interface AdamwOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** λ: the parameter shrinks by η·λ a step, apart from the adaptive scaling. */
  readonly weightDecay?: number;
}

export interface AdamwState {
  /** m, the running mean of gradients. */
  readonly first: Real;
  /** v, the running mean of squared gradients. */
  readonly second: Real;
  /** Steps taken, for the correction of the start at 0. */
  readonly steps: number;
}

/**
 *   m ← β₁m + (1 − β₁)g;   v ← β₂v + (1 − β₂)g²;   m̂ = m/(1 − β₁ᵗ),  v̂ = v/(1 − β₂ᵗ),  t = 1, 2, …
 *   update = −η (m̂ / (√v̂ + ε) + λθ)
 *
 * The division is element by element. That is why a projected *gradient* does not give a projected update here.
 */
export function adamw(options: AdamwOptions = {}): BaseOptimizer<AdamwState> {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01 } = options;
  precondition(
    beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1,
    `β₁ and β₂ are at least 0 and below 1: ${beta1}, ${beta2}`,
  );
  return {
    initial: (shape) => ({ first: zeros(shape), second: zeros(shape), steps: 0 }),
    step(state, parameter, gradient, learningRate) {
      const steps = state.steps + 1;
      const first = fromFunction(
        gradient.shape,
        (at) => beta1 * state.first.get(...at) + (1 - beta1) * gradient.get(...at),
      );
      const second = fromFunction(
        gradient.shape,
        (at) => beta2 * state.second.get(...at) + (1 - beta2) * gradient.get(...at) ** 2,
      );
      const update = fromFunction(gradient.shape, (at) => {
        const mean = first.get(...at) / (1 - beta1 ** steps);
        const scale = Math.sqrt(second.get(...at) / (1 - beta2 ** steps)) + epsilon;
        return -learningRate * (mean / scale + weightDecay * parameter.get(...at));
      });
      return { state: { first, second, steps }, update };
    },
  };
}
