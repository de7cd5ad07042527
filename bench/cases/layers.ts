import { compound, gamma, smallestNormal } from '../../spec/rounding/model.ts';
import { key, type Tensor } from '../../src/index.ts';
import { initLinear, type LinearParameters, linear, norm, scaledDotProductAttention } from '../../src/nn/index.ts';
import { type Case, dimensions, geluError, rangeError, type Size, softmaxError, u } from '../case.ts';

/** What a transformer block consists of, apart from its experts. Sizes are rows × columns unless said otherwise. */

const joined = (size: Size): string => dimensions(size).join(' × ');

export const linearGelu: Case<{ x: Tensor; layer: LinearParameters }> = {
  name: 'linear-gelu',
  kind: 'kernel',
  sizes: ['1024x128x512', '1024x256x1024', '1024x768x3072'],
  quick: '64x32x64',
  title: (size) => `linear + gelu ${joined(size)}`,
  flops: (size) => 2 * dimensions(size).reduce((a, b) => a * b, 1),
  inputs(t, size) {
    const [rows, input, output] = dimensions(size);
    return { x: t.normal(key(1), [rows, input]), layer: initLinear(t, key(2), input, output) };
  },
  run: ({ x, layer }) => [linear(x, layer, 'gelu')],
  bounds({ x, layer: { weight, bias } }, ulps) {
    const z = x.abs().matmul(weight.abs()).add(bias.abs()); // |x||W| + |b|
    return [z.multiply(geluError(gamma(x.shape[1] + 1, u), ulps)).add(x.shape[1] * smallestNormal(u))];
  },
};

export const softmax: Case<{ x: Tensor }> = {
  name: 'softmax',
  kind: 'kernel',
  sizes: ['1024x128', '4096x512'],
  quick: '64x32',
  title: (size) => `softmax over rows ${joined(size)}`,
  inputs: (t, size) => ({ x: t.normal(key(1), dimensions(size)) }),
  run: ({ x }) => [x.softmax(-1)],
  bounds: ({ x }, ulps) => [
    x
      .softmax(-1)
      .multiply(softmaxError(rangeError(x), x.shape[1], ulps))
      .add(smallestNormal(u)),
  ],
};

export const layerNorm: Case<{ x: Tensor; weight: Tensor; bias: Tensor }> = {
  name: 'layer-norm',
  kind: 'kernel',
  sizes: ['1024x128', '1024x768'],
  quick: '64x32',
  title: (size) => `layer norm ${joined(size)}`,
  inputs(t, size) {
    const [rows, width] = dimensions(size);
    const vector = (seed: number) => t.normal(key(seed), [width]);
    return { x: t.normal(key(1), [rows, width]), weight: vector(2), bias: vector(3) };
  },
  run: ({ x, ...parameters }) => [norm(x, parameters)],
  /**
   * The derivation of `layerNormBound` in spec/rounding/normalisations.ts with its letters, for lanes whose variance is far above
   * ε: M the error of the mean, W that of σ², (d + M)(1 + g) − d that of the difference over σ.
   */
  bounds({ x, weight, bias }, ulps) {
    const width = x.shape[1];
    const keep = { keepDims: true };
    const divide = 2 * ulps.divide * u;
    const [mean, root] = [x.mean([-1], keep), 2 * ulps.sqrt * u];
    const d = x.subtract(mean);
    const square = d.square().mean([-1], keep);
    const M = x
      .abs()
      .mean([-1], keep)
      .multiply(compound(gamma(width, u), divide));
    const W = M.square()
      .add(square.add(M.square()).multiply(compound(gamma(width + 3, u), divide)))
      .add(square.multiply(u).add(1e-5 * u));
    const t = compound(gamma(1, u), divide, root / (1 - root));
    // √(1 + e) − 1 ≤ e/2 with e = W/(σ² − W)
    const g = W.divide(square.subtract(W))
      .multiply(0.5)
      .add(1)
      .multiply((1 + u) * (1 + t))
      .subtract(1); // [row, 1]
    const N = d
      .abs()
      .multiply(g)
      .add(M.multiply(g.add(1)))
      .divide(square.sqrt());
    const n = d.abs().divide(square.sqrt()).add(N);
    const w = weight.abs();
    return [
      N.multiply(w)
        .add(n.multiply(w).add(bias.abs()).multiply(gamma(2, u)))
        .add(w.add(1).multiply(smallestNormal(u))),
    ];
  },
};

/** Sizes are batch × heads × positions × dim; every third sentence ends in padding. */
export const attention: Case<{ q: Tensor; k: Tensor; v: Tensor; mask: Tensor }> = {
  name: 'attention',
  kind: 'kernel',
  sizes: ['32x4x16x12', '8x4x128x32', '2x8x512x64'],
  quick: '2x2x8x8',
  title: (size) => `attention, batch × heads × positions × dim ${joined(size)}`,
  flops(size) {
    const [batch, heads, positions, dim] = dimensions(size);
    return 4 * batch * heads * positions ** 2 * dim;
  },
  inputs(t, size) {
    const shape = dimensions(size);
    const [batch, , positions] = shape;
    const real = Uint8Array.from({ length: batch * positions }, (_, i) => {
      const [sentence, place] = [Math.floor(i / positions), i % positions];
      return sentence % 3 === 2 && place >= positions - positions / 4 ? 0 : 1;
    });
    const [q, k, v] = [1, 2, 3].map((seed) => t.normal(key(seed), shape));
    return { q, k, v, mask: t.tensor(real, [batch, positions], 'bool') };
  },
  run: ({ q, k, v, mask }) => [scaledDotProductAttention(q, k, v, mask)],
  // Scores are off by γ_{dim+2} |q||k|ᵀ/√dim, weights relatively by twice the worst of that and by softmax's own error, sums by γ.
  bounds({ q, k, v, mask }, ulps) {
    const [, , positions, dim] = q.shape;
    const scale = 1 / Math.sqrt(dim);
    const scores = q.matmul(k.transpose()).multiply(scale); // [query, dim] · [dim, key] -> [query, key]
    const magnitude = q.abs().matmul(k.transpose().abs()).multiply(scale);
    const worst = magnitude.max([-1], { keepDims: true }).multiply(2 * gamma(dim + 2, u));
    const relative = softmaxError(rangeError(scores).add(worst), positions, ulps).add(gamma(positions, u)); // [query, 1]
    return [
      scaledDotProductAttention(q, k, v.abs(), mask)
        .multiply(relative.multiply(1.01))
        .add(positions * smallestNormal(u)),
    ];
  },
};
