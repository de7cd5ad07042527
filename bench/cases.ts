import { compound, gamma, smallestNormal, type Ulps, UNIT_ROUNDOFF } from '../spec/rounding/model.ts';
import { type Engine, key, type Tensor } from '../src/index.ts';
import { type MoEParameters, moe, upcycle } from '../src/moe/index.ts';
import { initFeedForward } from '../src/nn/index.ts';
import { composites } from '../src/ops/index.ts';
import { adamw, applyUpdates, parametersOf } from '../src/optim/index.ts';
import { type Bare, type BareWork, gateWork, groupedWork, productWork } from './bare.ts';

/** What is timed. Each case is drawn, run, held to a bound, and said again in bare gpu.js kernels. */
export interface Case<Inputs = unknown> {
  readonly name: string;
  readonly sizes: readonly number[];
  title(size: number): string;
  /** Drawn once, in Float32 on the CPU; every device and the Float64 reference get these numbers. */
  inputs(t: Engine, size: number): Inputs;
  /** Issues the work. The clock stops when all of it is done. */
  run(inputs: Inputs): readonly Tensor[];
  /** Reads the first output before the clock stops, as a training loop does with its loss. */
  readonly reads?: boolean;
  /** How far each output may be from the same in Float64, by element; null: not at all. The inputs are Float64 ones. */
  bounds(inputs: Inputs, ulps: Ulps): readonly (Tensor | null)[];
  /** The same operation, or the products it consists of, as kernels that anybody would write in gpu.js. */
  bare(gpu: Bare, inputs: Inputs, data: (x: Tensor) => Float32Array): BareWork;
}

const u = UNIT_ROUNDOFF.float32;
const experts = 8;
const k = 2;

/** γ_inner |A||B| and what flushing small products to zero loses (spec/rounding/contractions.ts). */
const productBound = (a: Tensor, b: Tensor): Tensor => {
  const inner = a.shape.at(-1)!;
  return a
    .abs()
    .matmul(b.abs())
    .multiply(gamma(inner, u))
    .add(inner * smallestNormal(u));
};

const matmul: Case<{ a: Tensor; b: Tensor }> = {
  name: 'matmul',
  sizes: [64, 128, 256, 512, 1024],
  title: (n) => `matmul ${n} × ${n} × ${n}`,
  inputs: (t, n) => ({ a: t.normal(key(1), [n, n]), b: t.normal(key(2), [n, n]) }),
  run: ({ a, b }) => [a.matmul(b)], // [m, inner] · [inner, n] -> [m, n]
  bounds: ({ a, b }) => [productBound(a, b)],
  bare: (gpu, { a, b }, data) => productWork(gpu, [data(a), a.shape], [data(b), b.shape]),
};

const gate: Case<{ logits: Tensor }> = {
  name: 'gate',
  sizes: [1024, 4096],
  title: (tokens) => `top-${k} gate, ${tokens} tokens, ${experts} experts`,
  inputs: (t, tokens) => ({ logits: t.normal(key(1), [tokens, experts]) }),
  run: ({ logits }) => logits.engine.run(composites.topKGate, [logits], { k, renormalize: true }),
  // A gate is e^{z−m} / Σ e^{z−m} over the kept: the difference is off by u|z−m|, exp by its ulps, both again in the sum of k
  // terms, then a division. Absolute error of an exponent is relative error of its exponential.
  bounds({ logits }, ulps) {
    const [gates] = gate.run({ logits });
    const range = logits.max([1], { keepDims: true }).subtract(logits.min([1], { keepDims: true })); // [token, 1]
    const fixed = compound(2 * ulps.exp * u, 2 * ulps.exp * u, gamma(k - 1, u), 2 * ulps.divide * u, 8 * u);
    // eˣ − 1 ≤ 2x for the x at hand, which is below 1e-5
    return [gates.multiply(range.multiply(4 * u).add(fixed)).add(smallestNormal(u)), null];
  },
  bare: (gpu, { logits }, data) => gateWork(gpu, [data(logits), logits.shape], k),
};

const projectDense: Case<{ q: Tensor; g: Tensor }> = {
  name: 'project-dense',
  sizes: [128, 256],
  title: (n) => `projection by a dense projector, ${experts} experts, ${n} × ${n}`,
  inputs(t, n) {
    const v = t.normal(key(2), [experts, n, n / 4], { sd: 1 / Math.sqrt(n) });
    return { q: t.eye(n).subtract(v.matmul(v.transpose())), g: t.normal(key(1), [experts, n, n]) };
  },
  run: ({ q, g }) => [q.matmul(g)], // [expert, row, row] · [expert, row, col]
  bounds: ({ q, g }) => [productBound(q, g)],
  bare: (gpu, { q, g }, data) => productWork(gpu, [data(q), q.shape], [data(g), g.shape]),
};

const projectFactored: Case<{ v: Tensor; g: Tensor }> = {
  name: 'project-factored',
  sizes: [128, 256],
  title: (n) => `projection by factors, ${experts} experts, ${n} × ${n}, rank ${n / 4}`,
  inputs: (t, n) => ({
    v: t.normal(key(2), [experts, n, n / 4], { sd: 1 / Math.sqrt(n) }),
    g: t.normal(key(1), [experts, n, n]),
  }),
  run: ({ v, g }) => [g.orthogonalProject(v)], // G − V(VᵀG)
  // VᵀG is off by γ_row |Vᵀ||G|; the second product and the subtraction add γ_rank and one rounding of what they see.
  bounds({ v, g }) {
    const [rows, rank] = [v.shape.at(-2)!, v.shape.at(-1)!];
    const along = v.abs().matmul(v.transpose().abs().matmul(g.abs()));
    return [along.add(g.abs()).multiply(compound(gamma(rows, u), gamma(rank + 1, u), u))];
  },
  bare(gpu, { v, g }, data) {
    const transposed = v.transpose().copy();
    const first = productWork(gpu, [data(transposed), transposed.shape], [data(g), g.shape]);
    return productWork(gpu, [data(v), v.shape], first, [data(g), g.shape]);
  },
};

const rate = 1e-3;
const moeStep: Case<{ x: Tensor; layer: MoEParameters }> = {
  name: 'moe-step',
  sizes: [64, 128],
  title: (d) => `MoE step: forward, backward, AdamW; 256 tokens, ${experts} experts, top-${k}, ${d} → ${4 * d}`,
  inputs: (t, d) => ({
    x: t.normal(key(3), [256, d]),
    layer: upcycle(initFeedForward(t, key(1), d, 4 * d), { experts, key: key(2), noise: 0.02 }),
  }),
  reads: true,
  run({ x, layer }) {
    const t = x.engine;
    const lossOf = (watched: MoEParameters) => moe(x, watched, { k }).output.square().mean();
    const [loss, gradients] = t.valueAndGrad(lossOf)(layer);
    const [optimizer, parameters] = [adamw(), parametersOf(layer)];
    const given = { parameters, gradients: parametersOf(gradients), state: optimizer.initial(parameters) };
    const { updates } = optimizer.step({ ...given, learningRate: rate });
    return [loss, ...applyUpdates(parameters, updates).values()];
  },
  /**
   * The loss by a pass over absolute values, taking for each token its worst expert: z off by γ_{d+1} Z, Z = |x||W₁| + |b₁|;
   * gelu, of slope ≤ 1.13, adds (2 ulps.erf + 4)u Z; y by another γ_{ff+1}; a gate is off relatively by twice its logit and by
   * its own roundings; the sum over slots by γ_k; the mean of squares by 2|y|E + E² and γ. What AdamW does with a gradient
   * amplifies without bound where that is near 0, but never moves a weight by more than η(1 + λ|θ|) either way: so that is the
   * bound of the updated weights, twice. Gradients are held to their definitions by the conformance kit.
   */
  bounds({ x, layer }, ulps) {
    const { router, fc1, fc2 } = layer;
    const [width, hidden] = fc1.weight.shape.slice(1);
    const output = moe(x, layer, { k }).output;
    const magnitude = (input: Tensor, { weight, bias }: typeof fc1) =>
      input.matmul(weight.abs()).add(bias.abs().expandDims(1)); // [expert, token, in] · [expert, in, out]
    const y = magnitude(magnitude(x.abs().expandDims(0), fc1), fc2).max([0]); // [token, width]
    const logit = x
      .abs()
      .matmul(router.weight.abs())
      .max([1], { keepDims: true })
      .multiply(4 * gamma(width + 1, u)); // [token, 1]
    const activation = 1.13 * gamma(width + 1, u) + (2 * ulps.erf + 4) * u;
    const gating = compound(4 * ulps.exp * u, 2 * ulps.divide * u, gamma(2 * k, u), 16 * u);
    const error = y.multiply(logit.add(compound(activation, gamma(hidden + 1, u), gating)));
    const squares = output.abs().multiply(error).multiply(2).add(error.square());
    const loss = squares.add(output.square().multiply(gamma(output.size + 2, u))).mean();
    const moved = [...parametersOf(layer).values()].map((theta) =>
      theta
        .abs()
        .multiply(0.01)
        .add(1)
        .multiply(2 * rate),
    );
    return [loss, ...moved];
  },
  bare: (gpu, { x, layer }, data) =>
    groupedWork(gpu, {
      rows: x.shape[0] * k,
      input: x.shape[1],
      weights: [layer.fc1.weight, layer.fc2.weight].map((w) => [data(w), w.shape] as const),
    }),
};

export const cases = [matmul, gate, projectDense, projectFactored, moeStep] as readonly Case[];
