import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import type { Tensor } from '../tensor.ts';

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
});
