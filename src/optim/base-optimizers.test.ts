import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { ShapeError, UsageError } from '../errors.ts';
import { adamw } from './adamw.ts';
import { clipByGlobalNorm } from './clip.ts';
import { applyUpdates } from './optimizer.ts';
import { learningRate } from './schedule.ts';
import { sgd } from './sgd.ts';

/** By hand, and what is refused; the laws are in property-tests/laws/optimizers.ts. */
const t = engine(cpu(), { dtype: 'float64' });
const one = (x: number) => new Map([['w', t.tensor([x])]]);

describe('sgd', () => {
  it('two steps with momentum 1/2 and decay 1, by hand', async () => {
    const optimizer = sgd({ momentum: 0.5, weightDecay: 1 });
    const first = optimizer.step({
      parameters: one(2),
      gradients: one(1),
      state: optimizer.initial(one(2)),
      learningRate: 0.5,
    });
    expect([...(await first.updates.get('w')!.data())]).toEqual([-1.5]); // v = 1 + 2
    const second = optimizer.step({ parameters: one(0), gradients: one(1), state: first.state, learningRate: 0.5 });
    expect([...(await second.updates.get('w')!.data())]).toEqual([-1.25]); // v = 3/2 + 1
  });
  it('refuses Nesterov without momentum, and gradients that do not fit', () => {
    expect(() => sgd({ nesterov: true })).toThrow(UsageError);
    expect(() => sgd({ momentum: 1 })).toThrow(UsageError);
    const given = { parameters: one(1), state: new Map(), learningRate: 1 };
    expect(() => sgd().step({ ...given, gradients: new Map() })).toThrow(/missing/);
    expect(() => sgd().step({ ...given, gradients: new Map([['w', t.zeros([2])]]) })).toThrow(ShapeError);
  });
});

describe('adamw', () => {
  it('the first step goes by the sign of the gradient, and decays only what it is told to', async () => {
    const optimizer = adamw({ epsilon: 0, weightDecay: 0.5, decays: (path) => path === 'w' });
    const parameters = new Map([...one(2), ['b', t.tensor([2])] as const]);
    const gradients = new Map([...one(-3), ['b', t.tensor([7])] as const]);
    const { updates } = optimizer.step({
      parameters,
      gradients,
      state: optimizer.initial(parameters),
      learningRate: 1,
    });
    expect(await updates.get('w')!.item()).toBeCloseTo(1 - 1, 12);
    expect(await updates.get('b')!.item()).toBeCloseTo(-1, 12);
  });
  it('is one operation for all parameters of a dtype', () => {
    const parameters = new Map([...one(2), ['v', t.tensor([1])] as const, ['f', t.ones([3], 'float32')] as const]);
    const optimizer = adamw();
    const state = optimizer.initial(parameters);
    t.clearTrace();
    const { updates } = optimizer.step({ parameters, gradients: parameters, state, learningRate: 1 });
    expect([...updates].map(([path, { dtype }]) => [path, dtype])).toEqual([
      ['w', 'float64'],
      ['v', 'float64'],
      ['f', 'float32'],
    ]);
    expect(t.trace()).toEqual([{ op: 'adamwStep', native: 2, composed: 0, declined: [] }]);
  });
  it('leaves what a parameter gets in the region of its own operands, whatever others are stepped with it', async () => {
    const step = t.region();
    const parameters = new Map([...one(2), ['v', t.tensor([1])] as const]);
    const gradients = new Map([...one(2), ['v', step.tensor([1])] as const]);
    const optimizer = adamw();
    const { updates } = optimizer.step({
      parameters,
      gradients,
      state: optimizer.initial(parameters),
      learningRate: 1,
    });
    step.dispose();
    expect(await updates.get('w')!.data()).toHaveLength(1);
    await expect(updates.get('v')!.data()).rejects.toThrow(/freed|disposed/);
  });
  it('refuses β = 1', () => expect(() => adamw({ beta2: 1 })).toThrow(UsageError));
});

describe('clipByGlobalNorm', () => {
  const gradients = new Map([
    ['a', t.tensor([3])],
    ['b', t.tensor([4])],
  ]);
  it('scales all gradients by one factor, and leaves short ones as they are', async () => {
    const { gradients: clipped, norm } = clipByGlobalNorm(gradients, 2.5);
    expect(await norm.item()).toBe(5);
    expect([await clipped.get('a')!.item(), await clipped.get('b')!.item()]).toEqual([1.5, 2]);
    expect(await clipByGlobalNorm(gradients, 5).gradients.get('b')!.item()).toBe(4);
  });
  it('refuses no gradients and a limit of 0', () => {
    expect(() => clipByGlobalNorm(new Map(), 1)).toThrow(UsageError);
    expect(() => clipByGlobalNorm(gradients, 0)).toThrow(UsageError);
  });
});

describe('learningRate', () => {
  const schedule = { peak: 8, warmup: 4, total: 12, decay: 'linear' } as const;
  it('warms up, reaches the peak, and falls to the floor', () => {
    expect([0, 3, 4, 8, 12, 99].map((step) => learningRate(step, schedule))).toEqual([2, 8, 8, 4, 0, 0]);
    expect(learningRate(8, { ...schedule, decay: 'constant' })).toBe(8);
  });
  it('refuses negative steps and a warm-up longer than the run', () => {
    expect(() => learningRate(-1, schedule)).toThrow(UsageError);
    expect(() => learningRate(0, { ...schedule, total: 2 })).toThrow(UsageError);
  });
});

describe('applyUpdates', () => {
  it('adds what there is, and keeps the rest', async () => {
    expect(await applyUpdates(one(1), one(2)).get('w')!.item()).toBe(3);
    expect(await applyUpdates(one(1), new Map()).get('w')!.item()).toBe(1);
  });
});
