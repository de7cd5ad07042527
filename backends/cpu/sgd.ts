import type { HostArray } from '../../src/backend.ts';
import { allocate, gatherView, sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs, HostKernel, HostView } from './kernel.ts';

type Attrs = CompositeAttrs['sgdStep'];

/** In the dtype of the parameters. */
type Rounding = (x: number) => number;
const roundings: Partial<Record<string, Rounding>> = { float32: Math.fround };
const unrounded: Rounding = (x) => x;

// g ← g + λθ;  v ← μv + g;  Δ = −η v, or with Nesterov −η (g + μv).  Every product and sum is rounded to the parameter's dtype,
// unlike elsewhere on this backend: a step then gives the bits that the operations give one by one.
function sgdParameter([theta, plain, v]: readonly HostView[], attrs: Attrs): HostArray[] {
  const { momentum, nesterov, weightDecay } = attrs;
  const round = roundings[theta.dtype] ?? unrounded;
  const [rate, mu, lambda] = [-attrs.learningRate, momentum, weightDecay].map(round);
  const [parameter, gradient] = [gatherView(theta), gatherView(plain)];
  const update = allocate(theta.dtype, sizeOf(theta.shape));
  const velocity = momentum === 0 ? null : gatherView(v);
  for (let i = 0; i < update.length; i++) {
    const g = weightDecay === 0 ? gradient[i] : round(gradient[i] + round(lambda * parameter[i]));
    if (velocity) velocity[i] = round(round(mu * velocity[i]) + g);
    const direction = velocity ? (nesterov ? round(g + round(mu * velocity[i])) : velocity[i]) : g;
    update[i] = rate * direction;
  }
  return velocity ? [update, velocity] : [update];
}

// [θ₁, g₁, θ₂, …] -> [Δ₁, Δ₂, …], with momentum [θ₁, g₁, v₁, θ₂, …] -> [Δ₁, v₁, Δ₂, …]
export const sgdStep: HostKernel<Attrs> = (inputs, attrs) => {
  const each = attrs.momentum === 0 ? 2 : 3;
  return Array.from({ length: inputs.length / each }, (_, i) => inputs.slice(each * i, each * (i + 1))).flatMap(
    (operands) => sgdParameter(operands, attrs),
  );
};
