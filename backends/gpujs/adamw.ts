import type { Spec, View } from '../../src/backend.ts';
import { contiguousStrides } from '../../src/shape.ts';
import type { GpuBuffer } from './buffer.ts';
import { type Elementwise, elementwise } from './elementwise.ts';
import type { CompositeAttrs, GpuComposite } from './kernel.ts';
import type { Runtime } from './runtime.ts';

/** An AdamW step in three kernels a parameter: both moments, then the update from them. Attributes are operands that are constant. */

// m ← β₁m + (1 − β₁)g
const firstMoment: Elementwise = { name: 'first moment', body: 'return z * x + u * y;' };
// v ← β₂v + (1 − β₂)g²
const secondMoment: Elementwise = { name: 'second moment', body: 'return z * x + u * (y * y);' };
// With cᵢ = 1 − βᵢᵗ:  Δ = −η ( (m/c₁)/(√(v/c₂) + ε) + λθ ) = (−η√c₂/c₁) m/(√v + ε√c₂) + (−ηλ) θ
// (Kingma & Ba 2015, end of section 2).
const update: Elementwise = { name: 'adamw update', body: 'return u * x / (Math.sqrt(y) + v) + w * z;' };

type Attrs = CompositeAttrs['adamwStep'];

// [θ, g, m, v] -> [Δ, m, v]
function stepOf(
  runtime: Runtime,
  [theta, g, m, v]: readonly View<GpuBuffer>[],
  { learningRate, beta1, beta2, epsilon, time }: Attrs,
  weightDecay: number,
  output: Spec,
): GpuBuffer[] {
  const operation = 'adamwStep';
  const view = (buffer: GpuBuffer, strides: readonly number[]) => ({ ...output, buffer, strides, offset: 0 });
  const fresh = (buffer: GpuBuffer) => view(buffer, contiguousStrides(output.shape));
  const run = (f: Elementwise, views: readonly View<GpuBuffer>[], attributes: readonly number[]): GpuBuffer => {
    const constants = attributes.map((value) => runtime.constant(operation, value, 1, output.dtype));
    const still = output.shape.map(() => 0);
    const result = elementwise(
      runtime,
      operation,
      f,
      [...views, ...constants.map((buffer) => view(buffer, still))],
      output,
    );
    constants.forEach(runtime.free);
    return result;
  };
  const first = run(firstMoment, [m, g], [beta1, 1 - beta1]);
  const second = run(secondMoment, [v, g], [beta2, 1 - beta2]);
  const [c1, c2] = [1 - beta1 ** time, 1 - beta2 ** time];
  const attributes = [(-learningRate * Math.sqrt(c2)) / c1, epsilon * Math.sqrt(c2), -learningRate * weightDecay];
  return [run(update, [fresh(first), fresh(second), theta], attributes), first, second];
}

// [θ₁, g₁, m₁, v₁, θ₂, …] -> [Δ₁, m₁, v₁, Δ₂, …]
export const adamwStep: GpuComposite<'adamwStep'> = (runtime) => (inputs, attrs, outputs) =>
  attrs.weightDecays.flatMap((weightDecay, i) =>
    stepOf(runtime, inputs.slice(4 * i, 4 * i + 4), attrs, weightDecay, outputs[3 * i]),
  );
