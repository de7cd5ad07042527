import { key, type Tensor } from '../../src/index.ts';
import { productWork } from '../bare.ts';
import { type Case, dimensions, productBound, type Size } from '../case.ts';

/** One product of two matrices, [m, inner] · [inner, n]. */
const product = (name: string, sizes: readonly Size[], shape: (size: Size) => readonly number[]): Case<Factors> => ({
  name,
  kind: 'kernel',
  sizes,
  quick: sizes[0],
  title: (size) => `matmul ${shape(size).join(' × ')}`,
  flops: (size) => 2 * shape(size).reduce((a, b) => a * b, 1),
  inputs(t, size) {
    const [m, inner, n] = shape(size);
    return { a: t.normal(key(1), [m, inner]), b: t.normal(key(2), [inner, n]) };
  },
  run: ({ a, b }) => [a.matmul(b)], // [m, inner] · [inner, n] -> [m, n]
  bounds: ({ a, b }) => [productBound(a, b)],
  bare: (gpu, { a, b }, data) => productWork(gpu, [data(a), a.shape], [data(b), b.shape]),
});

interface Factors {
  readonly a: Tensor;
  readonly b: Tensor;
}

export const matmul = product('matmul', [64, 128, 256, 512, 1024], (size) => {
  const [m, inner = m, n = m] = dimensions(size);
  return [m, inner, n];
});

/** m × inner × n of an MoE layer: the router, one expert's share of 1,024 tokens up and down, and the last few rows. */
export const skinny = product(
  'matmul-skinny',
  ['1024x128x8', '256x128x512', '256x512x128', '256x256x1024', '256x768x3072', '4x128x512'],
  dimensions,
);
