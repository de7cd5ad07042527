import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { inferSteps, perParameter } from './steps.ts';

export interface AdamWAttrs {
  /** η */
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** λ of each parameter */
  readonly weightDecays: readonly number[];
  /** t = 1, 2, …, this step's number */
  readonly time: number;
}

/**
 * One AdamW step of any number of parameters of one dtype: [θ₁, g₁, m₁, v₁, θ₂, …], the four of a parameter of one shape ->
 * [Δ₁, m₁, v₁, Δ₂, …].  For each
 *   m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  Δ = −η ( (m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε) + λθ )
 * @throws ShapeError unless each weight decay has its four of one shape; DTypeError
 */
export const adamwStep: Op<AdamWAttrs> = {
  name: 'adamwStep',
  kind: 'composite',
  infer(inputs, { weightDecays }) {
    const outputs = inferSteps('adamwStep', inputs, ['parameter', 'gradient', 'first moment', 'second moment'], 3);
    if (inputs.length !== 4 * weightDecays.length)
      throw new ShapeError({
        operation: 'adamwStep',
        received: `${inputs.length / 4} parameters and ${weightDecays.length} weight decays`,
        expected: 'one for each parameter',
      });
    return outputs;
  },
  compose: (inputs, { learningRate, beta1, beta2, epsilon, weightDecays, time }) =>
    perParameter(inputs, 4).flatMap(([theta, g, m, v], i) => {
      const first = m.multiply(beta1).add(g.multiply(1 - beta1));
      const second = v.multiply(beta2).add(g.square().multiply(1 - beta2));
      const scale = second
        .divide(1 - beta2 ** time)
        .sqrt()
        .add(epsilon);
      const direction = first.divide(1 - beta1 ** time).divide(scale);
      return [direction.add(theta.multiply(weightDecays[i])).multiply(-learningRate), first, second];
    }),
  vjp: null,
};
