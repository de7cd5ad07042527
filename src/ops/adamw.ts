import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpecs, requireFloat, requireOneDType, sameShape } from '../shape.ts';

export interface AdamWAttrs {
  /** η */
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** λ */
  readonly weightDecay: number;
  /** t = 1, 2, …, this step's number */
  readonly time: number;
}

/**
 * One AdamW step of one parameter: [θ, g, m, v] of one shape -> [Δ, m, v].
 *   m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  Δ = −η ( (m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε) + λθ )
 */
export const adamwStep: Op<AdamWAttrs> = {
  name: 'adamwStep',
  kind: 'composite',
  infer(inputs) {
    const [theta] = inputs;
    requireFloat('adamwStep', theta);
    requireOneDType('adamwStep', inputs);
    if (!inputs.every((x) => sameShape(x.shape, theta.shape)))
      throw new ShapeError({
        operation: 'adamwStep',
        received: formatSpecs(inputs),
        expected: 'parameter, gradient and both moments of one shape',
      });
    return [theta, theta, theta].map(({ shape, dtype }) => ({ shape, dtype }));
  },
  compose([theta, g, m, v], { learningRate, beta1, beta2, epsilon, weightDecay, time }) {
    const first = m.multiply(beta1).add(g.multiply(1 - beta1));
    const second = v.multiply(beta2).add(g.square().multiply(1 - beta2));
    const scale = second
      .divide(1 - beta2 ** time)
      .sqrt()
      .add(epsilon);
    const direction = first.divide(1 - beta1 ** time).divide(scale);
    return [direction.add(theta.multiply(weightDecay)).multiply(-learningRate), first, second];
  },
  vjp: null,
};
