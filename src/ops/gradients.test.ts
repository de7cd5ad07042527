import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import type { Tensor } from '../tensor.ts';
import { composites } from './index.ts';

/** Gradients at the edges, where a product of 0 and ∞ would be NaN. The laws draw ordinary places. */
const t = engine(cpu(), { dtype: 'float64' });
const slopes = async (f: (x: Tensor) => Tensor, at: number[]) => [
  ...(await t
    .grad((x: Tensor) => f(x).sum())(t.tensor(at))
    .data()),
];

describe('gradients at the edges', () => {
  it('power: x⁰ is flat everywhere, and 0 has the slope of its power', async () => {
    expect(await slopes((x) => x.power(0), [-2, 0, 3])).toEqual([0, 0, 0]);
    expect(await slopes((x) => x.power(1), [0, 3])).toEqual([1, 1]);
    expect(await slopes((x) => x.power(2), [0, 3])).toEqual([0, 6]);
  });
  it('geluTanh: 0 far to the left, 1 far to the right', async () => {
    expect(await slopes((x) => x.geluTanh(), [-1e200, -50, 50, 1e200])).toEqual([0, 0, 1, 1]);
  });
  it('rows of nobody: gradients are exactly 0, and numbers elsewhere, whatever stands there', async () => {
    const index = (...values: number[]) => t.tensor(Int32Array.from(values), [values.length]);
    const nobody = index(0, 1); // of two rows the second is nobody's
    const [order, slots] = [index(0, 1), index(0, 1).reshape([1, 2])];
    const combined = t.grad(([rows, gates]: readonly Tensor[]) => {
      const inputs = [rows, gates, slots, index(0, 0), order, nobody];
      return t.run(composites.moeCombine, inputs, {})[0].sum();
    })([t.tensor([[2], [Number.NaN]]), t.tensor([[3, Number.POSITIVE_INFINITY]])]);
    expect(await Promise.all(combined.map(async (g) => [...(await g.data())]))).toEqual([
      [3, 0],
      [2, 0],
    ]);
    const linear = t.grad(([x, w, b]: readonly Tensor[]) =>
      t.run(composites.groupedLinear, [x, w, b, nobody], { activation: 'gelu' as const })[0].sum(),
    )([t.tensor([[0], [Number.NaN]]), t.tensor([[[4]]]), t.tensor([[0]])]);
    expect(await Promise.all(linear.map(async (g) => [...(await g.data())]))).toEqual([[2, 0], [0], [0.5]]);
  });
});
