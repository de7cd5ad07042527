import { describe, expect, it } from 'vitest';
import { claimWithin } from '../../property-tests/kit/within.ts';
import { array, type Real, SpecError, toFlat } from '../array.ts';
import { adamw } from './adamw.ts';
import { clipByGlobalNorm, globalNorm } from './clip.ts';
import { gamma, plus } from './linear-algebra.ts';
import { learningRate } from './schedule.ts';
import { type BaseOptimizer, sgd } from './sgd.ts';

/** The parameter after each of some steps with the given gradients, from the value 1. */
function path<State>(optimizer: BaseOptimizer<State>, gradients: number[], rate: number): number[] {
  let state = optimizer.initial([1]);
  let parameter: Real = array([1]);
  return gradients.map((g) => {
    const step = optimizer.step(state, parameter, array([g]), rate);
    state = step.state;
    parameter = plus(parameter, step.update);
    return parameter.get(0);
  });
}

describe('sgd', () => {
  // Powers of 1/2 throughout, so that every number is exact.
  it('walks down the gradient', () => expect(path(sgd(), [1, 2], 0.25)).toEqual([0.75, 0.25]));
  it('sums gradients as momentum: 1, then 1/2 + 1', () =>
    expect(path(sgd({ momentum: 0.5 }), [1, 1], 0.25)).toEqual([0.75, 0.375]));
  it('looks ahead with Nesterov: 1 + 1/2, then 1 + 3/4', () =>
    expect(path(sgd({ momentum: 0.5, nesterov: true }), [1, 1], 0.25)).toEqual([0.625, 0.1875]));
  it('adds the decay to the gradient', () =>
    expect(path(sgd({ weightDecay: 0.5 }), [1, 1], 0.25)).toEqual([0.625, 0.296875]));
  it('refuses Nesterov without momentum', () => expect(() => sgd({ nesterov: true })).toThrow(SpecError));
});

describe('adamw', () => {
  it('first step: the sign of the gradient, whatever its size, plus the decay', () => {
    const plain = { epsilon: 0, weightDecay: 0 };
    claimWithin(path(adamw(plain), [1e-5], 0.25), [0.75], gamma(16), 'small gradient');
    claimWithin(path(adamw({ ...plain, weightDecay: 0.5 }), [1e5], 0.25), [0.625], gamma(16), 'decay');
  });
  it('second step by hand: β₁ = β₂ = 1/2, gradients 1 and 3', () => {
    // m = 1/2·1/2 + 3/2 = 7/4, v = 1/2·1/2 + 9/2 = 19/4; both divided by 1 − 1/4.
    const expected = 0.75 - 0.25 * (7 / 3 / Math.sqrt(19 / 3));
    const options = { beta1: 0.5, beta2: 0.5, epsilon: 0, weightDecay: 0 };
    claimWithin([path(adamw(options), [1, 3], 0.25)[1]], [expected], gamma(24), 'second step');
  });
  it('an expert without tokens has a zero gradient, and gets no NaN', () => {
    expect(path(adamw({ weightDecay: 0 }), [0, 0], 0.25)).toEqual([1, 1]);
  });
});

describe('schedule', () => {
  const run = { peak: 8, warmup: 4, total: 12 };
  it('warms up to the peak in `warmup` steps', () => {
    const rates = [0, 1, 2, 3, 4].map((step) => learningRate(step, { ...run, decay: 'linear' }));
    expect(rates).toEqual([2, 4, 6, 8, 8]);
  });
  it('decays linearly, or by half a cosine, to the floor and stays there', () => {
    expect(learningRate(8, { ...run, decay: 'linear' })).toBe(4);
    expect(learningRate(12, { ...run, decay: 'linear' })).toBe(0);
    expect(learningRate(99, { ...run, decay: 'linear', floor: 2 })).toBe(2);
    claimWithin([learningRate(8, { ...run, decay: 'cosine' })], [4], gamma(8) * 8, 'half way');
    claimWithin([learningRate(6, { ...run, decay: 'cosine' })], [4 + Math.SQRT1_2 * 4], gamma(8) * 8, 'a quarter');
    expect(learningRate(12, { ...run, decay: 'cosine' })).toBe(0);
    expect(learningRate(12, { ...run, decay: 'constant' })).toBe(8);
  });
  it('refuses a warm-up longer than the run', () =>
    expect(() => learningRate(0, { ...run, warmup: 13, decay: 'linear' })).toThrow(SpecError));
});

describe('clip', () => {
  it('by the norm over all gradients together', () => {
    const gradients = [array([3]), array([0, 4])];
    expect(globalNorm(gradients)).toBe(5);
    claimWithin(clipByGlobalNorm(gradients, 2.5).flatMap(toFlat), [1.5, 0, 2], gamma(8) * 2, 'clipped');
    expect(clipByGlobalNorm(gradients, 5).flatMap(toFlat)).toEqual([3, 0, 4]);
    expect(() => clipByGlobalNorm(gradients, 0)).toThrow(SpecError);
  });
});
