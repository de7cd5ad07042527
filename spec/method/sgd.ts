/**
 * Stochastic gradient descent, and what a base optimizer is.
 */
import { precondition, type Real, zeros } from '../array.ts';
import { plus, scaled } from './linear-algebra.ts';

/** Turns a gradient into an update: parameter ← parameter + update. The state is per parameter, and never changed in place. */
export interface BaseOptimizer<State> {
  initial(shape: readonly number[]): State;
  step(
    state: State,
    parameter: Real,
    gradient: Real,
    learningRate: number,
  ): { readonly state: State; readonly update: Real };
}

export interface SgdOptions {
  /** μ in [0, 1) */
  readonly momentum?: number;
  /** Look ahead along the velocity. Needs momentum. */
  readonly nesterov?: boolean;
  /** λ: λ·θ is added to the gradient. */
  readonly weightDecay?: number;
}

export interface SgdState {
  /** v, the running sum of gradients. */
  readonly velocity: Real;
}

/**
 *   g ← g + λθ;   v ← μv + g;   update = −η v,   or with Nesterov −η (g + μv)
 *
 * Without decay or momentum θ or v is not looked at: an infinite parameter leaves its update finite.
 */
export function sgd(options: SgdOptions = {}): BaseOptimizer<SgdState> {
  const { momentum = 0, nesterov = false, weightDecay = 0 } = options;
  precondition(momentum >= 0 && momentum < 1, `momentum is at least 0 and below 1, not ${momentum}`);
  precondition(!nesterov || momentum > 0, 'Nesterov needs momentum above 0');
  return {
    initial: (shape) => ({ velocity: zeros(shape) }),
    step(state, parameter, gradient, learningRate) {
      const decayed = weightDecay === 0 ? gradient : plus(gradient, scaled(parameter, weightDecay));
      const velocity = momentum === 0 ? decayed : plus(scaled(state.velocity, momentum), decayed);
      const direction = nesterov ? plus(decayed, scaled(velocity, momentum)) : velocity;
      return { state: { velocity }, update: scaled(direction, -learningRate) };
    },
  };
}
