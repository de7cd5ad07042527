import type { Op } from '../op.ts';
import { inferSteps, perParameter } from './steps.ts';

export interface SgdAttrs {
  /** η */
  readonly learningRate: number;
  /** μ; 0: there is no velocity, neither given nor returned. */
  readonly momentum: number;
  readonly nesterov: boolean;
  /** λ */
  readonly weightDecay: number;
}

/**
 * One step of gradient descent of any number of parameters of one dtype. Without momentum [θ₁, g₁, θ₂, …] -> [Δ₁, Δ₂, …], with
 * momentum and a velocity v each [θ₁, g₁, v₁, θ₂, …] -> [Δ₁, v₁, Δ₂, …].  For each
 *   g ← g + λθ;  v ← μv + g;  Δ = −η v, or with Nesterov −η (g + μv)
 * @throws ShapeError unless each parameter has its gradient, and velocity, of its shape; DTypeError
 */
export const sgdStep: Op<SgdAttrs> = {
  name: 'sgdStep',
  kind: 'composite',
  infer: (inputs, { momentum }) =>
    momentum === 0
      ? inferSteps('sgdStep', inputs, ['parameter', 'gradient'], 1)
      : inferSteps('sgdStep', inputs, ['parameter', 'gradient', 'velocity'], 2),
  compose: (inputs, { learningRate, momentum, nesterov, weightDecay }) =>
    perParameter(inputs, momentum === 0 ? 2 : 3).flatMap(([theta, plain, v]) => {
      const g = weightDecay === 0 ? plain : plain.add(theta.multiply(weightDecay));
      if (momentum === 0) return [g.multiply(-learningRate)];
      const velocity = v.multiply(momentum).add(g);
      const direction = nesterov ? g.add(velocity.multiply(momentum)) : velocity;
      return [direction.multiply(-learningRate), velocity];
    }),
  vjp: null,
};
