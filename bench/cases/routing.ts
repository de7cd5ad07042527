import { gamma, smallestNormal } from '../../spec/rounding/model.ts';
import { type Engine, key, type Tensor } from '../../src/index.ts';
import { composites } from '../../src/ops/index.ts';
import { gateWork } from '../bare.ts';
import { type Case, dimensions, rangeError, type Size, softmaxError, u } from '../case.ts';

/** To the experts: who is chosen, and the products of rows that are sorted by expert. */

export const experts = 8;
export const k = 2;

export const gate: Case<{ logits: Tensor }> = {
  name: 'gate',
  kind: 'kernel',
  sizes: [1024, 4096],
  quick: 64,
  title: (tokens) => `top-${k} gate, ${tokens} tokens, ${experts} experts`,
  inputs: (t, tokens) => ({ logits: t.normal(key(1), [Number(tokens), experts]) }),
  run: ({ logits }) => logits.engine.run(composites.topKGate, [logits], { k, renormalize: true }),
  bounds({ logits }, ulps) {
    const [gates] = logits.engine.run(composites.topKGate, [logits], { k, renormalize: true });
    return [gates.multiply(softmaxError(rangeError(logits), k, ulps)).add(smallestNormal(u)), null];
  },
  bare: (gpu, { logits }, data) => gateWork(gpu, [data(logits), logits.shape], k),
};

interface Grouped {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly g: Tensor;
  /** int32 [expert + 1] */
  readonly offsets: Tensor;
}

/** Rows × in × out; experts get unequal shares, from half to one and a half of the mean. */
function grouped(t: Engine, size: Size): Grouped {
  const [rows, input, output] = dimensions(size);
  const offsets = Int32Array.from({ length: experts + 1 }, (_, e) => {
    const share = e / experts;
    return Math.round(rows * share * (0.5 + 0.5 * share));
  });
  return {
    x: t.normal(key(1), [rows, input]),
    w: t.normal(key(2), [experts, input, output]),
    g: t.normal(key(3), [rows, output]),
    offsets: t.tensor(offsets, [experts + 1]),
  };
}

const shared = {
  kind: 'kernel',
  sizes: ['2048x128x512', '2048x256x1024', '2048x768x3072'],
  quick: '64x32x64',
  flops: (size: Size) => 2 * dimensions(size).reduce((a, b) => a * b, 1),
  inputs: grouped,
} as const;

export const groupedMatmul: Case<Grouped> = {
  name: 'grouped-matmul',
  ...shared,
  title: (size) => `grouped matmul, ${experts} experts, rows × in × out ${dimensions(size).join(' × ')}`,
  run: ({ x, w, offsets }) => [x.groupedMatmul(w, offsets)], // [row, in] · [expert, in, out] -> [row, out]
  bounds: ({ x, w, offsets }) => [
    x
      .abs()
      .groupedMatmul(w.abs(), offsets)
      .multiply(gamma(w.shape[1], u))
      .add(w.shape[1] * smallestNormal(u)),
  ],
};

export const groupedOuter: Case<Grouped> = {
  name: 'grouped-outer',
  ...shared,
  title: (size) => `grouped outer (∂W), ${experts} experts, rows × in × out ${dimensions(size).join(' × ')}`,
  run: ({ x, g, offsets }) => [x.groupedOuter(g, offsets)], // Σ_row [in] ⊗ [out] -> [expert, in, out]
  bounds: ({ x, g, offsets }) => [
    x
      .abs()
      .groupedOuter(g.abs(), offsets)
      .multiply(gamma(x.shape[0], u))
      .add(x.shape[0] * smallestNormal(u)),
  ],
};
