import { compound, gamma, smallestNormal } from '../../spec/rounding/model.ts';
import { key, type Tensor } from '../../src/index.ts';
import { composites } from '../../src/ops/index.ts';
import { productWork } from '../bare.ts';
import { type Case, dimensions, productBound, u } from '../case.ts';
import { experts } from './routing.ts';

/** What an optimizer does with a gradient: AdamW, and the projection off what other experts hold. */

export const adamw: Case<{ theta: Tensor; g: Tensor; m: Tensor; v: Tensor }> = {
  name: 'adamw',
  kind: 'kernel',
  sizes: ['8x128x512', '8x768x3072'],
  quick: '2x32x32',
  title: (size) => `AdamW of one parameter ${dimensions(size).join(' × ')}`,
  inputs(t, size) {
    const [theta, g, m, root] = [1, 2, 3, 4].map((seed) => t.normal(key(seed), dimensions(size)));
    return { theta, g, m, v: root.square() };
  },
  run: ({ theta, g, m, v }) => theta.engine.run(composites.adamwStep, [theta, g, m, v], attrs),
  // Each constant is rounded once. m: two products and a sum, γ₃ of its terms; v, of positive terms, γ₄ of itself; their
  // quotient and its denominator add a division each, a root and four roundings; the rate and λθ two each.
  bounds({ theta, g, m, v }, ulps) {
    const { learningRate, beta1, beta2, epsilon, weightDecays, time } = attrs;
    const first = m.multiply(beta1).add(g.multiply(1 - beta1));
    const firstError = m
      .abs()
      .multiply(beta1)
      .add(g.abs().multiply(1 - beta1))
      .multiply(gamma(3, u));
    const second = v.multiply(beta2).add(g.square().multiply(1 - beta2));
    const scale = second
      .divide(1 - beta2 ** time)
      .sqrt()
      .add(epsilon)
      .multiply(1 - beta1 ** time);
    const quotient = compound(gamma(4, u), 2 * ulps.divide * u, 2 * ulps.sqrt * u, 4 * ulps.divide * u, gamma(6, u));
    const direction = firstError.add(first.abs().multiply(quotient)).divide(scale);
    const size = first.abs().divide(scale).add(theta.abs().multiply(weightDecays[0]));
    return [
      direction
        .add(size.multiply(gamma(6, u)))
        .multiply(learningRate * 1.001)
        .add(smallestNormal(u)),
      firstError.add(smallestNormal(u)),
      second.multiply(gamma(4, u)).add(smallestNormal(u)),
    ];
  },
};
const attrs = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecays: [0.01], time: 10 };

export const projectDense: Case<{ q: Tensor; g: Tensor }> = {
  name: 'project-dense',
  kind: 'kernel',
  sizes: [128, 256],
  quick: 32,
  title: (n) => `projection by a dense projector, ${experts} experts, ${n} × ${n}`,
  flops: (n) => 2 * experts * Number(n) ** 3,
  inputs(t, size) {
    const n = Number(size);
    const v = t.normal(key(2), [experts, n, n / 4], { sd: 1 / Math.sqrt(n) });
    return { q: t.eye(n).subtract(v.matmul(v.transpose())), g: t.normal(key(1), [experts, n, n]) };
  },
  run: ({ q, g }) => [q.matmul(g)], // [expert, row, row] · [expert, row, col]
  bounds: ({ q, g }) => [productBound(q, g)],
  bare: (gpu, { q, g }, data) => productWork(gpu, [data(q), q.shape], [data(g), g.shape]),
};

export const projectFactored: Case<{ v: Tensor; g: Tensor }> = {
  name: 'project-factored',
  kind: 'kernel',
  sizes: [128, 256, '3072x769x32'],
  quick: 32,
  title(size) {
    const [rows, columns = rows, rank = rows / 4] = dimensions(size);
    return `projection by factors, ${experts} experts, ${rows} × ${columns}, rank ${rank}`;
  },
  flops(size) {
    const [rows, columns = rows, rank = rows / 4] = dimensions(size);
    return 4 * experts * rows * columns * rank;
  },
  inputs(t, size) {
    const [rows, columns = rows, rank = rows / 4] = dimensions(size);
    return {
      v: t.normal(key(2), [experts, rows, rank], { sd: 1 / Math.sqrt(rows) }),
      g: t.normal(key(1), [experts, rows, columns]),
    };
  },
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
