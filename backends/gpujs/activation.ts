import type { Spec, View } from '../../src/backend.ts';
import { contiguousStrides } from '../../src/shape.ts';
import type { GpuBuffer } from './buffer.ts';
import { type Elementwise, elementwise } from './elementwise.ts';
import type { GpuComposite } from './kernel.ts';
import type { Runtime } from './runtime.ts';
import { erf, exponential, hyperbolicTangent, logarithm } from './scalar.ts';

/** The activations, each in one kernel. */

type Activation = 'relu' | 'sigmoid' | 'silu' | 'softplus' | 'gelu' | 'geluTanh';

// σ(x) = 1/(1 + e^{-x}), and e^x/(1 + e^x) below 0, so that no exponential overflows; NaN takes the second line.
const logistic = `
  let e = exponential(x);
  if (x >= 0) { e = exponential(-x); }
  let sigma = e / (1 + e);
  if (x >= 0) { sigma = 1 / (1 + e); }`;

const activations: Readonly<Record<Activation, Omit<Elementwise, 'name'>>> = {
  // max(x, 0); NaN stays NaN
  relu: { body: 'if (x <= 0) { return 0; }\nreturn x;' },
  sigmoid: { body: `${logistic}\nreturn sigma;`, functions: exponential },
  // x σ(x)
  silu: { body: `${logistic}\nreturn x * sigma;`, functions: exponential },
  // ln(1 + e^x) = max(x, 0) + ln(1 + e^{-|x|})
  softplus: {
    body: `
      const tail = logarithm(1 + exponential(-Math.abs(x)));
      if (x > 0) { return x + tail; }
      return tail;`,
    functions: [...exponential, ...logarithm],
  },
  // x Φ(x) = x/2 (1 + erf(x/√2))
  gelu: { body: `return 0.5 * x * (1 + errorFunction(x * ${Math.SQRT1_2}));`, functions: erf },
  // x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
  geluTanh: {
    body: `return 0.5 * x * (1 + hyperbolicTangent(${Math.sqrt(2 / Math.PI)} * (x + 0.044715 * x * x * x)));`,
    functions: hyperbolicTangent,
  },
};

const onView = (runtime: Runtime, operation: string, name: Activation, x: View<GpuBuffer>, output: Spec): GpuBuffer =>
  elementwise(runtime, operation, { name, ...activations[name] }, [x], output);

/** act(z) of a contiguous buffer that holds all of `output`. */
export const activate = (
  runtime: Runtime,
  operation: string,
  name: Activation,
  z: GpuBuffer,
  output: Spec,
): GpuBuffer =>
  onView(
    runtime,
    operation,
    name,
    { ...output, buffer: z, strides: contiguousStrides(output.shape), offset: 0 },
    output,
  );

const activation =
  (name: Activation): GpuComposite<Activation> =>
  (runtime) =>
  ([x], _, [output]) => [onView(runtime, name, name, x, output)];

export const relu = activation('relu');
export const sigmoid = activation('sigmoid');
export const silu = activation('silu');
export const softplus = activation('softplus');
export const gelu = activation('gelu');
export const geluTanh = activation('geluTanh');
