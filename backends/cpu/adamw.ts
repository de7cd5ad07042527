import type { HostArray } from '../../src/backend.ts';
import { allocate, sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs, HostKernel } from './kernel.ts';
import { forEachLongRow } from './walk.ts';

/** Where one operand's row begins, and the step to its next element. */
type Row = readonly [data: HostArray, start: number, step: number];
type Attrs = CompositeAttrs['adamwStep'];

// m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  Δ = −η ( m̂/(√v̂ + ε) + λθ ),  m̂ = m/(1 − β₁ᵗ),  v̂ = v/(1 − β₂ᵗ)
function adamwRow(
  update: HostArray,
  first: HostArray,
  second: HostArray,
  at: number,
  length: number,
  [theta, theta0, thetaStep]: Row,
  [gradient, gradient0, gradientStep]: Row,
  [mean, mean0, meanStep]: Row,
  [square, square0, squareStep]: Row,
  { learningRate, beta1, beta2, epsilon, time }: Attrs,
  weightDecay: number,
): void {
  const [correction1, correction2] = [1 - beta1 ** time, 1 - beta2 ** time];
  for (let i = 0; i < length; i++) {
    const slope = gradient[gradient0 + i * gradientStep];
    const nextMean = beta1 * mean[mean0 + i * meanStep] + (1 - beta1) * slope;
    const nextSquare = beta2 * square[square0 + i * squareStep] + (1 - beta2) * slope * slope;
    const scaled = nextMean / correction1 / (Math.sqrt(nextSquare / correction2) + epsilon);
    update[at + i] = -learningRate * (scaled + weightDecay * theta[theta0 + i * thetaStep]);
    first[at + i] = nextMean;
    second[at + i] = nextSquare;
  }
}

// [θ₁, g₁, m₁, v₁, θ₂, …] -> [Δ₁, m₁, v₁, Δ₂, …]
export const adamwStep: HostKernel<Attrs> = (inputs, attrs, outputs) => {
  const results = outputs.map(({ dtype, shape }) => allocate(dtype, sizeOf(shape)));
  attrs.weightDecays.forEach((weightDecay, i) => {
    const operands = inputs.slice(4 * i, 4 * i + 4);
    const [update, first, second] = results.slice(3 * i, 3 * i + 3);
    forEachLongRow(operands[0].shape, operands, (at, starts, length, steps) => {
      const row = (operand: number): Row => [operands[operand].buffer, starts[operand], steps[operand]];
      adamwRow(update, first, second, at, length, row(0), row(1), row(2), row(3), attrs, weightDecay);
    });
  });
  return results;
};
