import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { claimWithin, gamma } from '../../property-tests/kit/within.ts';
import { engine } from '../engine.ts';
import { frobeniusNorm, matrix, multiplyLeftTransposed, norm } from '../linalg/index.ts';
import { key, normal } from '../random.ts';
import { type OmoeOptions, omoeDefaults } from './options.ts';
import { ridgeProjector, toDense } from './projector/index.ts';
import { protectedUpdate, uploadProjectors, uploadStack } from './protect.ts';

const t = engine(cpu(), { dtype: 'float64' });
const [experts, input, output] = [2, 3, 160];

/** Factors of `rank` columns for two experts, and their updates. */
function make(rank: number) {
  const projectors = Array.from({ length: experts }, (_, i) =>
    ridgeProjector(matrix(output, rank, normal(key(i), output * rank)), 0.5),
  );
  const delta = { weight: t.normal(key(7), [experts, input, output]), bias: t.normal(key(8), [experts, output]) };
  return { projectors, delta };
}

/** The factor that was uploaded for expert 0. */
async function uploaded(rank: number, options: OmoeOptions = omoeDefaults) {
  const q = uploadProjectors(t, make(rank).projectors, 'float64', options);
  if (!('factor' in q)) throw new Error('dense');
  return { q, v: matrix(output, rank, ((await q.factor.data()) as Float64Array).slice(0, output * rank)) };
}

describe('uploadProjectors', () => {
  it('makes the columns of small factors orthogonal, and leaves large ones as they are', async () => {
    for (const [rank, orthogonal] of [
      [64, true],
      [65, false],
    ] as const) {
      const { q, v } = await uploaded(rank);
      expect(q.orthogonal).toBe(orthogonal);
      const gram = multiplyLeftTransposed(v, v);
      const beside = gram.data.map((x, k) => (k % (rank + 1) === 0 ? 0 : x));
      // eigh leaves √n·u‖G‖ beside the diagonal, the two products another γ each.
      if (orthogonal) claimWithin(beside, new Float64Array(rank ** 2), gamma(8 * output) * frobeniusNorm(gram), 'VᵀV');
      else expect(frobeniusNorm(matrix(rank, rank, beside))).toBeGreaterThan(1e-3);
    }
  });

  it('takes those of `hard` for orthogonal, which they are as they come', async () => {
    const { q, v } = await uploaded(65, { ...omoeDefaults, combine: 'hard' });
    expect(q.orthogonal).toBe(true);
    expect(v).toEqual(make(65).projectors[0].factor);
  });
});

describe('protectedUpdate', () => {
  it('is the same by factors, turned or not, as by the dense projectors', async () => {
    for (const rank of [5, 64, 65, 79]) {
      const { projectors, delta } = make(rank);
      const dense = uploadStack(t, projectors.map(toDense), output, 'float64');
      const exact = protectedUpdate({ dense }, delta, omoeDefaults);
      const done = protectedUpdate(uploadProjectors(t, projectors, 'float64', omoeDefaults), delta, omoeDefaults);
      // Two sums of at most `output` products, by V with ‖V‖²_F ≤ output, of a Δ of this length; so are V's turning and Q's forming.
      const length = norm(await data(delta.weight)) + norm(await data(delta.bias));
      const bound = gamma(8 * output) * output * length;
      for (const of of [
        ({ delta: { weight } }: typeof done) => weight,
        ({ delta: { bias } }: typeof done) => bias,
        ({ normKept }: typeof done) => normKept,
        ({ factor }: typeof done) => factor,
      ])
        claimWithin(await data(of(done)), await data(of(exact)), bound, `rank ${rank}`);
    }
  });
});

const data = async (x: { data(): Promise<unknown> }) => (await x.data()) as Float64Array;
