import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { DivergedError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import { refuseNonFinite } from './guard.ts';

const t = engine(cpu());
const fine = t.tensor([1, -2, 0]);
const complaintOf = async (
  watched: { loss: number; gradientNorm: number },
  suspects: Iterable<readonly [string, Tensor]>,
) => {
  const error = await refuseNonFinite('omoe, seed 2', 7, watched, suspects).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DivergedError);
  expect((error as DivergedError).exitCode).toBe(3);
  return (error as DivergedError).complaint;
};

describe('refuseNonFinite', () => {
  it('lets finite numbers pass without looking at any tensor', async () => {
    const looked: string[] = [];
    function* suspects() {
      looked.push('first');
      yield ['the loss', fine] as const;
    }
    await refuseNonFinite('adamw, seed 0', 0, { loss: 1e30, gradientNorm: 0 }, suspects());
    expect(looked).toEqual([]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'names the first tensor with %s, and the element',
    async (bad) => {
      const suspects = [
        ['the parameter a', fine],
        [
          'the router logits of MoE layer 0',
          t.tensor([
            [1, 2],
            [3, bad],
          ]),
        ],
        ['the loss', t.tensor(Number.NaN)],
      ] as const;
      for (const watched of [
        { loss: bad, gradientNorm: 1 },
        { loss: 1, gradientNorm: bad },
      ]) {
        const { operation, received, advice } = await complaintOf(watched, suspects);
        expect(operation).toBe('training omoe, seed 2, step 7');
        expect(received).toContain(`${bad} in the router logits of MoE layer 0 at element 3,`);
        expect(received).toContain(`loss ${watched.loss}, gradient norm ${watched.gradientNorm}`);
        expect(advice).toMatch(/not applied/);
      }
    },
  );

  it('reads no further than the first bad tensor', async () => {
    const looked: string[] = [];
    function* suspects() {
      for (const name of ['good', 'bad', 'worse']) {
        looked.push(name);
        yield [name, name === 'good' ? fine : t.tensor([Number.NaN])] as const;
      }
    }
    expect((await complaintOf({ loss: Number.NaN, gradientNorm: 1 }, suspects())).received).toContain('NaN in bad');
    expect(looked).toEqual(['good', 'bad']);
  });

  it('says so where only the norm overflowed', async () => {
    const { operation, received, advice } = await complaintOf({ loss: 1, gradientNorm: Infinity }, [['a', fine]]);
    expect(operation).toContain('step 7');
    expect(received).toContain('from finite tensors');
    expect(advice).toMatch(/norm itself overflowed/);
  });
});
