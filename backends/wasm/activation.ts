import { mapGrain, mapped } from './elementwise.ts';
import * as kinds from './kernels/kinds.ts';
import type { WasmKernel } from './runtime.ts';

/** Activations by themselves; `linear` applies its own while the product is in cache. */

export type ActivationName = 'relu' | 'sigmoid' | 'silu' | 'softplus' | 'gelu' | 'geluTanh';

/** The number of each for the kernels. */
export const activationNumbers: Readonly<Record<ActivationName, number>> = { ...kinds };

const forward = { float32: 'activateF32', float64: 'activateF64' } as const;
const backward = { float32: 'activateBackF32', float64: 'activateBackF64' } as const;
type Float = keyof typeof forward;

export const activation =
  (name: ActivationName): WasmKernel<object> =>
  (runtime, [z], _, [output]) => {
    const { from, result } = mapped(runtime, z, output);
    runtime.run(forward[z.dtype as Float], result.length, mapGrain, activationNumbers[name], from, result.address);
    return [result];
  };

export const activationGradient: WasmKernel<{ readonly activation: ActivationName }> = (
  runtime,
  inputs,
  { activation: name },
  [output],
) => {
  const [g, z, y] = inputs.map((view) => runtime.address(runtime.contiguous(view)));
  const result = runtime.output(output);
  const kernel = backward[output.dtype as Float];
  runtime.run(kernel, result.length, mapGrain, activationNumbers[name], g, z, y, result.address);
  return [result];
};
