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

// act'(x), as statements that set `slope`. What y = act(x) is, is computed again: that is cheaper than to read it.
const slopes: Readonly<Record<Activation, Omit<Elementwise, 'name'>>> = {
  relu: { body: 'let slope = 0;\nif (x > 0) { slope = 1; }' },
  // σ(1 − σ)
  sigmoid: { body: `${logistic}\nconst slope = sigma * (1 - sigma);`, functions: exponential },
  // σ(1 + x(1 − σ))
  silu: { body: `${logistic}\nconst slope = sigma * (1 + x * (1 - sigma));`, functions: exponential },
  softplus: { body: `${logistic}\nconst slope = sigma;`, functions: exponential },
  // Φ(x) + x φ(x), φ(x) = e^{−x²/2}/√(2π)
  gelu: {
    body: `
      const distribution = 0.5 * (1 + errorFunction(x * ${Math.SQRT1_2}));
      const slope = distribution + x * (exponential(-0.5 * x * x) * ${1 / Math.sqrt(2 * Math.PI)});`,
    functions: [...exponential, ...erf],
  },
  // (1 + t)/2 + x/2 (1 − t²) √(2/π)(1 + 3·0.044715 x²), t = tanh(√(2/π)(x + 0.044715 x³)); where t is flat, 0 · ∞ is to be 0
  geluTanh: {
    body: `
      const t = hyperbolicTangent(${Math.sqrt(2 / Math.PI)} * (x + 0.044715 * x * x * x));
      const flatness = 1 - t * t;
      let slope = 0.5 * (1 + t);
      if (flatness !== 0) { slope = slope + 0.5 * x * flatness * (${Math.sqrt(2 / Math.PI)} * (1 + ${3 * 0.044715} * x * x)); }`,
    functions: hyperbolicTangent,
  },
};

// [g, z, y] -> g act'(z); in the statements x is z and y is g
export const activationGradient: GpuComposite<'activationGradient'> =
  (runtime) =>
  ([g, z], { activation: name }, [output]) => {
    const { body, functions } = slopes[name];
    const f = { name: `slope of ${name}`, body: `${body}\nreturn y * slope;`, functions };
    return [elementwise(runtime, 'activationGradient', f, [z, g], output)];
  };
