import { allocate, sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs, HostKernel } from './kernel.ts';
import { forEachLongRow } from './walk.ts';

// m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  Δ = −η ( m̂/(√v̂ + ε) + λθ ),  m̂ = m/(1 − β₁ᵗ),  v̂ = v/(1 − β₂ᵗ)
export const adamwStep: HostKernel<CompositeAttrs['adamwStep']> = ([theta, g, m, v], attrs, [output]) => {
  const { learningRate, beta1, beta2, epsilon, weightDecay, time } = attrs;
  const [bias1, bias2] = [1 - beta1 ** time, 1 - beta2 ** time];
  const [update, first, second] = [0, 1, 2].map(() => allocate(output.dtype, sizeOf(output.shape)));
  const [x, gradient, mean, square] = [theta.buffer, g.buffer, m.buffer, v.buffer];
  forEachLongRow(output.shape, [theta, g, m, v], (at, [x0, g0, m0, v0], length, [xs, gs, ms, vs]) => {
    for (let i = 0; i < length; i++) {
      const slope = gradient[g0 + i * gs];
      const nextMean = beta1 * mean[m0 + i * ms] + (1 - beta1) * slope;
      const nextSquare = beta2 * square[v0 + i * vs] + (1 - beta2) * slope * slope;
      const step = nextMean / bias1 / (Math.sqrt(nextSquare / bias2) + epsilon) + weightDecay * x[x0 + i * xs];
      update[at + i] = -learningRate * step;
      first[at + i] = nextMean;
      second[at + i] = nextSquare;
    }
  });
  return [update, first, second];
};
