import { compound, gamma, type Ulps } from '../../spec/rounding/model.ts';
import { type Engine, key, type Tensor } from '../../src/index.ts';
import { combineRows, dispatchTokens, type MoEParameters, moe, upcycle } from '../../src/moe/index.ts';
import { initFeedForward } from '../../src/nn/index.ts';
import { composites } from '../../src/ops/index.ts';
import { type AdamWState, adamw, applyUpdates, parametersOf } from '../../src/optim/index.ts';
import { groupedWork } from '../bare.ts';
import { type Case, dimensions, geluError, type Size, u } from '../case.ts';
import { k } from './routing.ts';

/** Training steps of one MoE layer, d -> 4d unless said otherwise: forward, backward, AdamW. The loss is read. */

export const rate = 1e-3;
export const optimizer = adamw();

export interface Layer {
  readonly x: Tensor;
  readonly layer: MoEParameters;
}
export interface Step extends Layer {
  /** At rest, so that the first step moves each weight by at most η(1 + λ|θ|). */
  readonly state: AdamWState;
}

interface Shape {
  readonly tokens: number;
  readonly width: number;
  readonly hidden: number;
  readonly experts: number;
}

export const drawLayer = (t: Engine, { tokens, width, hidden, experts }: Shape): Layer => ({
  x: t.normal(key(3), [tokens, width]),
  layer: upcycle(initFeedForward(t, key(1), width, hidden), { experts, key: key(2), noise: 0.02 }),
});

export const drawStep = (t: Engine, shape: Shape): Step => {
  const drawn = drawLayer(t, shape);
  return { ...drawn, state: optimizer.initial(parametersOf(drawn.layer)) };
};

/** The mean square of what the layer puts out. */
export const lossOf = (x: Tensor, layer: MoEParameters): Tensor => moe(x, layer, { k }).output.square().mean();

export const gradientsOf = ({ x, layer }: Layer): [Tensor, MoEParameters] =>
  x.engine.valueAndGrad((watched: MoEParameters) => lossOf(x, watched))(layer);

export function step({ x, layer, state }: Step): readonly Tensor[] {
  const [loss, gradients] = gradientsOf({ x, layer });
  const parameters = parametersOf(layer);
  const given = { parameters, gradients: parametersOf(gradients), state };
  const { updates } = optimizer.step({ ...given, learningRate: rate });
  return [loss, ...applyUpdates(parameters, updates).values()];
}

/**
 * What the loss may be off by, along the rows that each token takes: z by γ_{d+1} Z with Z = |x||W₁| + |b₁|; gelu as in
 * `geluError`; y by another γ_{ff+1}; a gate relatively by twice its logit's error and by its own roundings; the sum over slots by
 * γ_k; the mean of squares by 2|y|E + E² and γ.
 */
export function lossBound({ x, layer }: Layer, ulps: Ulps): Tensor {
  const { router, fc1, fc2 } = layer;
  const [width, hidden] = fc1.weight.shape.slice(1);
  const { output, plan } = moe(x, layer, { k });
  const through = (rows: Tensor, { weight, bias }: typeof fc1) =>
    x.engine.run(composites.groupedLinear, [rows, weight.abs(), bias.abs(), plan.offsets], { activation: 'none' })[0];
  const y = combineRows(through(through(dispatchTokens(x.abs(), plan), fc1), fc2), plan); // Σ g (|a||W₂| + |b₂|)
  const logit = x
    .abs()
    .matmul(router.weight.abs())
    .max([1], { keepDims: true })
    .multiply(4 * gamma(width + 1, u)); // [token, 1]
  const gating = compound(4 * ulps.exp * u, 2 * ulps.divide * u, gamma(2 * k, u), 16 * u);
  const error = y.multiply(logit.add(compound(geluError(gamma(width + 1, u), ulps), gamma(hidden + 1, u), gating)));
  const squares = output.abs().multiply(error).multiply(2).add(error.square());
  return squares.add(output.square().multiply(gamma(output.size + 2, u))).mean();
}

/**
 * What AdamW does with a gradient amplifies without bound where that is near 0, but its first step moves no weight by more than
 * η(1 + λ|θ|), whatever the gradient: so weights are held to that. Gradients are held to their definitions by the conformance kit.
 */
const mostMoved = (layer: MoEParameters): Tensor[] =>
  [...parametersOf(layer).values()].map((theta) =>
    theta
      .abs()
      .multiply(0.01)
      .add(1)
      .multiply(1.001 * rate),
  );

/** Multiplications and additions of the six products of a step (two forward, four backward), the router's left out. */
export const stepFlops = ({ tokens, width, hidden }: Omit<Shape, 'experts'>): number =>
  12 * tokens * k * width * hidden;

const stepCase = (
  name: string,
  [quick, ...sizes]: readonly Size[],
  shape: (size: Size) => Shape,
  bare?: Case<Step>['bare'],
): Case<Step> => ({
  name,
  kind: 'step',
  ...{ sizes, quick },
  title(size) {
    const { tokens, width, hidden, experts } = shape(size);
    return `MoE training step: ${tokens} tokens, ${experts} experts, top-${k}, ${width} → ${hidden}`;
  },
  flops: (size) => stepFlops(shape(size)),
  inputs: (t, size) => drawStep(t, shape(size)),
  reads: true,
  run: step,
  exact: ({ x, layer }) => [lossOf(x, layer), ...parametersOf(layer).values()],
  bounds: (inputs, ulps) => [lossBound(inputs, ulps), ...mostMoved(inputs.layer)],
  bare,
});

export const moeStep = stepCase(
  'moe-step',
  [32, 128, 256, 768],
  (width) => ({ tokens: 1024, width: Number(width), hidden: 4 * Number(width), experts: 8 }),
  (gpu, { x, layer }, data) =>
    groupedWork(gpu, {
      rows: x.shape[0] * k,
      input: x.shape[1],
      weights: [layer.fc1.weight, layer.fc2.weight].map((w) => [data(w), w.shape] as const),
    }),
);

export const moeTokens = stepCase('moe-tokens', [64, 256, 512, 1024, 2048, 4096, 8192], (tokens) => ({
  tokens: Number(tokens),
  width: 128,
  hidden: 512,
  experts: 8,
}));

/** Forward and backward alone, so that more experts do not mean more weights to update; beside the same with four. */
export const moeExperts: Case<{ many: Layer; few: Layer }> = {
  name: 'moe-experts',
  kind: 'step',
  sizes: [4, 8, 16, 32, 64],
  quick: '8x64',
  title(size) {
    const { tokens, experts } = ofExperts(size);
    return `MoE forward and backward: ${tokens} tokens, ${experts} experts, top-${k}, 128 → 512`;
  },
  flops: (size) => stepFlops(ofExperts(size)),
  inputs: (t, size) => ({ many: drawLayer(t, ofExperts(size)), few: drawLayer(t, { ...ofExperts(size), experts: 4 }) }),
  reads: true,
  run: ({ many }) => lossAndGradients(many),
  exact: ({ many: { x, layer } }) => [lossOf(x, layer)],
  bounds: ({ many }, ulps) => [lossBound(many, ulps)],
  baseline: { name: '4 experts', run: ({ few }) => lossAndGradients(few) },
};

/** Experts, or experts × tokens. */
function ofExperts(size: Size): Shape {
  const [experts, tokens = 1024] = dimensions(size);
  return { tokens, experts, width: 128, hidden: 512 };
}

function lossAndGradients(layer: Layer): readonly Tensor[] {
  const [loss, gradients] = gradientsOf(layer);
  return [loss, ...parametersOf(gradients).values()];
}
